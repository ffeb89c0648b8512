"""One detector on one frame: each thing once, in pixels of the upright picture, within the memory of a pass."""

from __future__ import annotations

import numpy as np
import pytest
from tests.detect.worlds import Spots, frame_of

from velatura.detect.looking import distinct, seen
from velatura.detect.region import Region
from velatura.detect.way import Way
from velatura.media.frame import Box
from velatura.media.view import InputForm


def spotted(size: tuple[int, int], *boxes: tuple[int, int, int, int], orientation: int = 1):  # type: ignore[no-untyped-def]
    room = np.zeros((size[1], size[0], 3), np.uint8)
    for x0, y0, x1, y1 in boxes:
        room[y0:y1, x0:x1] = 255
    return frame_of(room, orientation)


def near(found: Box, wanted: tuple[int, int, int, int], by: float) -> bool:
    return bool(np.abs(np.array(found) - wanted).max() <= by)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("way", [Way(), Way(flip=True), Way(zoom=2.0), Way(zoom=2.0, flip=True)], ids=str)
def test_a_spot_is_where_it_is(orientation: int, way: Way) -> None:
    frame = spotted((301, 203), (40, 50, 72, 90), orientation=orientation)
    (found,) = seen(Spots(), frame, way, least=0.5)
    assert near(found.box, (40, 50, 72, 90), 1.5)


def test_a_picture_of_half_a_pass_is_one_pass() -> None:
    detector = Spots()
    seen(detector, spotted((1000, 500)), least=0.5)
    assert len(detector.shown) == 1


def test_no_pass_is_larger_than_it_may_be_and_small_things_are_seen_at_full_size() -> None:
    detector = Spots()
    boxes = [(x, y, x + 20, y + 24) for x in (3, 1270, 2400, 3970) for y in (5, 1010, 1490, 2970)]
    found = seen(detector, spotted((4000, 3000), *boxes), least=0.5)
    assert max(shape[1] * shape[2] for shape in detector.shown) <= detector.pass_pixels
    assert any(shape[1] * shape[2] > detector.pass_pixels / 3 for shape in detector.shown)
    assert len(found) == len(boxes)
    assert all(any(near(region.box, box, 3) for region in found) for box in boxes)


def test_a_large_thing_across_all_tiles_is_found_once() -> None:
    found = seen(Spots(), spotted((4000, 3000), (300, 200, 3600, 2800)), least=0.5)
    assert len(found) == 1
    assert near(found[0].box, (300, 200, 3600, 2800), 12)


def test_what_lies_in_the_padding_is_nothing() -> None:
    class Everywhere(Spots):
        """Claims the last corner of x."""

        def detect(self, x, *, threshold):  # type: ignore[no-untyped-def]
            return [Region((x.shape[2] - 4.0, x.shape[1] - 4.0, x.shape[2], x.shape[1]), "face", 0.9)]

    assert seen(Everywhere(), spotted((97, 65)), least=0.5) == []


def test_a_network_with_a_fixed_input_sees_the_whole_and_thorough_its_quarters() -> None:
    detector = Spots(form=InputForm(size=(352, 352)))
    frame = spotted((2000, 1000), (1400, 700, 1600, 800))
    whole, quarters = (seen(detector, frame, way, least=0.5) for way in (Way(), Way(zoom=2.0)))
    assert near(whole[0].box, (1400, 700, 1600, 800), 8) and near(quarters[0].box, (1400, 700, 1600, 800), 4)
    assert [len(whole), len(quarters), len(detector.shown)] == [1, 1, 5]


@pytest.mark.parametrize("size", [(1, 1), (2, 3000), (9000, 2), (33, 1)])
def test_the_strangest_sizes_do_no_harm(size: tuple[int, int]) -> None:
    for way in (Way(), Way(zoom=2.0)):
        assert seen(Spots(), spotted(size), way, least=0.5) == []


def test_distinct_keeps_labels_apart() -> None:
    twins = [Region((0, 0, 10, 10), "person", 0.5), Region((0, 0, 10, 10), "person", 0.9), Region((0, 0, 10, 10), "vehicle", 0.3)]
    assert distinct(twins) == [twins[1], twins[2]]
    assert distinct([]) == []
