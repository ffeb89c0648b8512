from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn

from velatura.attacks.made_pictures import dead_leaves, noise


def test_the_same_seed_makes_the_same_pictures() -> None:
    first, second = (dead_leaves(2, (20, 30, 3), np.random.default_rng(1)) for _ in range(2))
    assert (first == second).all()
    assert first.shape == (2, 20, 30, 3) and first.dtype == np.uint8


def test_dead_leaves_have_the_spectrum_of_photographs_and_noise_has_none() -> None:
    rng = np.random.default_rng(0)
    assert slope(dead_leaves(24, (128, 128, 1), rng)) == pytest.approx(-2.3, abs=0.4)
    assert slope(noise(24, (128, 128, 1), rng)) == pytest.approx(0, abs=0.1)


def test_dead_leaves_have_edges() -> None:
    steps = np.abs(np.diff(dead_leaves(8, (64, 64, 1), np.random.default_rng(0)).astype(float), axis=2))
    assert (steps == 0).mean() > 0.5 and (steps > 40).mean() > 0.02


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 3), (3, 2, 1)])
def test_the_smallest_pictures_are_made_too(shape: tuple[int, int, int]) -> None:
    assert dead_leaves(1, shape, np.random.default_rng(0)).shape == (1, *shape)


def slope(stack: np.ndarray) -> float:
    """Of the logarithm of power over that of frequency, in rings of the cosine plane (photographs: about -2)."""
    power = (dctn(stack[..., 0] - stack.mean(), axes=(1, 2), norm="ortho") ** 2).mean(0)
    rings = np.rint(np.hypot(*np.indices(power.shape))).astype(int)
    at = np.arange(4, 65)
    mean = np.bincount(rings.ravel(), power.ravel()) / np.bincount(rings.ravel())
    return float(np.polyfit(np.log(at), np.log(mean[at]), 1)[0])
