"""The motion mask: bodies and shadows are found, noise is not; what stands in a box and looks like the background is not lost."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velatura.media.frame import PixelForm
from velatura.removal.motion_mask import MotionMask, touched
from velatura.removal.planes import Mask, difference

GREY = PixelForm("grey")
NOISE = 2.0


def ground(width: int, height: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(60, 190, (height // 20 + 2, width // 20 + 2)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def scene(width: int = 320, height: int = 240, *, x: int = 150, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Mask, Mask]:
    """Background, frame with a walker and his soft shadow, and where both are."""
    rng = np.random.default_rng(seed)
    plate = ground(width, height)
    body = np.zeros((height, width), np.uint8)
    cv2.ellipse(body, (x, 130), (14, 45), 0, 0, 360, 1, -1)
    cv2.circle(body, (x, 78), 10, 1, -1)
    shadow = np.zeros((height, width), np.float32)
    cv2.ellipse(shadow, (x + 30, 176), (34, 7), 0, 0, 360, 1, -1)
    darker = plate * (1 - 0.4 * np.asarray(cv2.GaussianBlur(shadow, (0, 0), 2)))
    clothes = np.where(plate > 120, 40, 210)
    frame = np.where(body > 0, clothes, darker) + rng.normal(0, NOISE, plate.shape)
    visible = (plate - darker >= 10) & (body == 0)
    return plate.round().astype(np.uint8), np.clip(frame, 0, 255).round().astype(np.uint8), body > 0, visible


def masks(width: int, height: int, unstable: Mask | None = None) -> MotionMask:
    return MotionMask(np.full((height, width), 1.48 * 0.67 * NOISE, np.float32), unstable)


@pytest.mark.parametrize("x", [60, 150, 300, 316, 2])
def test_body_and_shadow_are_found_tightly(x: int) -> None:
    plate, frame, body, shadow = scene(x=x)
    mask = masks(320, 240).of(difference([frame], [plate], GREY))
    assert mask[body].mean() >= 0.995
    if shadow.any():
        assert mask[shadow].mean() >= 0.98
    assert mask.sum() <= 1.8 * (body | shadow).sum()


def test_noise_alone_is_nobody() -> None:
    rng = np.random.default_rng(1)
    plate = ground(320, 240)
    found = []
    for _ in range(40):
        frame = np.clip(plate + rng.normal(0, NOISE, plate.shape), 0, 255).round().astype(np.uint8)
        found.append(masks(320, 240).of(difference([frame], [plate.round().astype(np.uint8)], GREY)).any())
    assert not any(found)


def test_where_leaves_move_only_detections_count() -> None:
    plate, frame, body, _ = scene()
    apart = difference([frame], [plate], GREY)
    unstable = np.ones((240, 320), np.bool_)
    assert not masks(320, 240, unstable).of(apart).any()
    boxes = np.zeros((240, 320), np.bool_)
    boxes[60:185, 130:170] = True
    mask = masks(320, 240, unstable).of(apart, boxes)
    assert mask[body].mean() > 0.99
    assert not mask[:, 200:].any()
    assert not masks(320, 240, np.zeros((240, 320), np.bool_)).of(np.zeros_like(apart)).any()


def test_clothes_like_the_wall_are_closed_over() -> None:
    apart = np.zeros((240, 320), np.uint8)
    cv2.rectangle(apart, (140, 80), (180, 180), 60, -1)
    cv2.rectangle(apart, (152, 100), (168, 160), 0, -1)
    mask = masks(320, 240).of(apart)
    assert mask[80:181, 140:181].all()


@settings(max_examples=30, deadline=None)
@given(width=st.integers(1, 40), height=st.integers(1, 40), seed=st.integers(0, 999), kind=st.sampled_from(["zeros", "all", "random"]))
def test_any_shape_and_any_difference_gives_a_mask_of_that_shape(width: int, height: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    apart = {
        "zeros": np.zeros((height, width), np.uint8),
        "all": np.full((height, width), 255, np.uint8),
        "random": rng.integers(0, 256, (height, width), np.uint8),
    }[kind]
    made = MotionMask(rng.uniform(0, 12, (height, width)).astype(np.float32), rng.random((height, width)) < 0.2)
    boxes = rng.random((height, width)) < 0.3
    mask = made.of(apart, boxes)
    assert mask.shape == (height, width)
    assert mask.dtype == np.bool_
    assert not (kind == "zeros" and mask.any())
    assert touched(mask, boxes).shape == mask.shape


def test_a_whole_frame_that_differs_is_all_masked() -> None:
    assert MotionMask(np.ones((30, 50), np.float32)).of(np.full((30, 50), 200, np.uint8)).all()


def test_touched_takes_the_blobs_of_boxes_whole_and_leaves_the_others() -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[20:80, 20:50] = True  # a person, box below
    mask[70:80, 20:75] = True  # ... with his shadow
    mask[20:80, 150:180] = True  # somebody else
    boxes = np.zeros_like(mask)
    boxes[15:82, 18:55] = True
    taken = touched(mask, boxes)
    assert (taken == (mask & (np.arange(200) < 100))).all()
    assert not touched(mask, np.zeros_like(mask)).any()


def test_touched_falls_back_to_a_box_in_which_too_little_differs() -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[30:36, 30:36] = True  # a hand
    mask[75:90, 122:158] = True  # legs
    boxes = np.zeros_like(mask)
    boxes[15:82, 18:55] = True
    boxes[10:90, 120:160] = True
    assert (touched(mask, boxes) == boxes | mask).all()
    assert (touched(mask, boxes, blank=False) == mask).all()


@pytest.mark.parametrize(("left", "found"), [(0, True), (100, False)])
def test_a_shadow_that_comes_in_before_whoever_throws_it_is_found_at_the_border_alone(left: int, found: bool) -> None:
    apart = np.random.default_rng(0).integers(0, 4, (240, 320), np.uint8)
    apart[150:162, left : left + 20] = 12
    mask = MotionMask(np.full((240, 320), 1, np.float32)).of(apart)
    assert mask[152:160, left + 1 : left + 18].all() if found else not mask.any()
