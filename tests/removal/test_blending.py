"""No seam, and grain like the frame's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velatura.media.frame import PixelForm
from velatura.removal.blending import match_grain, seam
from velatura.removal.planes import blocks, colours

FORMS = [
    PixelForm("grey"),
    PixelForm("rgb", alpha=True),
    PixelForm("yuv", shift_x=1, shift_y=1),
    PixelForm("yuv", bits=10, shift_x=1, shift_y=1, full_range=False),
    PixelForm("rgb", bits=16),
]
SIZE = (320, 180)


def scene(form, seed=0, size=SIZE, low=40, high=200):
    """Smooth clean planes, float."""
    rng = np.random.default_rng(seed)
    return [cv2.GaussianBlur(rng.uniform(low, high, shape).astype(np.float32), (0, 0), 2) * (1 << form.bits - 8) for shape in form.shapes(*size)]


def shown(clean, form, sigma, seed):
    rng = np.random.default_rng(seed)
    unit = 1 << form.bits - 8
    planes = [np.clip(np.rint(plane + rng.normal(0, sigma, plane.shape) * unit), 0, form.peak).astype(form.dtype) for plane in clean]
    if form.alpha:
        planes[-1][...] = form.peak
    return planes


def person(size=SIZE):
    hole = np.zeros((size[1], size[0]), np.bool_)
    hole[40:141, 151:199] = True
    return hole


def filled_with(planes, form, hole, value):
    for index in colours(form):
        planes[index][blocks(hole, form, index)] = value
    return planes


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("step", [-8, 5])
def test_a_step_of_light_is_gone(form, step):
    clean, hole, unit = scene(form), person(), 1 << form.bits - 8
    frame = filled_with(shown(clean, form, 0, 1), form, hole, form.peak)
    behind = shown([plane + step * unit for plane in clean], form, 0, 2)
    seam(frame, behind, form, hole)
    for index in colours(form):
        mine = blocks(hole, form, index)
        assert np.abs(behind[index].astype(float) - clean[index])[mine].max() <= 1.5 * unit


def test_a_slope_of_light_is_followed():
    form, hole = PixelForm("grey"), person()
    frame = filled_with(shown(scene(form), form, 0, 1), form, hole, 0)
    slope = np.linspace(-8, 8, SIZE[0], dtype=np.float32)
    behind = shown([plane + slope for plane in scene(form)], form, 0, 1)
    seam(frame, behind, form, hole)
    assert np.abs(behind[0].astype(float) - scene(form)[0])[hole].max() < 2.5


def test_another_object_beside_the_hole_is_no_light():
    form, hole = PixelForm("grey"), person()
    frame = shown(scene(form, high=60), form, 0, 1)
    behind = [plane.copy() for plane in frame]
    frame[0][40:141, 199:230] = 250  # missed by the mask
    seam(frame, behind, form, hole)
    assert np.abs(behind[0].astype(float) - scene(form, high=60)[0])[hole].max() <= 1


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("sigma", [1.5, 4])
@pytest.mark.parametrize("samples", [99, 5, None])
def test_grain_is_within_15_percent_of_the_frames(form, sigma, samples):
    """20 where the plate itself is a mean of five, and noisy."""
    clean, hole, unit = scene(form), person(), 1 << form.bits - 8
    frame = filled_with(shown(clean, form, sigma, 1), form, hole, form.peak)
    plate = shown(clean, form, 0 if samples is None else sigma / np.sqrt(samples), 2)
    behind = [plane.copy() for plane in plate]
    match_grain(behind, form, hole, frame, None if samples is None else plate, np.random.default_rng(3))
    for index in colours(form):
        mine = blocks(hole, form, index)
        assert (behind[index].astype(float) - clean[index])[mine].std() / unit == pytest.approx(sigma, rel=0.2 if samples == 5 else 0.15)


def test_grain_follows_brightness():
    form, hole = PixelForm("grey"), np.zeros((180, 320), np.bool_)
    hole[60:120, 100:220] = True
    clean = np.where(np.arange(320) < 160, np.float32(60), np.float32(180))[None].repeat(180, axis=0)
    sigma = np.where(clean < 100, 1.5, 5.0)
    frame = [np.rint(clean + np.random.default_rng(1).normal(0, 1, clean.shape) * sigma).astype(np.uint8)]
    behind = [clean.astype(np.uint8)]
    match_grain(behind, form, hole, frame, [clean.astype(np.uint8)], np.random.default_rng(2))
    for dark in (True, False):
        mine = hole & ((clean < 100) == dark)
        assert (behind[0] - clean)[mine].std() == pytest.approx(1.5 if dark else 5, rel=0.2)


def test_a_hole_that_has_grain_gets_no_more():
    form, hole = PixelForm("grey"), person()
    clean = scene(form)
    frame, behind = shown(clean, form, 4, 1), shown(clean, form, 4, 2)
    match_grain(behind, form, hole, frame, None, np.random.default_rng(3))
    assert (behind[0] - clean[0])[hole].std() == pytest.approx(4, rel=0.15)


def test_grain_moves_from_frame_to_frame():
    form, hole, rng = PixelForm("grey"), person(), np.random.default_rng(5)
    clean = scene(form)
    given = []
    for seed in (1, 2):
        behind = shown(clean, form, 0, 0)
        match_grain(behind, form, hole, shown(clean, form, 4, seed), shown(clean, form, 0, 0), rng)
        given.append((behind[0] - clean[0])[hole])
    assert abs(np.corrcoef(given[0], given[1])[0, 1]) < 0.1


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_bystander_is_no_grain(form):
    """Somebody who differs from the background and is not in the hole does not appear in it, not even as an outline."""
    clean, hole, unit = scene(form, low=90, high=110), person(), 1 << form.bits - 8
    plate, frame = shown(clean, form, 0, 1), shown(clean, form, 2, 2)
    for plane in frame[: len(colours(form))]:
        plane[:, : plane.shape[1] // 3] = plane[:, : plane.shape[1] // 3] + 40 * unit
    for seed in range(8):
        behind = [plane.copy() for plane in plate]
        match_grain(behind, form, hole, frame, plate, np.random.default_rng(seed))
        assert np.abs(behind[0].astype(float) - clean[0])[hole].max() / unit < 8


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(FORMS), st.integers(1, 70), st.integers(1, 50), st.floats(0, 1), st.integers(0, 99), st.booleans())
def test_nothing_of_the_hole_comes_in_and_nothing_outside_of_it_changes(form, width, height, share, seed, has_plate):
    rng = np.random.default_rng(seed)
    hole = np.zeros((height, width), np.bool_)
    hole[: round(share * height), rng.integers(width) :] = True
    frame = [rng.integers(0, form.peak, shape, dtype=form.dtype, endpoint=True) for shape in form.shapes(width, height)]
    plate = [rng.integers(0, form.peak, shape, dtype=form.dtype, endpoint=True) for shape in form.shapes(width, height)]
    made = []
    for secret in (0, form.peak):
        seen = filled_with([plane.copy() for plane in frame], form, hole, secret)
        behind = [plane.copy() for plane in plate]
        seam(seen, behind, form, hole)
        match_grain(behind, form, hole, seen, plate if has_plate else None, np.random.default_rng(7))
        made.append(behind)
    for index, (one, other, before) in enumerate(zip(*made, plate, strict=True)):
        assert np.array_equal(one, other)
        outside = ~blocks(hole, form, index)
        assert np.array_equal(one[outside], before[outside])
    if form.alpha:
        assert np.array_equal(made[0][-1], plate[-1])
