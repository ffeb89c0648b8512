"""The background's motion: found beside objects, completed behind them, followed through frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from velatura.removal.flow import Link, Look, linked, moved, sampled, turned
from velatura.removal.tracing import Step, landed

SIZE = (200, 150)


def world(seed: int = 1, width: int = 260, height: int = 210) -> np.ndarray:
    rng = np.random.default_rng(seed)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.5)
    return np.clip(128 + 30 * fine / fine.std(), 0, 255).astype(np.uint8)


def seen(matrix: np.ndarray, seed: int = 1, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The world carried by a matrix from its pixels to the picture's."""
    return cv2.warpPerspective(world(seed, size[0] + 60, size[1] + 60), matrix, size, flags=cv2.INTER_CUBIC)


def shifted(x: float, y: float, turn: float = 0.0) -> np.ndarray:
    return np.array([[np.cos(turn), -np.sin(turn), x - 30], [np.sin(turn), np.cos(turn), y - 30], [0, 0, 1]])


def motion(a: Look, b: Look) -> tuple[Link, Link] | None:
    return linked(a, b, turned(a, b))


def still(frames: int, x: float = 0.0, y: float = 0.0, gain: float = 1.0) -> Link:
    matrix = np.array([[1, 0, x * frames], [0, 1, y * frames], [0, 0, 1.0]])
    return Link(matrix, np.zeros((75, 100, 2), np.float32), gain, SIZE)


@pytest.mark.parametrize("size", [SIZE, (1100, 120)])
def test_a_turning_camera_is_followed_to_a_third_of_a_pixel_in_the_hole_too(size: tuple[int, int]) -> None:
    here, there = shifted(0, 0), shifted(3.4, -2.2, 0.02 if size == SIZE else 0.0)
    a, b = seen(here, size=size), seen(there, size=size)
    holes = [np.zeros(size[::-1], np.bool_) for _ in range(2)]
    for hole, picture, left in zip(holes, (a, b), (70, 95), strict=True):  # an object with a texture and a motion of its own
        hole[40:100, left : left + 30] = True
        picture[40:100, left : left + 30] = world(9)[:60, :30]
    link = motion(Look(a, holes[0]), Look(b, holes[1]))
    assert link is not None
    points = np.argwhere(holes[0])[:, ::-1].astype(np.float32)
    expected = cv2.perspectiveTransform(points[:, None], there @ np.linalg.inv(here))[:, 0]
    assert np.hypot(*(moved(link[0], points) - expected).T).max() < 0.34
    assert np.hypot(*(moved(link[1], moved(link[0], points)) - points).T).max() < 0.34


def test_parallax_is_found_where_a_homography_cannot() -> None:
    near = np.zeros(SIZE[::-1], np.bool_)
    near[95:] = True  # the ground, which passes faster
    a, b = seen(shifted(0, 0)), np.where(near, seen(shifted(3, 0)), seen(shifted(1.5, 0)))
    link = motion(Look(a, None), Look(b, None))
    assert link is not None
    points = np.array([[60.0, 40.0], [140.0, 50.0], [60.0, 130.0], [140.0, 125.0]], np.float32)
    assert np.abs(moved(link[0], points)[:, 0] - points[:, 0] - [1.5, 1.5, 3, 3]).max() < 0.4


def test_the_exposure_between_two_frames_is_one_gain() -> None:
    a = seen(shifted(0, 0))
    b = np.clip(16 + (seen(shifted(2, 1)).astype(float) - 16) * 0.9 + 0.5, 0, 255).astype(np.uint8)
    link = motion(Look(a, None, 16), Look(b, None, 16))
    assert link is not None
    assert link[0].gain == pytest.approx(1 / 0.9, abs=0.01)
    assert link[1].gain == pytest.approx(0.9, abs=0.01)


def test_a_fade_is_a_break() -> None:
    a = seen(shifted(0, 0))
    assert motion(Look(a, None), Look(a // 3, None)) is None


@pytest.mark.parametrize("pictures", [(seen(shifted(0, 0)), seen(shifted(0, 0), seed=5)), (np.zeros((90, 90), np.uint8),) * 2, (world()[:20],) * 2])
def test_frames_that_share_nothing_flat_or_tiny_ones_are_not_linked(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    assert motion(Look(pictures[0], None), Look(pictures[1], None)) is None


def test_a_long_list_of_points_and_an_empty_one_are_sampled() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    points = np.tile(np.array([[1.0, 2.0], [9.0, 0.0]], np.float32), (40_000, 1))
    values = sampled(picture, points)
    assert values.shape == (80_000,)
    assert (values.reshape(-1, 2) == [9, 3]).all()
    assert sampled(picture, points[:0]).shape == (0,)
    assert sampled(np.zeros((3, 4, 2), np.float32), points[:0]).shape == (0, 2)


def test_points_land_where_the_first_free_pixel_is() -> None:
    free = np.ones(SIZE[::-1], np.bool_)
    free[:, :60] = False
    steps = [Step(k, still(1, x=5, gain=1.1), free) for k in (7, 8, 9)]
    points = np.array([[50, 10], [56, 10], [30, 10], [197, 10]], np.float32)
    found = landed(points, steps, SIZE)
    assert found.frame.tolist() == [8, 7, -1, -1]  # the third stays under the mask, the last leaves the picture
    assert np.allclose(found.at[:2], [[60, 10], [61, 10]], atol=1e-4)
    assert found.gain[:2] == pytest.approx([1.21, 1.1])


def test_a_motion_that_goes_to_infinity_is_nowhere() -> None:
    wild = Link(np.array([[1, 0, 0], [0, 1, 0], [0.1, 0, -1.0]]), np.zeros((75, 100, 2), np.float32), 1.0, SIZE)
    points = np.array([[10, 5], [40, 5], [10.0001, 70], [9.9999, 70]], np.float32)  # the horizon lies at x = 10
    assert (landed(points, [Step(1, wild, None)] * 2, SIZE).frame[2:] == -1).all()


def test_steps_are_read_no_further_than_needed() -> None:
    def forever():  # type: ignore[no-untyped-def]
        yield Step(1, still(1, x=1), None)
        raise AssertionError("read on")

    assert (landed(np.ones((2, 2), np.float32), forever(), SIZE).frame == 1).all()
    assert len(landed(np.zeros((0, 2), np.float32), forever(), SIZE).frame) == 0
