"""The metrics of backgrounds: cases that a hand can check, and MS-SSIM against a plain second writing of it."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.background_metrics import ms_ssim, nearness
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import convolve2d


def grey(level: int, size: tuple[int, int] = (10, 10)) -> np.ndarray:
    return np.full((*size, 3), level, np.uint8)


def test_equal_pictures_are_99_dB() -> None:
    found = nearness(grey(100), grey(100))
    assert (found.age, found.peps, found.pceps, found.psnr) == (0, 0, 0, 99)
    assert found.cqm == pytest.approx(99)


def test_an_error_pixel_is_off_by_more_than_20_and_the_border_stays() -> None:
    at, above = nearness(grey(100), grey(120)), nearness(grey(100), grey(121))
    assert (round(at.age, 9), at.peps) == (20, 0)
    assert (round(above.age, 9), above.peps, above.pceps) == (21, 1, 1)


def test_one_pixel_is_no_cluster_and_a_plus_has_one() -> None:
    one, plus = grey(0), grey(0)
    one[5, 5] = 200
    for down, right in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        plus[5 + down, 5 + right] = 200
    lone, five = nearness(grey(0), one), nearness(grey(0), plus)
    assert (lone.age, lone.peps, lone.pceps) == (2, 0.01, 0)
    assert (five.age, five.peps, five.pceps) == (10, 0.05, 0.01)


def test_colour_differences_saturate_in_cqm() -> None:
    truth, made = grey(0), grey(0)
    truth[..., 1], made[..., 1] = 50, 90
    bright = 10 * np.log10(255**2 / 20**2)
    assert nearness(truth, made).cqm == pytest.approx(0.9449 * bright + 0.0551 * 99)


@given(st.integers(0, 255))
def test_halves_are_rounded_away_from_zero(red: int) -> None:
    truth, made = grey(0), grey(0)
    made[..., 0] = red
    assert nearness(truth, made).age == np.floor(0.299 * red + 0.5)


def test_pictures_of_two_sizes_or_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        nearness(grey(1), grey(1, (10, 11)))
    with pytest.raises(ValueError, match="8 bits"):
        nearness(grey(1).astype(np.uint16), grey(1).astype(np.uint16))


def plain_ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    side = 11 if min(a.shape) >= 176 else min(a.shape) // 16
    place = np.arange(side) - (side - 1) / 2
    line = np.exp(-(place**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    result = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        ma, mb, aa, bb, ab = (convolve2d(x, window, "valid") for x in (a, b, a * a, b * b, a * b))
        structure = (2 * (ab - ma * mb) + 58.5225) / (aa - ma**2 + bb - mb**2 + 58.5225)
        bright = (2 * ma * mb + 6.5025) / (ma**2 + mb**2 + 6.5025)
        result *= float((bright * structure).mean() if scale == 4 else structure.mean()) ** weight
        a, b = (np.pad(x, ((0, 1), (0, 1)), mode="symmetric") for x in (a, b))
        a, b = ((x[:-1, :-1] + x[1:, :-1] + x[:-1, 1:] + x[1:, 1:])[::2, ::2] / 4 for x in (a, b))
    return result


@pytest.mark.parametrize("size", [(180, 200), (177, 191), (128, 100), (99, 143)])
def test_ms_ssim_is_what_a_plain_writing_gives(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    a = np.cumsum(rng.normal(0, 3, size), axis=1) + 128
    b = a + rng.normal(0, 9, size)
    assert ms_ssim(a, b) == pytest.approx(plain_ms_ssim(a, b), abs=1e-9)
    assert ms_ssim(a, a) == pytest.approx(1)


def test_ms_ssim_needs_a_window() -> None:
    assert np.isnan(nearness(grey(1), grey(1)).ms_ssim)
