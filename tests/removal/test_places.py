"""What the fallback covered, told: one place for as long as it is there, whatever tiles it is made of, and a bound on how many."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.media.frame import Box, Frame, PixelForm
from velatura.removal.places import MOST, Places


def frame(index: int, *, orientation: int = 1) -> Frame:
    return Frame([np.zeros((60, 80), np.uint8)], PixelForm("grey"), orientation, time=Fraction(index, 25), index=index)


def told(*frames: tuple[int, list[Box]]) -> Places:
    places = Places()
    for index, boxes in frames:
        places.add(frame(index), boxes)
    return places


def test_a_place_lasts_from_its_first_frame_to_its_last_and_holds_its_way() -> None:
    (place,) = told(*((index, [(index, 10.0, index + 8.0, 30.0)]) for index in range(5, 11))).largest()
    assert (place.first_frame, place.last_frame, place.first_s, place.last_s, place.box) == (5, 10, 0.2, 0.4, (5, 10, 18, 30))


def test_a_frame_in_between_ends_it() -> None:
    places = told((0, [(0, 0, 5, 5)]), (1, [(0, 0, 5, 5)]), (3, [(0, 0, 5, 5)]))
    assert [(place.first_frame, place.last_frame) for place in places.largest()] == [(0, 1), (3, 3)] and places.total == 2


def test_tiles_with_a_common_edge_are_one_place_even_if_the_last_joins_them() -> None:
    places = told((0, [(0, 0, 16, 16), (32, 0, 48, 16), (0, 16, 48, 32)]))
    assert [place.box for place in places.largest()] == [(0, 0, 48, 32)] and places.total == 1


def test_pixels_count_once_and_in_stored_pixels_of_a_turned_picture() -> None:
    places = Places()
    places.add(frame(0, orientation=6), [(0, 0, 10, 20), (5, 0, 15, 20)])
    assert places.pixels == 15 * 20


@given(st.lists(st.tuples(st.integers(0, 70), st.integers(0, 50)), min_size=1, max_size=8))
def test_every_box_lies_in_a_place_that_is_told(corners: list[tuple[int, int]]) -> None:
    boxes = [(float(x), float(y), x + 6.0, y + 5.0) for x, y in corners]
    (of,) = [told((0, boxes))]
    assert all(any(p.box[0] <= b[0] and p.box[1] <= b[1] and b[2] <= p.box[2] and b[3] <= p.box[3] for p in of.largest()) for b in boxes)


@pytest.mark.parametrize("count", [MOST + 40])
def test_the_largest_are_told_and_all_are_counted(count: int) -> None:
    places = told(*((2 * index, [(0.0, 0.0, 1.0 + index % 70, 1.0 + index // 70)]) for index in range(count)))
    assert (places.total, len(places.largest())) == (count, MOST)
    assert min((place.box[2] * place.box[3]) for place in places.largest()) > 1
