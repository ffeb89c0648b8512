"""What is not released comes with the next step that fits: who stands can be left, a camera can be called still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from velatura.errors import Withheld
from velatura.removal.shot import Shot
from velatura.removal.targets import Targets
from velatura.removal.tracks import Track
from velatura.removal.wanted import Wanted
from velatura.removal.withholding import in_doubt

STANDS = Track(0, "person", {4: (10.0, 10.0, 20.0, 40.0)}, 0.0, 0.4, 0.9)
GROUND: Any = object()


def hint(shot: Shot, boxes: Any = ((5, 5, 30, 50),), **asked: Any) -> str:
    wanted = Wanted(Targets(("person",), motion=True), lambda *_: None, "fail", **asked)
    made = in_doubt(Path("a.mp4"), Withheld("remove.in-doubt", "in doubt"), 4, boxes, shot, wanted)
    assert (made.code, made.sentence) == ("remove.in-doubt", "a.mp4: in doubt")
    return made.hint


def test_who_was_found_and_stands_can_be_left() -> None:
    assert hint(Shot(0, 9, 0.0, "standing", [STANDS], ground=GROUND)).startswith("--targets motion leaves whatever never moves, that person too")


@pytest.mark.parametrize(("boxes", "tracks"), [(((50, 50, 60, 60),), [STANDS]), (((5, 5, 30, 50),), [])])
def test_where_nobody_was_found_that_helps_nobody(boxes: Any, tracks: list[Track]) -> None:
    assert "--targets" not in hint(Shot(0, 9, 0.0, "standing", tracks, ground=GROUND), boxes)


def test_a_camera_that_seems_to_move_can_be_called_still_once() -> None:
    assert hint(Shot(0, 9, 0.0, "moving", [STANDS])).startswith("--camera static")
    assert "--camera" not in hint(Shot(0, 9, 0.0, "moving", [STANDS]), camera="moving")


def test_masks_are_no_way_out_of_masks() -> None:
    assert hint(Shot(0, 9, 0.0, "swaying")) == "--fallback fill covers such places; --mask says what goes"
    assert hint(Shot(0, 9, 0.0, "swaying"), mask=Path("m.png")) == "--fallback fill covers such places"


def test_a_picture_in_doubt_as_a_whole_is_better_obfuscated() -> None:
    assert hint(Shot(0, 0, 0.0, "short")).startswith("velatura obfuscate")
