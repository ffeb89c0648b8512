"""What a camera that stands or sways sees behind everybody, and where that is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.removal import scenes

from velatura.media.frame import Plane
from velatura.removal.camera import Camera, look
from velatura.removal.ground import FLICKER, Ground, IntBox, Judge, ground, thick
from velatura.removal.planes import Mask, difference, luma
from velatura.removal.sampled import Sample

WALK = scenes.SCENES["walker"]


def samples(scene: scenes.Scene) -> list[Sample]:
    return [Sample(frame.planes, frame.index) for frame in scenes.frames(scene)]


def standing(count: int) -> Camera:
    return Camera("standing", count // 2, tuple(np.eye(3) for _ in range(count)))


def made(scene: scenes.Scene, *, masked: bool = False, judge: Judge | None = None, camera: Camera | None = None) -> Ground:
    taken = samples(scene)
    masks: list[Mask] = [scenes.mask(scene, index) & masked for index in range(scene.frames)]
    return ground(taken, masks, camera or standing(len(taken)), scene.form, judge=judge, rng=np.random.default_rng(0))


def off(of: Ground, scene: scenes.Scene) -> np.ndarray:
    """How far a background is from the scene without anybody, in the reference's light."""
    clean = list(scenes.frames(replace(scene, people=(), noise=0.0)))[scene.frames // 2]
    return np.asarray(difference(of.planes, clean.planes, scene.form))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scene", [WALK, replace(WALK, light="flicker"), replace(WALK, size=(161, 121), form=scenes.TEN_BIT)])
def test_behind_a_walker_is_the_wall(scene: scenes.Scene, masked: bool) -> None:
    of = made(scene, masked=masked)
    assert not of.doubt.any() and not of.invented.any() and of.anchor is None
    assert off(of, scene).mean() < 2.5 and np.percentile(off(of, scene), 99.5) < 8


def in_lights(scene: scenes.Scene, gains: Sequence[float]) -> list[Sample]:
    """The scene's frames, each so much brighter."""
    return [
        Sample([np.clip(np.rint(plane * gain), 0, scene.form.peak).astype(plane.dtype) for plane in sample.planes], sample.index)
        for sample, gain in zip(samples(scene), gains, strict=True)
    ]


def test_a_flicker_that_looks_like_nobody_is_left_to_the_median() -> None:
    scene = replace(WALK, people=(), form=scenes.GREY)
    taken = in_lights(scene, np.random.default_rng(5).normal(1, 0.006, scene.frames).tolist())
    free: list[Mask] = [np.zeros((120, 160), np.bool_) for _ in taken]
    of = ground(taken, free, standing(len(taken)), scene.form, judge=None, rng=np.random.default_rng(0))
    middle = np.floor(np.median([sample.planes[0] for sample in taken], axis=0) + 0.5)
    assert np.array_equal(of.planes[0], middle)


@pytest.mark.parametrize("most", [0.012, 0.15])
def test_the_place_of_somebody_who_left_is_in_the_light_of_the_rest(most: float) -> None:
    scene = replace(WALK, people=(scenes.Person(0.5, 0.5, last=0.6),), form=scenes.GREY)
    taken = in_lights(scene, np.linspace(1 - most, 1 + most, scene.frames).tolist())  # it grows brighter, and late samples alone show the place
    masks: list[Mask] = [scenes.mask(scene, index) for index in range(scene.frames)]
    of = ground(taken, masks, standing(len(taken)), scene.form, judge=None, rng=np.random.default_rng(0))
    truth = next(scenes.frames(replace(scene, people=(), noise=0.0))).planes[0]
    share = of.planes[0] / np.maximum(truth, 1.0)
    body = masks[0]
    assert not of.doubt.any()
    assert abs(np.median(share[body]) - np.median(share[~body])) * np.median(truth) < FLICKER / 2


def test_what_no_sample_shows_is_in_doubt_where_it_is_more_than_a_rim() -> None:
    scene = scenes.SCENES["stander"]
    of, body = made(scene, masked=True), scenes.mask(scenes.SCENES["stander"], 0)
    assert (of.doubt & body).sum() > 0.9 * body.sum() and of.invented[body].all()
    assert (of.doubt & ~body).sum() < 0.2 * body.sum()


def test_somebody_frozen_into_it_is_in_doubt_if_a_detector_sees_him() -> None:
    scene, asked = scenes.SCENES["stander"], []

    def judge(planes: Sequence[Plane]) -> Sequence[IntBox]:
        asked.append(len(planes))
        return [(62, 38, 98, 112)]

    of, body = made(scene, judge=judge), scenes.mask(scenes.SCENES["stander"], 0)
    assert asked and (of.doubt & body).sum() > 0.9 * body.sum()


def test_a_camera_that_sways_has_an_anchor_and_its_border_is_no_doubt() -> None:
    rng = np.random.default_rng(3)
    big = list(scenes.frames(replace(WALK, size=(176, 136), form=scenes.GREY, people=())))
    moved = []
    for frame in big:
        dx, dy = rng.integers(6, 11, 2)
        moved.append(Sample([np.ascontiguousarray(frame.planes[0][dy : dy + 120, dx : dx + 160])], frame.index))
    free: list[Mask] = [np.ones((120, 160), np.bool_) for _ in moved]
    camera = look([luma(sample.planes, scenes.GREY) for sample in moved], free)
    assert camera.kind == "swaying"
    of = ground(moved, [~mask for mask in free], camera, scenes.GREY, judge=None, rng=rng)
    assert of.anchor is not None and of.usable is not None and of.usable.all()
    assert of.doubt.mean() < 0.02
    inner = (slice(8, -8), slice(8, -8))
    assert difference(of.planes, moved[camera.reference].planes, scenes.GREY)[inner].mean() < 4


@given(shape=st.tuples(st.integers(1, 60), st.integers(1, 60)), seed=st.integers(0, 60), share=st.sampled_from([0.0, 0.2, 0.6, 1.0]))
def test_what_is_thick_is_whole_parts_of_a_mask(shape: tuple[int, int], seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random(shape) < share
    found = thick(mask)
    assert found.shape == shape and not (found & ~mask).any()
    assert np.array_equal(thick(found), found)


def test_a_rim_is_thin_and_a_body_is_thick() -> None:
    mask = np.zeros((120, 160), np.bool_)
    mask[:, :5], mask[40:80, 60:90] = True, True
    assert np.array_equal(thick(mask), mask & (np.arange(160) > 10)[None])
    assert thick(np.ones((120, 160), np.bool_)).all()
