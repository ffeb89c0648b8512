"""What lay behind masks is kept, small, and comes back where it was; what lay beside them is not kept."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.removal.apart import Apart, beside
from velatura.removal.shown import Shown


@given(width=st.integers(1, 70), height=st.integers(1, 70), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_mask_comes_back_as_it_was(width: int, height: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = np.full((height, width), 90, np.uint8)
    mask = rng.random((height, width)) < share
    shown = Shown()
    shown.add(3, grey, mask)
    kept = shown.at(3)
    if not mask.any():
        assert kept is None
    else:
        assert kept is not None
        back, seen, (x0, y0, x1, y1) = kept
        whole = np.zeros_like(mask)
        whole[y0:y1, x0:x1] = seen
        assert np.array_equal(whole, mask)
        assert back.shape == seen.shape == (y1 - y0, x1 - x0)
        assert np.abs(back.astype(int) - 90).max() <= 1
    assert shown.at(4) is None
    shown.close()


def test_frames_come_back_in_any_order() -> None:
    shown = Shown()
    for index in range(5):
        mask = np.zeros((40, 60), np.bool_)
        mask[10:20, 5 * index : 5 * index + 9] = True
        shown.add(index, np.full((40, 60), 40 * index, np.uint8), mask)
    for index in (3, 0, 4, 1, 2):
        kept = shown.at(index)
        assert kept is not None
        assert abs(float(kept[0].mean()) - 40 * index) < 1
    shown.close()


def test_a_step_of_one_pixel_is_no_difference_and_another_picture_is_one() -> None:
    rng = np.random.default_rng(2)
    picture = np.asarray(cv2.GaussianBlur(rng.integers(0, 256, (80, 80)).astype(np.uint8), (0, 0), 1.5), np.uint8)
    assert beside(np.roll(picture, 1, axis=1), picture)[4:-4, 4:-4].mean() < 2
    assert beside(np.roll(picture, 20, axis=1), picture).mean() > 5
    assert not beside(picture, picture).any()


def test_of_what_is_known_by_less_than_half_nothing_is_said() -> None:
    levels, known = np.full((10, 10), 4, np.uint8), np.zeros((10, 10), np.bool_)
    known[:, :6] = True
    levels[:, 6:] = 200
    assert Apart(levels, known).mean((slice(0, 10), slice(0, 10))) == pytest.approx(4)
    assert Apart(levels, known).mean((slice(0, 10), slice(5, 10))) == float("inf")
    covered = np.zeros((10, 10), np.bool_)
    covered[:, 7:] = True
    assert Apart(levels, known, covered).mean((slice(0, 10), slice(5, 10))) == pytest.approx(4)  # one column of the two that are not covered
    assert Apart(levels, known, ~known).mean((slice(0, 10), slice(6, 10))) == float("inf")
    assert Apart(levels).mean((slice(0, 10), slice(6, 10))) == pytest.approx(200)
    assert Apart(levels).mean((slice(0, 0), slice(0, 5))) == 0.0
