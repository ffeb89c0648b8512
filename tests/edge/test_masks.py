"""Masks: nothing of what lies under one is left, in any form; little else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.edge.geometry import contains
from velatura.edge.masks import GROW_PX, Masks
from velatura.edge.policy import Mask
from velatura.media.frame import PixelForm

FORMS = [
    PixelForm("yuv", 8, 1, 1, full_range=False),
    PixelForm("yuv", 10, 1, 1, full_range=False),
    PixelForm("yuv", 8, 1, 0),
    PixelForm("yuv", 8, 0, 0),
    PixelForm("rgb"),
    PixelForm("grey"),
]
POLYGON = ((0.2, 0.3), (0.7, 0.25), (0.55, 0.8))


def planes(form: PixelForm, size: tuple[int, int], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, form.peak + 1, shape).astype(form.dtype) for shape in form.shapes(*size)]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_pictures_that_differ_under_the_mask_alone_become_one(form: PixelForm, size: tuple[int, int]) -> None:
    one, other = planes(form, size, 1), planes(form, size, 1)
    y, x = np.mgrid[: size[1], : size[0]]
    under = np.vectorize(lambda a, b: contains(POLYGON, (a, b)))((x + 0.5) / size[0], (y + 0.5) / size[1])
    for index, plane in enumerate(other):
        sx, sy = form.subsampled(index)
        rows, columns = np.nonzero(under)
        plane[rows >> sy, columns >> sx] = form.peak - plane[rows >> sy, columns >> sx]
    assert any((a != b).any() for a, b in zip(one, other, strict=True))
    masks = Masks([Mask(POLYGON)])
    masks.burn(one, form)
    masks.burn(other, form)
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_little_else_is_touched(form: PixelForm) -> None:
    before, after = planes(form, (64, 48), 2), planes(form, (64, 48), 2)
    Masks([Mask(((0.25, 0.25), (0.5, 0.25), (0.5, 0.5), (0.25, 0.5)))]).burn(after, form)
    changed = before[0] != after[0]
    rows, columns = np.nonzero(changed)
    room = GROW_PX + 2
    assert rows.min() >= 12 - room and rows.max() < 24 + 1 + room and columns.min() >= 16 - room and columns.max() < 32 + 1 + room
    assert (after[0][12:24, 16:32] == form.black()[0]).all()


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=6))
def test_every_point_of_a_polygon_is_covered(polygon: list[tuple[float, float]]) -> None:
    form, size = PixelForm("grey"), (40, 30)
    (plane,) = planes(form, size, 3)
    plane[...] = 255
    Masks([Mask(tuple(polygon))]).burn([plane], form)
    rng = np.random.default_rng(1)
    for x, y in rng.random((60, 2)):
        if contains(polygon, (x, y)):
            assert plane[int(y * 30), int(x * 40)] == 0


def test_no_mask_touches_nothing_and_all_of_a_picture_is_all() -> None:
    form = FORMS[0]
    before, after = planes(form, (64, 48), 4), planes(form, (64, 48), 4)
    Masks([]).burn(after, form)
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    whole = Masks([Mask(((0, 0), (1, 0), (1, 1), (0, 1)))])
    whole.burn(after, form)
    assert whole.share == 1.0 and all((plane == value).all() for plane, value in zip(after, form.black(), strict=True))
