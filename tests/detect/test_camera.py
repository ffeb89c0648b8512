"""Cuts and the camera's shift on pictures made from noise with a seed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from velatura.detect.camera import Camera, is_cut, thumbnail


def scene(seed: int, width: int = 400, height: int = 240) -> np.ndarray:
    """Smooth blobs with corners to follow."""
    rng = np.random.default_rng(seed)
    rough = cv2.resize(rng.integers(0, 256, (30, 50), dtype=np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return cv2.GaussianBlur(rough, (0, 0), 1.2)


def part(picture: np.ndarray, x: int, y: int = 20) -> np.ndarray:
    return np.ascontiguousarray(picture[y : y + 90, 60 + x : 60 + x + 160])


@pytest.mark.parametrize(("x", "y"), [(0, 0), (3, 0), (-7, 2), (12, -4)])
def test_the_shift_is_that_of_the_picture(x: int, y: int) -> None:
    camera, picture = Camera(), scene(1)
    camera.see(part(picture, 0))
    cut, shift = camera.see(part(picture, -x, 20 - y), scale=4.0)
    assert not cut
    assert shift == pytest.approx((4 * x, 4 * y), abs=0.8)


def test_the_first_frame_starts_a_shot_and_so_does_a_new_scene() -> None:
    camera = Camera()
    assert camera.see(part(scene(1), 0)) == (True, (0.0, 0.0))
    assert camera.see(part(scene(1), 0))[0] is False
    assert camera.see(part(scene(2), 0)) == (True, (0.0, 0.0))
    assert camera.see(part(scene(2), 1))[0] is False


def test_a_known_cut_is_taken_over_even_if_the_pictures_are_alike() -> None:
    camera = Camera()
    camera.see(part(scene(1), 0))
    assert camera.see(part(scene(1), 3), shot_starts=True) == (True, (0.0, 0.0))


def test_a_change_of_light_is_no_cut() -> None:
    a = thumbnail(part(scene(1), 0))
    assert not is_cut(a, (a * 0.5).astype(np.uint8))
    assert not is_cut(a, np.clip(a.astype(int) + 60, 0, 255).astype(np.uint8))
    assert is_cut(a, thumbnail(part(scene(3), 0)))


def test_one_thing_that_crosses_is_not_the_camera() -> None:
    picture = scene(1)
    before, after = part(picture, 0), part(picture, 0)
    other = part(scene(2), 0)
    before[20:60, 20:60], after[20:60, 32:72] = other[20:60, 20:60], other[20:60, 20:60]
    camera = Camera()
    camera.see(before)
    assert camera.see(after)[1] == pytest.approx((0.0, 0.0), abs=0.2)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_empty_picture_does_not_move(value: int) -> None:
    camera, flat = Camera(), np.full((90, 160), value, np.uint8)
    camera.see(flat)
    assert camera.see(flat) == (False, (0.0, 0.0))


def test_noise_agrees_on_nothing() -> None:
    rng = np.random.default_rng(0)
    camera = Camera()
    camera.see(rng.integers(0, 256, (90, 160), dtype=np.uint8))
    _, shift = camera.see(rng.integers(0, 256, (90, 160), dtype=np.uint8))
    assert shift == (0.0, 0.0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 160), (90, 1), (3, 4), (2000, 160)])
def test_pictures_of_any_shape_are_taken(shape: tuple[int, int]) -> None:
    camera, rng = Camera(), np.random.default_rng(0)
    for _ in range(3):
        _, shift = camera.see(rng.integers(0, 256, shape, dtype=np.uint8)[::-1, ::-1])
        assert np.isfinite(shift).all()


def test_a_frame_of_another_size_starts_a_shot() -> None:
    camera = Camera()
    camera.see(part(scene(1), 0))
    assert camera.see(part(scene(1), 0)[:80]) == (True, (0.0, 0.0))
