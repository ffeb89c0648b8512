"""What stands out of a difference, and which hits lie in what was taken out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.detect.region import Region
from velatura.removal.verification import in_removed, stands_out, threshold


def apart(shape: tuple[int, int] = (90, 120), level: int = 60) -> np.ndarray:
    levels = np.zeros(shape, np.uint8)
    levels[20:60, 30:50] = level
    return levels


def test_a_body_stands_out_and_a_speck_does_not() -> None:
    levels = apart()
    levels[80:83, 100:103] = 200
    found = stands_out(levels, 1.0)
    assert found[22:58, 32:48].all() and not found[75:, 90:].any()


@pytest.mark.parametrize(("level", "sigma", "stands"), [(14, 1.0, False), (15, 1.0, True), (60, 12.1, False), (60, 11.0, True), (255, 200.0, True)])
def test_both_bounds_count(level: int, sigma: float, stands: bool) -> None:
    assert stands_out(apart(level=level), sigma).any() == stands
    assert stands_out(apart(level=level), np.full((90, 120), sigma, np.float32)).any() == stands


def test_each_pixel_has_its_own_noise() -> None:
    sigma = np.ones((90, 120), np.float32)
    sigma[:40] = 30
    found = stands_out(apart(), sigma)
    assert not found[:40].any() and found[42:58, 32:48].all()


def test_only_where_it_may() -> None:
    where = np.zeros((90, 120), np.bool_)
    assert not stands_out(apart(), 1.0, where=where).any()
    where[40:] = True
    assert not stands_out(apart(), 1.0, where=where)[:40].any()


@given(shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 50))
def test_any_shape_and_never_where_nothing_differs(shape: tuple[int, int], seed: int) -> None:
    levels = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    found = stands_out(levels, 1.0)
    assert found.shape == shape and not stands_out(np.zeros(shape, np.uint8), 0.0).any()
    assert not (found & (levels <= 14)).any()


def test_half_of_the_finding_score_but_not_below_what_a_detector_gives() -> None:
    assert threshold(0.6, 0.1) == 0.3
    assert threshold(0.6, 0.4) == 0.4


def test_hits_in_what_was_taken_out_are_told_from_the_others() -> None:
    inside, half_out, beside = (Region((x, 10.0, x + 20.0, 50.0), "person", 0.5) for x in (10.0, 22.0, 60.0))
    assert in_removed([inside, half_out, beside], [(10.0, 10.0, 30.0, 50.0)], (120, 90)) == [inside]
    assert in_removed([inside], [], (120, 90)) == []
