"""Two looks at wide masks: what differs goes, whole; what is behind comes from nearer; what is unknown stays masked only where it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from velatura.media.frame import PixelForm
from velatura.removal.narrowed import narrowed
from velatura.removal.planes import Mask, Planes, blocks, copied, difference
from velatura.removal.propagation import Propagated, propagated

GREY, YUV = PixelForm("grey"), PixelForm("yuv", shift_x=1, shift_y=1, full_range=False)
WIDTH, HEIGHT, COUNT, STEP_PX = 200, 120, 24, 4


@dataclass(frozen=True)
class Scene:
    """A camera that pans over a textured wall; somebody walks with it in a box that is much wider than he is."""

    form: PixelForm
    truth: list[Planes]
    frames: list[Planes]
    bodies: list[Mask]
    boxes: list[Mask]

    def pairs(self) -> Iterator[tuple[Planes, Mask]]:
        for planes, mask in zip(self.frames, self.boxes, strict=True):
            yield copied(planes), mask


def box(x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[max(y0, 0) : y1, max(x0, 0) : x1] = True
    return mask


def pan(form: PixelForm, *, wide: int = 60) -> Scene:
    rng = np.random.default_rng(1)
    worlds = []
    for _ in range(form.planes):
        fine = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH + STEP_PX * COUNT)).astype(np.float32), (0, 0), 2)
        worlds.append(0.55 + 0.1 * fine / fine.std())
    scene = Scene(form, [], [], [], [])
    for index in range(COUNT):
        planes = []
        for world, shape in zip(worlds, form.shapes(WIDTH, HEIGHT), strict=True):
            seen = cv2.resize(world[:, STEP_PX * index : STEP_PX * index + WIDTH], shape[::-1], interpolation=cv2.INTER_AREA)
            planes.append(np.clip(seen * form.peak, 0, form.peak).astype(form.dtype))
        middle = 60 + 3 * index
        body, put = box(middle - 8, 40, middle + 8, 90), copied(planes)
        put[0][body] = form.peak // 10
        scene.truth.append(planes)
        scene.frames.append(put)
        scene.bodies.append(body)
        scene.boxes.append(box(middle - wide, 30, middle + wide, 100))
    return scene


def known(results: list[Propagated], masks: list[Mask]) -> float:
    """Share of the pixels under masks that some frame showed."""
    return float(np.mean(np.concatenate([~result.never[mask] for result, mask in zip(results, masks, strict=True)])))


@pytest.mark.parametrize("form", [GREY, YUV])
def test_who_is_in_the_box_goes_whole_and_nothing_outside_changes(form: PixelForm) -> None:
    scene = pan(form, wide=36)
    results = list(narrowed(scene.pairs(), form, radius=14))
    assert len(results) == COUNT
    for result, planes, truth, body in zip(results, scene.frames, scene.truth, scene.bodies, strict=True):
        assert result.mask[body].all()
        assert result.mask.sum() < 2.5 * body.sum()
        seen = body & ~result.never
        assert difference(result.behind, truth, form)[seen].mean() < 4
        for index in range(form.planes):
            far = ~blocks(cv2.dilate(result.mask.view(np.uint8), np.ones((200, 200), np.uint8)).view(np.bool_), form, index)
            assert (result.behind[index][far] == planes[index][far]).all()


def test_a_tight_mask_of_another_frame_shows_what_its_box_hid() -> None:
    scene = pan(GREY)
    once = list(propagated(scene.pairs(), GREY, radius=6, tighten=True))
    twice = list(narrowed(scene.pairs(), GREY, radius=6))
    assert known(once, scene.bodies) < 0.9
    assert known(twice, scene.bodies) > known(once, scene.bodies) + 0.1


def test_what_is_unknown_is_masked_where_it_was_asked_for_and_nowhere_else() -> None:
    scene = pan(GREY)
    fixed = box(60, 30, 140, 100)
    still = [(copied(scene.truth[0]), fixed) for _ in range(8)]
    for result in narrowed(still, GREY, radius=4):
        assert result.never[fixed].all()
        assert result.mask[fixed].all()
        assert not result.mask[:, :50].any()
        assert not result.mask[:20].any()


def test_a_damaged_frame_is_nobodys_source() -> None:
    scene = pan(GREY)
    scene.frames[10][0][:] = GREY.peak
    scene.boxes[10][:] = True
    for number, result in enumerate(narrowed(scene.pairs(), GREY, radius=12)):
        seen = scene.bodies[number] & ~result.never
        if number != 10:
            assert difference(result.behind, scene.truth[number], GREY)[seen].mean() < 4


def test_frames_without_masks_pass_as_they_are() -> None:
    scene = pan(GREY)
    empty = [(planes, np.zeros_like(scene.boxes[0])) for planes in scene.frames]
    for result, planes in zip(narrowed(empty, GREY, radius=4), scene.frames, strict=True):
        assert not result.mask.any()
        assert (result.behind[0] == planes[0]).all()
