"""Before a camera that moves: people go as a whole, other frames show what was behind them, and the check finds who was left in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from velatura.errors import Missing
from velatura.media.frame import Box, Frame, PixelForm
from velatura.removal.checking import Check, check
from velatura.removal.moving import Moving
from velatura.removal.painted import Painted, Wider
from velatura.removal.planes import Mask, blocks, copied, difference
from velatura.removal.shot import Shot
from velatura.removal.shown import Shown
from velatura.removal.targets import Targets
from velatura.removal.tracks import Boxes, Track
from velatura.removal.wanted import Wanted

YUV = PixelForm("yuv", 8, 1, 1, full_range=False)
FORMS = [PixelForm("grey"), YUV, PixelForm("yuv", 10, 1, 1, full_range=False), PixelForm("rgb", alpha=True)]
WIDTH, HEIGHT, COUNT, STEP_PX = 192, 144, 16, 3.0
BODY_PX = (22, 62)


@dataclass(frozen=True)
class Pan:
    """A camera that pans to the right over a textured wall, and somebody who walks with it."""

    form: PixelForm
    clean: list[Frame]
    frames: list[Frame]
    bodies: list[Mask]
    track: Track

    def shot(self) -> Shot:
        return Shot(0, COUNT - 1, 0.0, "moving", [self.track])


def texture(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    fine, coarse = (cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), sigma) for sigma in (1.5, 8))
    return np.asarray(0.5 + 0.1 * fine / fine.std() + 0.08 * coarse / coarse.std(), np.float32)


def body(frame: int) -> Box:
    left = 36.0 + 6.0 * frame
    return left, 50.0, left + BODY_PX[0], 50.0 + BODY_PX[1]


def pan(form: PixelForm = YUV) -> Pan:
    rng = np.random.default_rng(1)
    worlds = [texture(rng, HEIGHT + 20, WIDTH + int(STEP_PX * COUNT) + 20) for _ in range(form.planes)]
    clothes = [np.where(np.arange(HEIGHT) < 85, 0.92, 0.08 + 0.1 * number)[:, None] + np.zeros((1, WIDTH)) for number in range(form.planes)]
    clean, frames, bodies = [], [], []
    for index in range(COUNT):
        moved = np.array([[1, 0, -STEP_PX * index - 5], [0, 1, -5 - np.sin(index)]])
        planes = []
        for world, shape in zip(worlds, form.shapes(WIDTH, HEIGHT), strict=True):
            seen = cv2.resize(cv2.warpAffine(world, moved, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC), shape[::-1], interpolation=cv2.INTER_AREA)
            planes.append(np.clip(seen * form.peak + 0.5, 0, form.peak).astype(form.dtype))
        if form.alpha:
            planes[-1][:] = form.peak
        mask = np.zeros((HEIGHT, WIDTH), np.bool_)
        x0, y0, x1, y1 = (int(side) for side in body(index))
        mask[y0:y1, x0:x1] = True
        put = copied(planes)
        for number in range(form.planes - form.alpha):
            inside = blocks(mask, form, number)
            small = cv2.resize(clothes[number], inside.shape[::-1], interpolation=cv2.INTER_AREA)
            put[number][inside] = (np.clip(small, 0, 1) * form.peak).astype(form.dtype)[inside]
        clean.append(Frame(planes, form, 1, index, Fraction(index, 25)))
        frames.append(Frame(put, form, 1, index, Fraction(index, 25)))
        bodies.append(mask)
    track = Track(0, "person", Boxes(0, np.array([body(index) for index in range(COUNT)], np.float32)), 0.0, COUNT / 25, 0.9)
    return Pan(form, clean, frames, bodies, track)


def asked(**options: object) -> Wanted:
    return Wanted(Targets(("person",)), lambda *_: None, **options)  # type: ignore[arg-type]


def fresh(frame: Frame) -> Frame:
    return replace(frame, planes=copied(frame.planes))


def paint(scene: Pan, shown: Shown, *, wider: Wider | None = None, given: list[Mask] | None = None, **options: object) -> list[Painted]:
    painter = Moving(scene.shot(), asked(**options), np.random.default_rng(0), wider or Wider(), shown, searched=True)
    masks = given if given is not None else [None] * COUNT
    return list(painter.paint((fresh(frame), mask) for frame, mask in zip(scene.frames, masks, strict=True)))


def checked(scene: Pan, frames: list[Frame], shown: Shown) -> Check:
    return check(((frame, None) for frame in frames), [scene.shot()], asked(), None, shown, {}, set())


@pytest.mark.parametrize("form", FORMS)
def test_who_was_found_goes_whole_and_nothing_else_changes(form: PixelForm) -> None:
    scene = pan(form)
    for done, frame, clean, person in zip(paint(scene, Shown()), scene.frames, scene.clean, scene.bodies, strict=True):
        assert done.mask[person].mean() > 0.99
        assert done.mask.sum() < 2 * person.sum()
        assert difference(done.frame.planes, clean.planes, form)[person].mean() < 6
        assert not done.invented
        assert not done.doubt
        for index in range(form.planes):
            outside = ~blocks(done.mask, form, index)
            assert np.array_equal(done.frame.planes[index][outside], frame.planes[index][outside])


def test_a_damaged_frame_stays_and_shows_nobody_anything() -> None:
    scene = pan()
    damaged = scene.frames[7]
    damaged.corrupt = True
    for plane in damaged.planes:
        plane[:] = 255
    for done, clean, person in zip(paint(scene, Shown()), scene.clean, scene.bodies, strict=True):
        if done.frame.corrupt:
            assert not done.mask.any()
        else:
            assert difference(done.frame.planes, clean.planes, YUV)[person].mean() < 6


def test_given_masks_go_as_they_are() -> None:
    scene = pan()
    given = [np.roll(person, 20, axis=0) for person in scene.bodies]  # not where the track is: a person's word counts
    for done, mask in zip(paint(scene, Shown(), given=given, mask="masks"), given, strict=True):
        assert done.mask[mask].all()
        assert done.mask.sum() < 1.4 * mask.sum()


def test_frames_outside_of_the_span_stay() -> None:
    scene = pan()
    done = paint(scene, Shown(), from_s=0.2, to_s=0.4)
    assert [bool(one.mask.any()) for one in done] == [5 <= index < 10 for index in range(COUNT)]


def test_a_later_round_masks_whole_boxes_too() -> None:
    scene = pan()
    box = (130.0, 10.0, 180.0, 50.0)
    first, later = paint(scene, Shown()), paint(scene, Shown(), wider=Wider(4, {3: [box]}))
    assert not first[3].mask[10:50, 130:180].any()
    assert later[3].mask[10:50, 130:180].all()
    whole = paint(scene, Shown(), wider=Wider(4, {3: [box]}, whole_boxes=True))
    assert whole[3].mask.sum() > later[3].mask.sum()
    for one, two in zip(whole[4:], first[4:], strict=True):  # where nothing was found nothing is wider
        assert one.mask.sum() < 1.1 * two.mask.sum()


def test_what_no_frame_shows_is_in_doubt() -> None:
    scene = pan()
    fixed = np.zeros((HEIGHT, WIDTH), np.bool_)
    fixed[:, 40:140] = True  # wider than the camera turns
    done = paint(scene, Shown(), given=[fixed] * COUNT, mask="masks")
    assert all(one.invented and one.doubt for one in done)


def test_around_a_box_that_no_frame_shows_paint_is_enough() -> None:
    scene = pan()
    stays = Track(0, "person", Boxes(0, np.tile(np.array([60, 40, 100, 110], np.float32), (COUNT, 1))), 0.0, COUNT / 25, 0.9)
    painter = Moving(Shot(0, COUNT - 1, 0.0, "moving", [stays]), asked(), np.random.default_rng(0), Wider(), Shown(), searched=True)
    still = [replace(fresh(scene.clean[0]), index=index, time=Fraction(index, 25)) for index in range(COUNT)]
    for done in painter.paint((frame, None) for frame in still):
        core = np.zeros((HEIGHT, WIDTH), np.bool_)
        for x0, y0, x1, y1 in done.doubt:
            core[int(y0) : int(y1), int(x0) : int(x1)] = True
        assert core[40:110, 60:100].all()
        assert not core[:, :48].any()  # a band for shadows reaches to x 35
        assert done.mask[100:120, 40:55].all()


def test_without_a_word_on_what_goes_nothing_is_done() -> None:
    with pytest.raises(Missing) as caught:
        Moving(pan().shot(), asked(), np.random.default_rng(0), Wider(), Shown(), searched=False)
    assert caught.value.code == "remove.no-detector"


@pytest.mark.parametrize("left_in", [(8,), (4, 5), (2, 3, 4, 5, 6)])
def test_the_check_finds_who_was_left_in(left_in: tuple[int, ...]) -> None:
    scene, shown = pan(), Shown()
    frames = [done.frame for done in paint(scene, shown)]
    assert not checked(scene, frames, shown).failures
    for index in left_in:
        frames[index] = fresh(scene.frames[index])
    failures = checked(scene, frames, shown).failures
    assert {failure.frame for failure in failures} == set(left_in)
    assert {failure.why for failure in failures} == {"differs"}


def test_half_of_a_body_is_found_too() -> None:
    scene, shown = pan(), Shown()
    frames = [done.frame for done in paint(scene, shown)]
    x0, y0, x1, _ = (int(side) for side in body(8))
    frames[8].planes[0][y0 + 40 : y0 + 62, x0:x1] = scene.frames[8].planes[0][y0 + 40 : y0 + 62, x0:x1]
    assert {failure.frame for failure in checked(scene, frames, shown).failures} == {8}
