from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.attacks.likeness import psnr, ssim, ssims
from velatura.errors import BadInput


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(40, 31), (11, 64), (29, 30, 3)])
def test_ssim_and_psnr_are_those_of_scikit_image(shape: tuple[int, ...]) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not here")
    a = picture(*shape)
    b = np.clip(a * 0.7 + picture(*shape, seed=1) * 0.2 + 5, 0, 255).astype(np.uint8)
    axis = 2 if len(shape) == 3 else None
    wanted = metrics.structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=axis)
    assert ssim(a, b) == pytest.approx(wanted, abs=1e-9)
    assert psnr(a, b) == pytest.approx(metrics.peak_signal_noise_ratio(a, b, data_range=255))


def test_equal_pictures_are_at_one_and_without_noise() -> None:
    a = picture(20, 20)
    assert ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert psnr(a, a) == float("inf")


def test_unrelated_pictures_are_near_zero_and_a_negative_is_below() -> None:
    a = picture(64, 64)
    assert abs(ssim(a, picture(64, 64, seed=1))) < 0.05
    assert ssim(a, 255 - a) < -0.5


def test_a_stack_is_compared_pair_by_pair_however_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = picture(7, 20, 18, 1), picture(7, 20, 18, 1, seed=1)
    one_by_one = [ssim(x[..., 0], y[..., 0]) for x, y in zip(a, b, strict=True)]
    assert ssims(a, b) == pytest.approx(one_by_one, abs=1e-12)
    monkeypatch.setattr("velatura.attacks.likeness._AT_ONCE", 1000)
    assert ssims(a, b) == pytest.approx(one_by_one, abs=1e-12)


@given(st.integers(1, 12), st.integers(1, 12))
def test_pictures_smaller_than_the_window_are_compared_whole(height: int, width: int) -> None:
    a, b = picture(height, width), picture(height, width, seed=1)
    assert -1 <= ssim(a, b) <= 1
    assert ssim(a, a) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("measure", [ssim, psnr])
def test_pictures_of_different_shapes_are_refused(measure: object) -> None:
    for b in (picture(5, 6), picture(6, 5, 3), picture(6)):
        with pytest.raises(BadInput) as error:
            measure(picture(6, 5), b)  # type: ignore[operator]
        assert error.value.code == "attack.shapes-differ"
