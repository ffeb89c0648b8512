"""Holes in front of a moving camera are filled from other frames: right, within the hole only, at any form of samples, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from velatura.media.frame import PixelForm
from velatura.removal import propagation, turns
from velatura.removal.planes import Mask, blocks, copied, difference
from velatura.removal.propagation import Propagated, propagated

GREY = PixelForm("grey")
YUV = PixelForm("yuv", shift_x=1, shift_y=1, full_range=False)
FORMS = [
    GREY,
    YUV,
    PixelForm("yuv", bits=10, shift_x=1, shift_y=1),
    PixelForm("yuv", shift_x=1),
    PixelForm("rgb"),
    PixelForm("rgb", alpha=True, bits=16),
]


@dataclass(frozen=True)
class Scene:
    truth: list[list[np.ndarray]]
    frames: list[list[np.ndarray]]
    masks: list[Mask]

    def pairs(self) -> Iterator[tuple[list[np.ndarray], Mask]]:
        for planes, mask in zip(self.frames, self.masks, strict=True):
            yield copied(planes), mask


def texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    fine, coarse = (cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), sigma) for sigma in (1.5, 8))
    return 0.5 + 0.1 * fine / fine.std() + 0.08 * coarse / coarse.std()


def sampled(worlds: list[np.ndarray], form: PixelForm, shift: tuple[float, float], size: tuple[int, int]) -> list[np.ndarray]:
    """What a camera shifted by (x, y) over the plane sees."""
    matrix, planes = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]]), []
    for index, shape in enumerate(form.shapes(*size)):
        seen = cv2.warpAffine(worlds[index], matrix, size, flags=cv2.INTER_CUBIC)
        seen = cv2.resize(seen, shape[::-1], interpolation=cv2.INTER_AREA)
        planes.append(np.clip(seen * form.peak + 0.5, 0, form.peak).astype(form.dtype))
    if form.alpha:
        planes[-1][:] = form.peak
    return planes


def pan(form: PixelForm, *, count: int = 16, size: tuple[int, int] = (161, 121), step: float = 2.3, seed: int = 1, gain: float = 0.0) -> Scene:
    """A camera that pans over a plane, and a block that crosses the picture the other way."""
    rng = np.random.default_rng(seed)
    worlds = [texture(rng, size[1] + 30, size[0] + int(step * count) + 30) for _ in range(form.planes)]
    truth, frames, masks = [], [], []
    for t in range(count):
        planes = sampled([world * (1 + gain * np.sin(t / 3)) for world in worlds], form, (step * t + 5, 5 + np.sin(t)), size)
        mask = np.zeros(size[::-1], np.bool_)
        left = int(size[0] * (0.75 - 0.6 * t / count))
        mask[30:90, left : left + 24] = True
        put = copied(planes)
        for index in range(form.planes - form.alpha):
            put[index][blocks(mask, form, index)] = form.peak // (3 + index)
        truth.append(planes)
        frames.append(put)
        masks.append(mask)
    return Scene(truth, frames, masks)


def psnr(scene: Scene, results: list[Propagated], form: PixelForm) -> float:
    """Worst frame's, over the hole, of the first plane."""
    errors = [
        np.mean((result.behind[0][mask].astype(float) - planes[0][mask]) ** 2) / form.peak**2
        for result, planes, mask in zip(results, scene.truth, scene.masks, strict=True)
    ]
    return float(-10 * np.log10(max(errors)))


@pytest.mark.parametrize("form", FORMS)
def test_a_hole_is_filled_with_what_was_behind_it_and_nothing_else_changes(form: PixelForm) -> None:
    scene = pan(form, count=12)
    results = list(propagated(scene.pairs(), form))
    assert len(results) == 12
    assert psnr(scene, results, form) > 34
    for result, planes, truth, mask in zip(results, scene.frames, scene.truth, scene.masks, strict=True):
        assert not result.never.any()
        assert (result.mask | mask == result.mask).all()
        assert difference(result.behind, truth, form)[mask].mean() < 4
        for index in range(form.planes):
            outside = ~blocks(result.mask, form, index)
            assert (result.behind[index][outside] == planes[index][outside]).all()
            assert result.behind[index] is not planes[index]


def test_it_beats_telea_by_ten_decibels() -> None:
    scene = pan(GREY, seed=3)
    ours = psnr(scene, list(propagated(scene.pairs(), GREY)), GREY)
    telea = [cv2.inpaint(planes[0], mask.astype(np.uint8), 5, cv2.INPAINT_TELEA) for planes, mask in zip(scene.frames, scene.masks, strict=True)]
    nothing = np.zeros_like(scene.masks[0])
    peer = psnr(scene, [Propagated([plane], nothing, nothing, nothing.astype(np.float32)) for plane in telea], GREY)
    assert ours > peer + 10


def test_exposure_that_drifts_is_followed() -> None:
    scene = pan(GREY, gain=0.08)
    assert psnr(scene, list(propagated(scene.pairs(), GREY)), GREY) > 32


