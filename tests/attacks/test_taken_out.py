from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.scenes import discs, scenes

from velatura.attacks.attack import Photo
from velatura.attacks.taken_out import NOWHERE, emptied, evenly, place
from velatura.errors import BadInput


def test_what_stood_in_the_box_is_gone_and_the_rest_is_untouched() -> None:
    for photo in scenes(20):
        x0, y0, x1, y1 = place(photo)
        without = emptied(photo)
        outside = np.ones(without.shape, bool)
        outside[y0:y1, x0:x1] = False
        assert np.array_equal(without[outside], photo.picture[outside])
        assert discs(photo.picture) and not discs(without)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_pixels_in_the_box_have_no_part_in_it(seed: int, colour: bool) -> None:
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 256, (20, 30, 3) if colour else (20, 30), np.uint8)
    x0, y0 = int(rng.integers(0, 20)), int(rng.integers(0, 15))
    box = (x0, y0, x0 + int(rng.integers(1, 10)), y0 + int(rng.integers(1, 6)))
    other = one.copy()
    other[box[1] : box[3], box[0] : box[2]] = rng.integers(0, 256)
    assert np.array_equal(emptied(Photo(one, box=box)), emptied(Photo(other, box=box)))


def test_a_flat_picture_stays_flat_and_a_slope_is_carried_on() -> None:
    assert (emptied(Photo(np.full((20, 30), 77, np.uint8), box=(5, 5, 15, 15))) == 77).all()
    slope = np.tile(np.arange(0, 200, 5, dtype=np.uint8), (40, 1))
    assert np.abs(emptied(Photo(slope, box=(10, 10, 30, 30))).astype(int) - slope).max() < 60


def test_where_the_box_is_all_of_the_picture_one_colour_is_left() -> None:
    photo = scenes(1)[0]
    assert len(np.unique(emptied(Photo(photo.picture)))) == 1


@pytest.mark.parametrize("box", [NOWHERE, (70.0, 5.0, 90.0, 20.0), (9.0, 9.0, 5.0, 12.0), (float("nan"), 0.0, 5.0, 5.0)])
def test_a_box_without_a_part_of_the_picture_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(BadInput) as caught:
        place(Photo(np.zeros((48, 64), np.uint8), box=box))
    assert caught.value.code == "attack.box" and caught.value.hint


def test_of_many_pictures_as_many_of_each_person_are_taken() -> None:
    photos = [Photo(np.zeros((8, 8), np.uint8), person) for person, count in enumerate((1, 5, 9)) for _ in range(count)]
    counted = Counter(photo.person for photo in evenly(photos, 7, np.random.default_rng(1)))
    assert counted == {0: 1, 1: 3, 2: 3}
    assert [photo.person for photo in evenly(photos, 99, np.random.default_rng(1))] == [photo.person for photo in photos]
