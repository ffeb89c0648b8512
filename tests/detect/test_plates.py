"""Text becomes a plate by its shape and its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.detect.plates import DOUBT, plates
from velatura.detect.region import Region

CAR = Region((100, 100, 300, 200), "vehicle", 0.9)


def text(x: float, y: float, width: float, height: float, score: float = 0.8) -> Region:
    return Region((x, y, x + width, y + height), "text", score)


def test_text_of_a_plate_s_shape_on_a_car_is_a_plate() -> None:
    (found,) = plates([text(180, 170, 50, 12)], [CAR])
    assert (found.label, found.score, found.box) == ("plate", 0.8, (180, 170, 230, 182))


def test_just_below_the_car_s_box_counts_as_on_it() -> None:
    assert plates([text(180, 201, 50, 12)], [CAR])[0].score == 0.8


def test_away_from_every_car_it_is_doubted_and_not_dropped() -> None:
    assert plates([text(600, 50, 50, 12)], [CAR])[0].score == pytest.approx(0.8 * DOUBT)


def test_where_no_car_is_found_the_plate_is_taken_at_its_word() -> None:
    assert plates([text(600, 50, 50, 12)], [])[0].score == 0.8
    assert plates([text(600, 50, 50, 12)], [Region((0, 0, 9, 9), "person", 0.9)])[0].score == 0.8


@pytest.mark.parametrize(("width", "height"), [(10, 40), (20, 20), (400, 20)])
def test_columns_and_banners_are_no_plates(width: float, height: float) -> None:
    assert not plates([text(180, 170, width, height)], [CAR])


@given(st.lists(st.builds(text, *[st.floats(0, 500)] * 2, *[st.floats(0, 300)] * 2, st.floats(0, 1)), max_size=8))
def test_a_plate_is_always_one_of_the_texts_and_never_surer(texts: list[Region]) -> None:
    scores = {region.box: region.score for region in texts}
    assert all(found.score <= max(r.score for r in texts if r.box == found.box) and found.box in scores for found in plates(texts, [CAR]))