def test_what_no_frame_shows_is_said() -> None:
    scene = pan(GREY, step=0.0)
    fixed = np.zeros_like(scene.masks[0])
    fixed[40:70, 60:90] = True
    for result in propagated(((planes, fixed) for planes in scene.truth), GREY):
        assert result.never[42:68, 62:88].all()
        assert not result.seam[result.never].any()
        assert result.behind[0][result.never].std() < scene.truth[0][0].std()  # a smooth surface


@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_what_a_mask_hides_is_used(form: PixelForm) -> None:
    scene = pan(form, count=8)
    behind = []
    for level in (0, form.peak):
        for planes, mask in zip(scene.frames, scene.masks, strict=True):
            for index, plane in enumerate(planes):
                plane[blocks(mask, form, index)] = level
        behind.append([result.behind for result in propagated(scene.pairs(), form)])
    for one, other in zip(*behind, strict=True):  # corners near a hole see into it, so that the motion moves by a hair; no colour comes from there
        apart = difference(one, other, form)
        assert apart.max() < 30
        assert apart.mean() < 0.2


def test_nothing_is_carried_over_a_break() -> None:
    one, other = pan(GREY, count=6), pan(GREY, count=6, seed=9)
    both = Scene(one.truth + other.truth, one.frames + other.frames, one.masks + other.masks)
    apart = [*propagated(one.pairs(), GREY), *propagated(other.pairs(), GREY)]
    for result, alone in zip(propagated(both.pairs(), GREY), apart, strict=True):
        assert (result.behind[0] == alone.behind[0]).all()
        assert (result.never == alone.never).all()


def test_a_frame_that_is_masked_whole_is_stepped_over() -> None:
    scene = pan(GREY)
    scene.masks[7] = np.ones_like(scene.masks[7])
    results = list(propagated(scene.pairs(), GREY))
    assert results[7].never.all()
    assert not any(result.never.any() for k, result in enumerate(results) if k != 7)


def test_frames_without_masks_come_back_as_they_were_and_cost_no_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = pan(GREY, count=5)
    monkeypatch.setattr(turns, "turned", None)
    for result, planes in zip(propagated(((planes, np.zeros((121, 161), np.bool_)) for planes in scene.frames), GREY), scene.frames, strict=True):
        assert (result.behind[0] == planes[0]).all()
        assert not result.mask.any()


def test_no_more_than_the_window_is_held_and_read() -> None:
    scene = pan(GREY, count=20)
    read = 0

    def counted() -> Iterator[tuple[list[np.ndarray], Mask]]:
        nonlocal read
        for pair in scene.pairs():
            read += 1
            yield pair

    for done, _ in enumerate(propagated(counted(), GREY, radius=4)):
        assert read <= done + 5
    window = propagation._Window(GREY, 4, turns.Turns(8), tighten=False)
    for planes, mask in scene.pairs():
        window.add(planes, mask)
        if window.end > 4:
            window.filled(window.end - 5)
            assert len(window._held) <= 9
            assert len(window._links) <= 9
            assert len(window._turns) <= 9


def test_a_caller_may_paint_a_frame_as_soon_as_it_has_it() -> None:
    scene = pan(GREY)
    pairs = list(scene.pairs())
    untouched = [result.behind[0].copy() for result in propagated(scene.pairs(), GREY)]
    for (planes, _), result, expected in zip(pairs, propagated(iter(pairs), GREY), untouched, strict=True):
        assert (result.behind[0] == expected).all()
        planes[0][result.mask] = 0


def test_a_wide_box_is_tightened_to_the_object() -> None:
    scene = pan(YUV, size=(240, 160))
    wide = [cv2.dilate(mask.view(np.uint8), np.ones((25, 41), np.uint8)).view(np.bool_) for mask in scene.masks]
    results = list(propagated(zip(map(copied, scene.frames), wide, strict=True), YUV, tighten=True))
    for result, mask in zip(results, scene.masks, strict=True):
        assert result.mask[mask].mean() > 0.97
        assert result.mask.sum() < 2 * mask.sum()
    assert np.mean([result.mask.sum() / mask.sum() for result, mask in zip(results, scene.masks, strict=True)]) < 1.7


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 7), (40, 33)])
@pytest.mark.parametrize("tighten", [False, True])
@pytest.mark.parametrize("form", [YUV, FORMS[-1]])
def test_small_pictures_and_whole_masks_say_never(size: tuple[int, int], tighten: bool, form: PixelForm) -> None:
    planes = [np.full(shape, 7, form.dtype) for shape in form.shapes(*size)]
    whole = np.ones(size[::-1], np.bool_)
    for mask in (whole, ~whole):
        for result in propagated([(copied(planes), mask)] * 3, form, tighten=tighten):
            assert (result.never == mask).all()
            assert (result.mask == mask).all()


def test_no_frames_are_no_results() -> None:
    assert list(propagated([], GREY)) == []
