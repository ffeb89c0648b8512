"""Planes and masks: chroma goes with its pixels, and nothing beside a mask changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.media.frame import PixelForm
from velatura.removal.planes import blocks, copied, difference, luma, put

FORMS = [
    PixelForm("yuv", shift_x=1, shift_y=1),
    PixelForm("yuv", shift_x=1),
    PixelForm("yuv", bits=10, shift_x=1, shift_y=1, full_range=False),
    PixelForm("rgb"),
    PixelForm("rgb", alpha=True),
    PixelForm("grey"),
    PixelForm("grey", bits=16),
]


def made(form: PixelForm, width: int, height: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, form.peak + 1, shape).astype(form.dtype) for shape in form.shapes(width, height)]


@given(form=st.sampled_from(FORMS), width=st.integers(1, 9), height=st.integers(1, 9), seed=st.integers(0, 99))
def test_put_changes_the_mask_and_nothing_else(form: PixelForm, width: int, height: int, seed: int) -> None:
    before, other = made(form, width, height, seed), made(form, width, height, seed + 1)
    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    after = copied(before)
    put(after, form, other, mask)
    for index in range(form.planes - form.alpha):
        sx, sy = form.subsampled(index)
        for y, x in np.ndindex(after[index].shape):
            goes = mask[y << sy : (y + 1) << sy, x << sx : (x + 1) << sx].any()
            assert goes == blocks(mask, form, index)[y, x]
            assert after[index][y, x] == (other if goes else before)[index][y, x]
    if form.alpha:
        assert (after[-1] == np.where(mask, form.peak, before[-1])).all()


@pytest.mark.parametrize("form", FORMS)
def test_difference_is_nought_for_equal_pictures_and_names_a_changed_pixel(form: PixelForm) -> None:
    a = made(form, 7, 5, 1)
    assert not difference(a, a, form).any()
    b = copied(a)
    b[0][3, 4] = 0 if a[0][3, 4] > form.peak // 2 else form.peak
    apart = difference(a, b, form)
    assert apart.shape == (5, 7)
    assert apart[3, 4] > 100
    assert np.count_nonzero(apart) == 1


def test_a_change_of_colour_alone_is_seen_on_every_pixel_that_it_colours() -> None:
    form = PixelForm("yuv", shift_x=1, shift_y=1)
    a = [np.full((5, 5), 100, np.uint8), np.full((3, 3), 128, np.uint8), np.full((3, 3), 128, np.uint8)]
    b = copied(a)
    b[2][2, 2] = 148
    apart = difference(a, b, form)
    assert (apart > 0).sum() == 1  # of the odd picture's last sample one pixel is left
    assert apart[4, 4] == 32


@pytest.mark.parametrize("form", FORMS)
def test_luma_has_eight_bits(form: PixelForm) -> None:
    grey = luma(made(form, 6, 4, 3), form)
    assert grey.shape == (4, 6)
    assert grey.dtype == np.uint8
