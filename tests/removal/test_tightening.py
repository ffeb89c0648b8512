"""Wide masks become tight: the object and its shadow stay in them, and nothing that is doubtful leaves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from velatura.media.frame import PixelForm
from velatura.removal.planes import blocks, copied
from velatura.removal.tightening import tightened

FORMS = [
    PixelForm("grey"),
    PixelForm("yuv", shift_x=1, shift_y=1, full_range=False),
    PixelForm("yuv", bits=10, shift_x=1, shift_y=1),
    PixelForm("rgb"),
]
SIZE = (141, 101)


def background(form: PixelForm, seed: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    planes = []
    for shape in form.shapes(*SIZE):
        fine = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 2)
        planes.append(np.clip((0.55 + 0.05 * fine / fine.std()) * form.peak, 0, form.peak).astype(form.dtype))
    return planes


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def near(mask: np.ndarray, px: int) -> np.ndarray:
    return cv2.dilate(mask.view(np.uint8), np.ones((2 * px + 1, 2 * px + 1), np.uint8)).view(np.bool_)


def painted(planes: list[np.ndarray], form: PixelForm, mask: np.ndarray, share: float) -> list[np.ndarray]:
    """The light of a place times `share`, colours (around their middle) with it: an object in black, or a shadow."""
    out = copied(planes)
    for index, (plane, black) in enumerate(zip(out, form.black(), strict=True)):
        where = blocks(mask, form, index)
        plane[where] = (black + (plane[where].astype(float) - black) * share).astype(form.dtype)
    return out


@pytest.mark.parametrize("form", FORMS)
def test_the_object_stays_and_most_of_the_box_goes(form: PixelForm) -> None:
    behind, object_ = background(form), box(60, 30, 80, 70)
    wide = box(40, 15, 110, 85)
    mask = tightened(painted(behind, form, object_, 0.2), behind, form, wide, np.zeros_like(wide))
    assert mask[object_].all()
    assert not (mask & ~wide).any()
    assert not (mask & ~near(object_, 7)).any()


@pytest.mark.parametrize("form", FORMS)
def test_a_soft_shadow_beside_the_object_goes_with_it(form: PixelForm) -> None:
    behind, object_, shadow = background(form), box(60, 20, 80, 60), box(62, 60, 100, 72)
    frame = painted(painted(behind, form, object_, 0.2), form, shadow, 0.8)
    wide = box(45, 10, 120, 90)
    mask = tightened(frame, behind, form, wide, np.zeros_like(wide))
    assert mask[shadow].mean() > 0.97
    assert not (mask & ~near(object_ | shadow, 9)).any()


def test_a_shadow_that_stands_apart_by_a_lost_foot_goes_too() -> None:
    form = FORMS[1]
    behind, object_, shadow, far = background(form), box(60, 10, 80, 50), box(62, 58, 100, 70), box(20, 74, 50, 86)
    frame = painted(painted(painted(behind, form, object_, 0.2), form, shadow, 0.8), form, far, 0.8)
    wide = box(10, 5, 120, 95)
    mask = tightened(frame, behind, form, wide, np.zeros_like(wide))
    assert mask[shadow].mean() > 0.97
    assert not mask[far].any()


@pytest.mark.parametrize("form", FORMS[:2])
def test_a_background_that_is_off_by_a_pixel_is_no_object(form: PixelForm) -> None:
    behind = background(form)
    off = [np.roll(plane, 1, axis=1) for plane in behind]
    wide = box(20, 20, 120, 80)
    assert not tightened(off, behind, form, wide, np.zeros_like(wide)).any()


def test_what_is_behind_being_unknown_is_kept() -> None:
    form, wide, never = FORMS[1], box(40, 20, 100, 80), box(50, 40, 70, 60)
    behind = background(form)
    mask = tightened(behind, behind, form, wide, never)
    assert mask[never].all()
    assert mask.sum() < 2.5 * never.sum()
    assert (tightened(behind, behind, form, wide, wide) == wide).all()


def test_an_object_that_enters_keeps_its_faint_part_at_the_border() -> None:
    form = FORMS[0]
    behind, clear, faint, far = background(form), box(8, 30, 20, 70), box(0, 30, 4, 70), box(70, 40, 80, 50)
    frame = painted(painted(painted(behind, form, clear, 0.2), form, faint, 1.16), form, far, 1.16)
    wide = box(0, 15, 90, 85)
    mask = tightened(frame, behind, form, wide, np.zeros_like(wide))
    assert mask[clear].all()
    assert mask[faint].mean() > 0.97
    assert not mask[far].any()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9)])
def test_small_pictures_and_empty_masks(size: tuple[int, int]) -> None:
    form = FORMS[1]
    planes = [np.full(shape, 50, np.uint8) for shape in form.shapes(*size)]
    whole = np.ones(size[::-1], np.bool_)
    assert not tightened(planes, planes, form, ~whole, ~whole).any()
    assert not tightened(planes, planes, form, whole, ~whole).any()
    assert tightened(planes, planes, form, whole, whole).all()


@pytest.mark.parametrize("form", FORMS)
def test_a_shadow_of_somebody_outside_goes_where_it_touches_the_border(form: PixelForm) -> None:
    behind, shadow, inside = background(form), box(0, 60, 30, 75), box(70, 60, 100, 75)
    wide = box(0, 40, 120, 95)
    planes = painted(painted(behind, form, shadow, 0.88), form, inside, 0.88)
    mask = tightened(planes, behind, form, wide, np.zeros_like(wide))
    assert mask[shadow].mean() > 0.95
    assert not mask[inside].any()  # what hangs together with nobody, and does not come from outside, is the scene's
