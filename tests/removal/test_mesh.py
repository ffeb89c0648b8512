"""A net over points: what is linear stays exact, and every point is a pixel of one cell."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from velatura.removal.mesh import CELL_PX, mesh, numbered, pixels

places = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 70)), min_size=1, max_size=60, unique=True)
TURN, SHIFT = np.array([[1.1, 0.02], [-0.05, 0.9]], np.float32), np.array([3, -2], np.float32)


@given(places)
def test_a_linear_motion_is_carried_exactly(listed: list[tuple[int, int]]) -> None:
    points = np.array(listed, np.float32)
    net = mesh(points)
    moved = net.nodes @ TURN + SHIFT
    carried = pixels(moved[net.corners]).reshape(-1, 2)[net.pixel]
    assert np.abs(carried - (points @ TURN + SHIFT)).max() < 1e-3


@given(places)
def test_points_lie_between_the_corners_of_their_cells(listed: list[tuple[int, int]]) -> None:
    points = np.array(listed, np.float32)
    net = mesh(points)
    cell = net.pixel % net.corners.shape[1]
    first, last = net.nodes[net.corners[0, cell]], net.nodes[net.corners[3, cell]]
    assert ((first < points) & (points < last)).all()
    assert np.allclose(last - first, CELL_PX)
    assert len(net.nodes) == len(np.unique(net.nodes, axis=0))
    assert len(np.unique(net.pixel)) == len(points)


def test_keys_are_numbered_in_order() -> None:
    used, place = numbered(np.array([[7, 3], [3, 9]]))
    assert used.tolist() == [3, 7, 9] and place.tolist() == [[1, 0], [0, 2]]
