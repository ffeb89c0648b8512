"""The first pass: shots, how the camera stands, who goes and who stays, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from tests.removal import scenes
from tests.removal.clothes import SCORES, Clothes
from tests.removal.standing_scenes import surveyed, wanted

from velatura.detect.region import Region, Scores
from velatura.errors import BadSpec
from velatura.media.frame import Frame
from velatura.removal.camera import look
from velatura.removal.survey import SHORT, _look, survey
from velatura.removal.targets import Targets
from velatura.removal.wanted import Pick

WALK = replace(scenes.SCENES["walker"], frames=20)


class Signs:
    """Sees a faint person at one place of the wall."""

    names = ("signs",)
    scores: ClassVar[Mapping[str, Scores]] = {"person": SCORES}

    def __init__(self, score: float = 0.6) -> None:
        self._score = score

    def __call__(self, frame: Frame, *, low: bool) -> Sequence[Region]:
        return [Region((10.0, 10.0, 30.0, 40.0), "person", self._score, float(frame.time))]


def test_a_cut_begins_a_shot_and_every_frame_is_in_one() -> None:
    shots = surveyed(replace(WALK, cut=0.5), wanted())
    assert [(shot.first, shot.last, shot.frames) for shot in shots] == [(0, 9, 10), (10, 19, 10)]
    assert all(shot.kind == "standing" and shot.ground is not None for shot in shots)


def test_few_frames_have_no_background() -> None:
    (shot,) = surveyed(replace(WALK, frames=SHORT - 1), wanted())
    assert shot.kind == "short" and shot.ground is None


def test_a_camera_that_a_person_calls_moving_has_no_background() -> None:
    (shot,) = surveyed(WALK, wanted(camera="moving"))
    assert shot.kind == "moving" and shot.ground is None


@pytest.mark.parametrize("camera", ["auto", "static"])
def test_another_place_in_every_frame_moves_unless_a_person_says_no(camera: str) -> None:
    frames = list(scenes.frames(replace(WALK, size=(320, 120), people=())))
    cropped = [replace(frame, planes=[plane[:, (4 * index) :][:, :160].copy() for plane in frame.planes[:1]]) for index, frame in enumerate(frames)]
    grey = [replace(frame, form=scenes.GREY) for frame in cropped]
    (shot,) = surveyed(replace(WALK, form=scenes.GREY), wanted(camera=camera), None, grey)
    assert shot.kind == ("moving" if camera == "auto" else "swaying")


def test_who_goes_is_tracked_and_the_others_are_known() -> None:
    (shot,) = surveyed(WALK, wanted(), Clothes())
    assert len(shot.tracks) == 1 and not shot.beside and not shot.signs
    (shot,) = surveyed(WALK, wanted(Targets(("face",))), Clothes())
    assert not shot.tracks and len(shot.beside) == 1


def test_a_sign_is_left_and_named_and_its_place_is_no_doubt() -> None:
    scene = replace(WALK, frames=60, people=())
    (shot,) = surveyed(scene, wanted(), Signs())
    assert not shot.tracks and len(shot.signs) == 1
    assert shot.ground is not None and not shot.ground.load().doubt.any()


def test_whom_a_detector_is_sure_of_is_no_sign() -> None:
    (shot,) = surveyed(replace(WALK, frames=60, people=()), wanted(), Signs(0.9))
    assert len(shot.tracks) == 1 and not shot.signs
    assert shot.ground is not None and shot.ground.load().doubt[15:35, 12:28].all()


def test_only_what_is_picked_goes() -> None:
    people = (*WALK.people, scenes.Person(1.15, -0.15, height=0.3, feet=0.4))
    scene = replace(WALK, frames=40, people=people)
    (shot,) = surveyed(scene, wanted(pick=Pick(0.2, 20.0, 80.0)), Clothes())
    assert len(shot.tracks) == 1 and len(shot.beside) >= 1


def test_times_outside_of_the_clip_are_refused() -> None:
    with pytest.raises(BadSpec) as raised:
        surveyed(WALK, wanted(from_s=100.0))
    assert raised.value.code == "remove.span"
    with pytest.raises(BadSpec) as raised:
        surveyed(WALK, wanted(pick=Pick(100.0, 1.0, 1.0)), Clothes())
    assert raised.value.code == "remove.pick"


def test_no_frames_are_no_shots() -> None:
    assert survey([], wanted(), None, warn=lambda _: None) == []


def test_the_same_seed_gives_the_same_background() -> None:
    (a,), (b,) = (surveyed(WALK, wanted(seed=3)) for _ in range(2))
    assert a.ground is not None and b.ground is not None
    assert all(np.array_equal(x, y) for x, y in zip(a.ground.load().planes, b.ground.load().planes, strict=True))


def textured(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(40, 216, (24, 32)), np.ones((5, 5))).astype(np.uint8)


def test_a_scene_of_which_people_leave_little_stands_if_nothing_says_that_it_moves() -> None:
    left = np.arange(160)[None].repeat(120, axis=0) < 70
    greys = [np.where(left, textured(3), textured(10 + number)) for number in range(12)]  # what people leave of it is water
    assert look(greys, [~left] * 12).kind == "moving"
    assert _look(greys, [~left] * 12).kind == "standing"
    moved = [np.roll(textured(3), 4 * number, axis=1) for number in range(12)]
    assert _look(moved, [left] * 12).kind == "moving"
