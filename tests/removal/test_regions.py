"""Boxes of a mask."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from velatura.media.frame import PixelForm
from velatura.removal.regions import bounds, grown_box, parts, sampled_slices, slices


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 3), st.floats(0, 0.5), st.integers(0, 99))
def test_parts_hold_every_pixel_of_the_mask_once(height, width, join, share, seed):
    mask = np.random.default_rng(seed).random((height, width)) < share
    times = np.zeros(mask.shape, int)
    for box, mine in parts(mask, join=join):
        assert bounds(mine) == (0, 0, box[2] - box[0], box[3] - box[1])
        times[slices(box)] += mine
    assert np.array_equal(times, mask)


def test_parts_that_lie_close_are_one():
    mask = np.zeros((20, 20), np.bool_)
    mask[5, 5] = mask[5, 8] = mask[15, 15] = True
    assert len(parts(mask)) == 3
    assert [box for box, _ in parts(mask, join=2)] == [(5, 5, 9, 6), (15, 15, 16, 16)]
    assert parts(np.zeros((3, 3), np.bool_)) == [] and bounds(np.zeros((3, 3), np.bool_)) is None


def test_a_box_grows_to_where_chroma_samples_begin():
    form = PixelForm("yuv", shift_x=1, shift_y=1)
    assert grown_box((5, 5, 8, 8), 2, (9, 11), form) == (2, 2, 10, 9)
    assert sampled_slices((2, 2, 10, 9), form, 1) == (slice(1, 5), slice(1, 5))
    assert sampled_slices((2, 2, 10, 9), form, 0) == (slice(2, 9), slice(2, 10))
