"""The check of a finished clip before a camera that stands: somebody who is put back is found, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import pytest
from tests.removal import scenes
from tests.removal.clothes import SCORES, Clothes
from tests.removal.standing_scenes import Done, copy, done, walked, wanted

from velatura.detect.detection import Search
from velatura.detect.region import Region, Scores
from velatura.errors import Withheld
from velatura.media.frame import Box, Frame
from velatura.removal.checking import Check, check
from velatura.removal.given_nearby import GivenNearby
from velatura.removal.painted import Wider
from velatura.removal.planes import Mask, luma
from velatura.removal.shown import Shown
from velatura.removal.standing import GREY, grown
from velatura.removal.verification import Failure
from velatura.removal.wanted import Wanted

WALK = scenes.SCENES["walker"]


@pytest.fixture(scope="module")
def walk() -> Done:
    return walked()


def checked(
    result: Done,
    frames: Sequence[Frame],
    search: Search | None = None,
    given: Sequence[Mask] | None = None,
    covered: dict[int, list[Box]] | None = None,
    asked: Wanted | None = None,
    black: frozenset[int] = frozenset(),
) -> Check:
    pairs = [(frame, given[index] if given is not None else None) for index, frame in enumerate(frames)]
    return check(pairs, result.shots, asked or wanted(), search, Shown(), covered or {}, black)


def put_back(result: Done, frames: Sequence[int]) -> list[Frame]:
    return [copy(result.frames[index]) if index in frames else frame for index, frame in enumerate(result.outputs)]


def test_a_finished_clip_shows_nobody(walk: Done) -> None:
    assert checked(walk, walk.outputs).failures == []
    assert checked(walk, walk.outputs, Clothes()).failures == []


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("first", [8, 15, 26])
def test_whoever_is_put_back_is_found_without_any_detector(walk: Done, length: int, first: int) -> None:
    there = range(first, first + length)
    failures = checked(walk, put_back(walk, there)).failures
    assert {one.frame for one in failures} == set(there)
    for one in failures:
        x0, y0, x1, y1 = (round(side) for side in one.box)
        assert one.why == "differs" and (walk.masks[one.frame][y0:y1, x0:x1]).any()


def test_a_detector_finds_him_where_the_picture_may_not_differ(walk: Done) -> None:
    result = done(WALK, search=Clothes())
    failures = checked(result, put_back(result, [20]), Clothes()).failures
    assert {(one.frame, one.why, one.label) for one in failures} == {(20, "differs", ""), (20, "detected", "person")}


@pytest.mark.parametrize("gone", [range(20, 21), range(18, 20), range(17, 22)])
def test_a_mask_that_was_not_given_is_noticed(gone: range) -> None:
    given: list[Mask] = [grown(scenes.mask(WALK, index), 2) & (index not in gone) for index in range(WALK.frames)]
    result = done(WALK, given=given)
    nearby = result.shots[0].given = GivenNearby()
    for index, mask in enumerate(given):
        nearby.add(index, mask)
    assert {one.frame for one in checked(result, result.outputs, given=given).failures} == set(gone)


def test_where_the_fallback_covered_nothing_counts_nor_on_black_frames(walk: Done) -> None:
    whole = (0.0, 0.0, float(WALK.size[0]), float(WALK.size[1]))
    assert not checked(walk, put_back(walk, [20]), covered={20: [whole]}).failures
    assert not checked(walk, put_back(walk, [20]), black=frozenset({20})).failures


def test_outside_of_the_span_nothing_is_searched() -> None:
    asked = wanted(to_s=0.4)
    result = done(WALK, asked)
    assert not checked(result, result.outputs, asked=asked).failures


def test_another_form_of_the_output_is_compared_in_brightness(walk: Done) -> None:
    grey = [replace(frame, planes=[luma(frame.planes, frame.form)], form=GREY) for frame in put_back(walk, [20])]
    assert {one.frame for one in checked(walk, grey).failures} == {20}


@pytest.mark.parametrize("change", [lambda frames: frames[:-1], lambda frames: [*frames, copy(frames[-1])]])
def test_more_or_fewer_frames_than_were_written_are_withheld(walk: Done, change: object) -> None:
    with pytest.raises(Withheld) as raised:
        checked(walk, change(walk.outputs))  # type: ignore[operator]
    assert raised.value.code == "remove.frames"


class Doubtful:
    """Sees somebody everywhere, at a score."""

    names = ("doubtful",)

    def __init__(self, score: float) -> None:
        self._score = score

    scores: ClassVar[Mapping[str, Scores]] = {"person": SCORES}

    def __call__(self, frame: Frame, *, low: bool) -> Sequence[Region]:
        return [Region((40.0, 20.0, 70.0, 100.0), "person", self._score, float(frame.time))]


def test_a_faint_hit_beside_what_was_taken_out_is_none_and_a_sure_one_on_the_scene_itself_is_told(walk: Done) -> None:
    assert not checked(walk, walk.outputs, Doubtful(0.7)).failures
    assert {one.why for one in checked(walk, walk.outputs, Doubtful(0.9)).failures} == {"plate"}


def test_the_next_round_masks_more_for_a_while_before_and_after() -> None:
    found = Check(failures=[Failure(20, 0.8, (1.0, 2.0, 3.0, 4.0), "differs")])
    wider = found.wider(1, before=Wider(0, {3: [(0.0, 0.0, 1.0, 1.0)]}))
    assert wider.grow_px > 0 and not wider.whole_boxes and {3, 20, 15, 25} <= set(wider.boxes)
    again = found.wider(2, before=wider)
    assert again.grow_px > wider.grow_px and again.whole_boxes
    assert set(found.to_cover()) < set(wider.boxes) and 20 in found.to_cover()


def test_what_shows_is_told_with_place_and_time() -> None:
    found = Check(failures=[Failure(20, 0.8, (1.0, 2.0, 3.0, 4.0), "detected", "person", 0.9)])
    (told,) = found.shows()
    assert (told.frame, told.time_s, told.why, told.label) == (20, 0.8, "detected", "person")
