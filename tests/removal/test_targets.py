"""What is to go: words, wide masks, wholes, and the one that was picked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadSpec
from velatura.media.frame import Box
from velatura.removal.targets import Targets, distinct, parse, picked, whole, wide_mask
from velatura.removal.tracks import Track

SIZE = (160, 120)


def track(number: int, label: str, box: Box, frames: int = 4) -> Track:
    return Track(number, label, dict.fromkeys(range(frames), box), 0.0, 0.1 * (frames - 1), 0.9)


PERSON = track(0, "person", (40.0, 20.0, 70.0, 110.0))
FACE = track(1, "face", (50.0, 24.0, 60.0, 36.0))
CAR = track(2, "vehicle", (90.0, 60.0, 150.0, 100.0))
PLATE = track(3, "plate", (110.0, 86.0, 126.0, 92.0))
STREET = [PERSON, FACE, CAR, PLATE]


def test_words_become_targets() -> None:
    assert parse("motion,person,plate") == Targets(("person", "plate"), True)
    assert parse(" Person , person,") == Targets(("person",), False)
    assert parse("motion") == Targets((), True)


@pytest.mark.parametrize(("text", "hint"), [("persn", "'person'"), ("person,movement", "valid"), ("", "motion, face"), (" , ", "motion, face")])
def test_an_unknown_word_is_refused_with_the_nearest(text: str, hint: str) -> None:
    with pytest.raises(BadSpec) as caught:
        parse(text)
    assert caught.value.code == "remove.target"
    assert hint in caught.value.hint


@given(x=st.floats(-60, 160), y=st.floats(-60, 120), width=st.floats(1, 90), height=st.floats(1, 90), dilate=st.floats(0, 1))
def test_every_pixel_of_a_box_is_in_its_wide_mask(x: float, y: float, width: float, height: float, dilate: float) -> None:
    box = (x, y, x + width, y + height)
    mask = wide_mask([track(0, "person", box)], 2, SIZE, dilate=dilate)
    assert mask.shape == (120, 160)
    inside = mask[max(int(np.floor(y)), 0) : max(int(np.ceil(y + height)), 0), max(int(np.floor(x)), 0) : max(int(np.ceil(x + width)), 0)]
    assert inside.all()
    assert (mask >= wide_mask([track(0, "face", box)], 2, SIZE, dilate=dilate)).all()


def test_people_and_vehicles_have_a_band_at_their_feet_and_faces_have_none() -> None:
    wide = wide_mask([PERSON], 0, SIZE, dilate=0.12)
    bare = wide_mask([PERSON], 0, SIZE, dilate=0.12, shadow=False)
    band = wide & ~bare
    rows = np.flatnonzero(band.any(axis=1))
    assert rows[0] >= 110 - 12
    assert wide[105, 12:98].all()  # both sides: nobody knows where the sun is
    assert not wide[60, :30].any()
    face = wide_mask([FACE], 0, SIZE, dilate=0.12)
    assert (face == wide_mask([FACE], 0, SIZE, dilate=0.12, shadow=False)).all()
    assert face.sum() == 20 * 20  # 10 x 12 with 1.2 + 3 and .72 + 3 on each side, every pixel that is touched


def test_a_frame_without_tracks_has_an_empty_mask() -> None:
    assert not wide_mask(STREET, 99, SIZE, dilate=0.12).any()
    assert not wide_mask([], 0, (1, 1), dilate=0.12).any()
    assert wide_mask([PERSON], 0, (1, 1), dilate=5.0).shape == (1, 1)


def test_a_plate_takes_its_vehicle_and_a_face_its_person() -> None:
    assert whole([PLATE, FACE], STREET) == [PLATE, FACE, CAR, PERSON]
    assert whole([PERSON], STREET) == [PERSON]
    assert whole([PLATE], [PLATE, PERSON]) == [PLATE]
    assert whole([], STREET) == []


def test_of_two_vehicles_the_smaller_one_carries_the_plate() -> None:
    lorry = track(9, "vehicle", (60.0, 10.0, 158.0, 110.0))
    assert whole([PLATE], [lorry, *STREET]) == [PLATE, CAR]


@pytest.mark.parametrize(
    ("x", "y", "meant"),
    [(45, 80, [PERSON, FACE]), (55, 30, [PERSON, FACE]), (118, 88, [CAR, PLATE]), (38, 80, [PERSON, FACE])],
)
def test_the_one_at_a_place_is_picked_with_its_parts(x: float, y: float, meant: list[Track]) -> None:
    assert picked(STREET, 1, x, y) == meant


def test_a_face_alone_can_be_picked() -> None:
    assert picked([FACE, PLATE], 0, 55, 30) == [FACE]


def test_who_is_nearer_in_a_crowd_is_the_smaller_box() -> None:
    behind = track(7, "person", (30.0, 10.0, 90.0, 118.0))
    assert picked([behind, PERSON], 0, 55, 60) == [PERSON]


def test_two_boxes_of_one_person_are_one_and_who_crosses_him_is_not() -> None:
    half = track(7, "person", (42.0, 22.0, 69.0, 60.0))
    crosses = Track(8, "person", {frame: (20.0 * frame, 20.0, 30.0 + 20 * frame, 110.0) for frame in range(4)}, 0.0, 0.3, 0.9)
    assert picked([half, PERSON, FACE, crosses], 1, 55, 40) == [half, PERSON, FACE]
    assert picked([half, PERSON, FACE, crosses], 1, 55, 80) == [PERSON, half, FACE]
    assert distinct([half, PERSON, FACE, crosses]) == [half, FACE, crosses]


def test_nothing_at_a_place_names_what_is_elsewhere() -> None:
    with pytest.raises(BadSpec) as caught:
        picked(STREET, 1, 5, 5)
    assert caught.value.code == "remove.pick"
    assert "face at (55, 30)" in caught.value.hint
    with pytest.raises(BadSpec, match="frame 50") as caught:
        picked(STREET, 50, 55, 30)
    assert "no detection" in caught.value.hint
