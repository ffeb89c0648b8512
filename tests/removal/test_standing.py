"""A camera that stands: who differs from the background goes, whole, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.removal import scenes
from tests.removal.clothes import Clothes
from tests.removal.standing_scenes import Done, done, walked, wanted

from velatura.removal.painted import Wider
from velatura.removal.planes import Mask, blocks, difference
from velatura.removal.standing import grown
from velatura.removal.targets import Targets

WALK = scenes.SCENES["walker"]
HARD = {
    "walker": WALK,
    "drift": replace(WALK, light="drift"),
    "flicker": replace(WALK, light="flicker"),
    "rotated": replace(WALK, orientation=6),
    "odd": replace(WALK, size=(161, 121)),
    "ten_bit": replace(WALK, form=scenes.TEN_BIT),
    "grey": replace(WALK, form=scenes.GREY),
    "rgb": replace(WALK, form=scenes.RGB),
}


def untouched(done: Done) -> None:
    """Samples outside of every frame's mask are the source's."""
    for frame, one in zip(done.frames, done.painted, strict=True):
        for index, (before, after) in enumerate(zip(frame.planes, one.frame.planes, strict=True)):
            mask = one.mask if before.shape == one.mask.shape else blocks(one.mask, frame.form, index)
            assert np.array_equal(before[~mask], after[~mask])


def shows(done: Done) -> list[float]:
    """Of each frame's person, the share that is not masked."""
    return [float((truth & ~one.mask).sum() / max(truth.sum(), 1)) for truth, one in zip(done.masks, done.painted, strict=True)]


@pytest.mark.parametrize("name", HARD)
def test_a_walker_goes_whole_and_nothing_else_changes(name: str) -> None:
    result = done(HARD[name])
    assert [shot.kind for shot in result.shots] == ["standing"]
    assert [one.frame.index for one in result.painted] == list(range(WALK.frames))
    assert max(shows(result)) < 0.02
    assert sum(int(one.mask.sum()) for one in result.painted) < 2.5 * sum(int(mask.sum()) for mask in result.masks)
    if name != "grey":  # where no colour and no detector tells whose place it is, a choice may be too close, and is told
        assert not any(one.doubt for one in result.painted)
    untouched(result)


def test_what_takes_the_place_is_what_was_behind() -> None:
    result = walked()
    clean = list(scenes.frames(replace(WALK, people=(), noise=0.0)))
    for truth, one, mask in zip(clean, result.painted, result.masks, strict=True):
        if mask.sum() > 50:
            assert difference(truth.planes, one.frame.planes, WALK.form)[mask].mean() < 3


def test_an_empty_scene_stays_as_it_is() -> None:
    result = done(replace(WALK, people=()))
    assert not any(one.mask.any() or one.doubt for one in result.painted)
    untouched(result)


def test_a_damaged_frame_is_masked_nowhere_and_its_neighbours_as_ever() -> None:
    result = done(WALK, corrupt=[20])
    assert max(share for index, share in enumerate(shows(result)) if index != 20) < 0.02
    untouched(result)


def test_frames_outside_of_the_span_stay_as_they_are() -> None:
    result = done(WALK, wanted(from_s=0.4, to_s=1.2))
    assert [bool(one.mask.any()) for one in result.painted] == [10 <= index < 30 for index in range(WALK.frames)]
    untouched(result)


def test_a_given_mask_goes_and_nothing_else() -> None:
    given: list[Mask] = [grown(scenes.mask(WALK, index), 2) for index in range(WALK.frames)]
    result = done(WALK, given=given)
    assert all(np.array_equal(one.mask, mask) for one, mask in zip(result.painted, given, strict=True))
    untouched(result)


def test_where_only_people_go_what_moves_otherwise_stays() -> None:
    people = (scenes.Person(), scenes.Person(1.15, -0.15, height=0.3, feet=0.4, colour=(40, 160, 60)))
    scene = replace(WALK, people=people)
    result = done(scene, wanted(Targets(("person",))), Clothes())
    red = [scenes.mask(replace(scene, people=people[:1]), index) for index in range(scene.frames)]
    green = [scenes.mask(replace(scene, people=people[1:]), index) for index in range(scene.frames)]
    assert np.mean([(mask & ~one.mask).sum() / max(mask.sum(), 1) for mask, one in zip(red, result.painted, strict=True)]) < 0.05
    apart = [index for index in range(scene.frames) if not (grown(red[index], 25) & green[index]).any() and green[index].any()]
    assert apart and all(not (result.painted[index].mask & green[index]).any() for index in apart)


def test_somebody_whom_no_frame_shows_without_is_in_doubt() -> None:
    result = done(scenes.SCENES["stander"], search=Clothes())
    assert all(one.doubt for one in result.painted)


@pytest.mark.parametrize("grow", [1, 6])
def test_a_wider_round_masks_what_the_first_did_and_more(grow: int) -> None:
    box = (5.0, 5.0, 15.0, 25.0)
    first, second = walked(), done(WALK, wider=Wider(grow, {7: [box]}))
    for index, (a, b) in enumerate(zip(first.painted, second.painted, strict=True)):
        assert not (a.mask & ~b.mask).any()
        assert index != 7 or b.mask[5:25, 5:15].all()
    untouched(second)


@pytest.mark.parametrize("make", [lambda: np.zeros((5, 4), np.bool_), lambda: np.ones((1, 1), np.bool_)])
def test_nothing_grows_into_nothing_and_all_into_all(make: Callable[[], Mask]) -> None:
    assert np.array_equal(grown(make(), 3), make())
