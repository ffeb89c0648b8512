"""A hole is filled from around it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velatura.errors import Withheld
from velatura.media.frame import PixelForm
from velatura.removal.exemplar import fill_exemplar
from velatura.removal.inpainting import fill
from velatura.removal.planes import blocks, colours

FORMS = [
    PixelForm("grey"),
    PixelForm("rgb", alpha=True),
    PixelForm("yuv", shift_x=1, shift_y=1),
    PixelForm("yuv", bits=10, shift_x=1, shift_y=1, full_range=False),
    PixelForm("grey", bits=16),
]


def psnr(made, truth, hole):
    return 10 * np.log10(255**2 / max(np.square(made.astype(float) - truth)[hole].mean(), 1e-3))


def stripes():
    y, x = np.mgrid[:120, :160]
    truth = np.rint(128 + 60 * np.sin((x + y) / 4)).astype(np.uint8)
    hole = np.zeros(truth.shape, np.bool_)
    hole[40:80, 70:95] = True
    return truth, hole


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(FORMS), st.integers(1, 40), st.integers(1, 40), st.floats(0, 0.6), st.integers(0, 99))
def test_nothing_of_the_hole_comes_in_and_nothing_outside_of_it_changes(form, width, height, share, seed):
    rng = np.random.default_rng(seed)
    hole = np.zeros((height, width), np.bool_)
    hole[: round(share * height), rng.integers(width) :] = True
    frame = [rng.integers(0, form.peak, shape, dtype=form.dtype, endpoint=True) for shape in form.shapes(width, height)]
    made = []
    for secret in (0, form.peak):
        seen = [plane.copy() for plane in frame]
        for index in colours(form):
            seen[index][blocks(hole, form, index)] = secret
        if hole.all():
            with pytest.raises(Withheld) as refused:
                fill(seen, form, hole, rng=np.random.default_rng(1))
            assert refused.value.code == "remove.nothing-seen"
            return
        made.append(fill(seen, form, hole, rng=np.random.default_rng(1)))
    assert made[0].methods == made[1].methods
    for index in colours(form):
        outside = ~blocks(hole, form, index)
        assert np.array_equal(made[0].planes[index], made[1].planes[index])
        assert np.array_equal(made[0].planes[index][outside], frame[index][outside])
    if form.alpha:
        assert (made[0].planes[-1][hole] == form.peak).all()


def test_what_is_forbidden_is_neither_source_nor_evidence():
    truth, hole = stripes()
    other = np.zeros_like(hole)
    other[30:90, 95:120] = True
    made = [fill([np.where(other, np.uint8(v), truth)], PixelForm("grey"), hole, forbidden=other, rng=np.random.default_rng(0)) for v in (0, 255)]
    assert np.array_equal(made[0].planes[0][~other], made[1].planes[0][~other])
    assert (made[1].planes[0][other] == 255).all()


def test_texture_is_copied_where_it_repeats():
    truth, hole = stripes()
    plane = np.where(hole, np.uint8(255), truth)
    made = fill([plane], PixelForm("grey"), hole, rng=np.random.default_rng(0))
    assert made.methods == (((70, 40, 95, 80), "exemplar"),)
    telea = cv2.inpaint(plane, hole.view(np.uint8), 3, cv2.INPAINT_TELEA)
    assert psnr(made.planes[0], truth, hole) > psnr(telea, truth, hole) + 10
    assert fill([plane], PixelForm("grey"), hole, rng=np.random.default_rng(0), texture=False).methods[0][1] != "exemplar"


def test_copies_are_samples_of_the_picture():
    truth, hole = stripes()
    plane = truth.astype(np.uint16) * 4
    made = fill_exemplar([plane], PixelForm("grey", bits=10), hole, ~hole, np.random.default_rng(0))
    assert made is not None and set(np.unique(made[0][hole])) <= set(np.unique(plane[~hole]))
    assert fill_exemplar([plane[:8, :8]], PixelForm("grey", bits=10), hole[:8, :8], ~hole[:8, :8], np.random.default_rng(0)) is None


@pytest.mark.parametrize("box", [(0, 0, 40, 30), (120, 0, 160, 40), (0, 80, 50, 120), (130, 90, 160, 120)])
def test_a_hole_at_the_border_is_filled(box):
    ramp = np.tile(np.linspace(40, 200, 160).astype(np.uint8), (120, 1))
    hole = np.zeros(ramp.shape, np.bool_)
    hole[box[1] : box[3], box[0] : box[2]] = True
    made = fill([np.where(hole, np.uint8(0), ramp)], PixelForm("grey"), hole, rng=np.random.default_rng(0)).planes[0]
    assert made[hole].min() > 30


def test_an_inpainter_sees_nothing_of_the_hole_and_fills_it_only():
    form = PixelForm("yuv", shift_x=1, shift_y=1)
    planes = [np.full(shape, 128, np.uint8) for shape in form.shapes(101, 77)]
    hole = np.zeros((77, 101), np.bool_)
    hole[31:60, 40:63] = True
    for index in colours(form):
        planes[index][blocks(hole, form, index)] = 255
    seen = []

    def white(rgb, gap):
        seen.append(rgb.copy())
        return np.full_like(rgb, 255)

    made = fill(planes, form, hole, rng=np.random.default_rng(0), inpainter=white)
    assert made.methods == (((40, 31, 63, 60), "inpainter"),)
    assert np.abs(seen[0].astype(int) - 128).max() <= 1
    assert (made.planes[0][hole] == 255).all() and (made.planes[0][~hole] == 128).all()
    assert (made.planes[1][blocks(hole, form, 1)] == 128).all()
