"""What the ring around a hole teaches: surfaces through scattered values, and the shift that is left of the motion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.removal.cells import cells
from velatura.removal.donors import RING_PX, place
from velatura.removal.flow import sampled
from velatura.removal.refinement import MOST_PX, shifts


def around(hole: np.ndarray, px: int) -> np.ndarray:
    return cv2.dilate(hole.view(np.uint8), np.ones((2 * px + 1, 2 * px + 1), np.uint8)).view(np.bool_) & ~hole


@given(level=st.floats(-50, 50, width=32), count=st.integers(1, 60), side=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_constant_spreads_as_itself(level: float, count: int, side: int, seed: int) -> None:
    points = np.random.default_rng(seed).integers(0, 40, (count, 2)).astype(np.float32)
    known = points[: max(1, count // 2)]
    spread = cells(points, side).spread(known, np.full(len(known), level, np.float32), points)
    assert spread == pytest.approx(np.full(count, level), abs=1e-3)


def test_a_slope_is_carried_over_a_hole() -> None:
    hole = np.zeros((60, 80), np.bool_)
    hole[20:40, 30:50] = True
    where = place(hole, around(hole, RING_PX))
    ring, inside = where.points[where.holes :], where.points[: where.holes]
    spread = cells(where.points, 4).spread(ring, ring[:, 0] / 4, inside)
    assert np.abs(spread - inside[:, 0] / 4).max() < 2.5
    assert np.corrcoef(spread, inside[:, 0])[0, 1] > 0.9
    assert not cells(where.points, 4).spread(ring[:0], ring[:0, 0], inside).any()


@pytest.mark.parametrize("level", [1, 4])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.6, -0.4), (-0.8, 0.3)])
def test_the_shift_that_is_left_is_found_in_spite_of_another_exposure(shift: tuple[float, float], level: int) -> None:
    rng = np.random.default_rng(2)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (90, 120)).astype(np.float32), (0, 0), 2.5)
    world = (128 + 25 * fine / fine.std()) * level
    hole = np.zeros(world.shape, np.bool_)
    hole[30:60, 40:70] = True
    where = place(hole, around(hole, RING_PX))
    shown = sampled(world, where.points - np.array(shift, np.float32), cv2.INTER_CUBIC) + 4 * level
    plane = world.astype(np.uint16)
    plane[hole] = 0
    found = shifts(where.points, where.holes, plane, shown, np.ones(len(where.points), np.bool_), level=level)
    assert np.abs(found - shift).max() < 0.35
    assert np.abs(found - shift).mean() < 0.12


def test_without_texture_or_with_nothing_known_nothing_moves() -> None:
    flat = np.full((50, 50), 99, np.uint8)
    hole = np.zeros(flat.shape, np.bool_)
    hole[20:30, 20:30] = True
    where = place(hole, around(hole, RING_PX))
    shown = np.full(len(where.points), 92, np.float32)
    for known in (np.ones(len(shown), np.bool_), np.zeros(len(shown), np.bool_)):
        assert np.abs(shifts(where.points, where.holes, flat, shown, known, level=1)).max() < 1e-3
    assert MOST_PX < 2
