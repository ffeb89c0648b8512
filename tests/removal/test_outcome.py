"""What is told of a file: every doubt in a sentence, worst first, and nothing twice."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from velatura.media.frame import Box, Frame, PixelForm
from velatura.media.reader import Facts
from velatura.removal.checking import Check
from velatura.removal.limits import REMOVAL
from velatura.removal.outcome import told
from velatura.removal.passes import Written
from velatura.removal.places import Places
from velatura.removal.report import Removed
from velatura.removal.shot import Shot
from velatura.removal.targets import Targets
from velatura.removal.tracks import Track
from velatura.removal.verification import Failure
from velatura.removal.wanted import Wanted

FACTS = Facts("clip", "mp4", 64, 48, PixelForm("yuv", 8, 1, 1), frames=10, audio=True)
TRACK = Track(7, "person", {0: (10.0, 10.0, 20.0, 30.0), 1: (11.0, 10.0, 21.0, 30.0)}, 0.0, 0.04, 0.91)
PLAIN: dict[str, Any] = {"frames": 10, "area": 1000, "touched": 5, "masked": 100, "most": 0.2, "check": Check({"person": 0.2})}


def covered(index: int, *boxes: Box) -> Places:
    places = Places()
    places.add(Frame([np.zeros((48, 64), np.uint8)], PixelForm("grey"), time=Fraction(index, 25), index=index), boxes)
    return places


def outcome(facts: Facts = FACTS, said: tuple[str, ...] = (), asked: dict[str, Any] | None = None, **written: Any) -> Removed:
    wanted = Wanted(Targets(("person",), motion=True), lambda *_: None, **(asked or {}))
    passes: Any = SimpleNamespace(wanted=wanted, source=Path("a.mp4"), out=Path("b.mp4"))
    return told(passes, Written(facts, 1, **(PLAIN | written)), detectors=("fastestdet",), said=said)


def test_shares_are_of_all_frames_and_of_what_was_replaced() -> None:
    done = outcome(invented=25, shots=[Shot(0, 9, 0.0, "moving", [TRACK])], masked=100)
    assert (done.mask_share, done.mask_most, done.invented, done.limits) == (0.1, 0.2, 0.25, REMOVAL)
    (gone,) = done.gone
    assert (gone.id, gone.label, gone.frames, gone.first_s, gone.last_s, gone.score) == (7, "person", 2, 0.0, 0.04, 0.91)
    assert done.shots[0].camera == "moving" and done.thresholds == {"person": 0.2} and done.detectors == ("fastestdet",)


def test_with_a_given_mask_nobody_is_told_to_have_been_found() -> None:
    done = outcome(asked={"mask": Path("m.png")}, shots=[Shot(0, 9, 0.0, "moving", [TRACK], signs=[TRACK])])
    assert (done.gone, done.left, done.mask) == ((), (), Path("m.png"))


def test_nothing_is_divided_by_nothing() -> None:
    done = outcome(frames=0, area=0, touched=0, masked=0)
    assert (done.mask_share, done.invented) == (0, 0)


@pytest.mark.parametrize(
    ("written", "asked", "sentence"),
    [
        ({"still_shown": Check({}, [Failure(1, 0.04, (0, 0, 5, 5), "differs")])}, {}, "1 places still showed something after"),
        (
            {"boxes": {3: [(0, 0, 5, 5)]}, "places": covered(3, (0, 0, 5, 5))},
            {"fallback_name": "blur"},
            "in 1 of 10 frames it is in doubt what lies behind, and the place is covered (blur) instead of filled: 0.12-0.12 s (0, 0, 5, 5)",
        ),
        ({"touched": 0}, {}, "nothing was found to take out: look at it"),
        ({"check": None}, {"recheck": False}, "was not searched again"),
        ({"invented": 30}, {}, "30% of what was filled no other frame shows"),
        ({"shots": [Shot(0, 9, 0.0, "moving", signs=[TRACK])]}, {}, "person at (15, 20)"),
        ({"shots": [Shot(0, 2, 0.0, "short")]}, {}, "1 shot of fewer than 5 frames"),
        ({"shots": [Shot(0, 2, 0.0, "short"), Shot(3, 4, 0.1, "short")]}, {}, "2 shots of fewer than 5 frames"),
        ({"shots": [Shot(0, 9, 0.0, "moving")]}, {}, "what merely moves is still there"),
        ({"black_frames": {4, 5}}, {}, "2 frames are damaged in the source and are black"),
        ({}, {"keep_audio": True}, "the sound track is kept: voices"),
        ({"notes": ("a note",)}, {}, "a note"),
    ],
)
def test_each_doubt_is_a_sentence(written: dict[str, Any], asked: dict[str, Any], sentence: str) -> None:
    assert any(sentence in warning for warning in outcome(asked=asked, **written).warnings)


def test_the_first_three_covered_places_are_named_and_the_others_counted() -> None:
    boxes = [(10.0 * x, 0.0, 10.0 * x + 5, 8.0) for x in range(5)]
    done = outcome(boxes={3: boxes}, places=covered(3, *boxes))
    assert done.warnings[0].endswith("0.12-0.12 s (0, 0, 5, 8), 0.12-0.12 s (10, 0, 15, 8), 0.12-0.12 s (20, 0, 25, 8) and 2 more")
    assert [place.box for place in done.covered_places] == boxes and done.covered_places_total == 5


def test_a_plain_run_warns_of_nothing_and_a_sentence_is_told_once() -> None:
    assert outcome().warnings == ()
    assert outcome(said=("look", "look"), notes=("look",)).warnings == ("look",)
