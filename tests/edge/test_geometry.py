"""Segments and polygons, half-open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.edge.geometry import contains, crosses, distance, is_simple, side

shares = st.floats(0, 1, allow_subnormal=False)
points = st.tuples(shares, shares)


def test_right_is_right_with_y_down() -> None:
    assert side((0, 0), (1, 0), (0.5, 0.5)) > 0
    assert distance((0, 0), (2, 0), (0.7, -0.3)) == pytest.approx(-0.3)


@given(points, points, points)
def test_a_way_in_two_steps_goes_over_as_often_as_in_one_mod_two(p: tuple[float, float], q: tuple[float, float], r: tuple[float, float]) -> None:
    """Over a line without ends nearby."""
    a, b = (0.5, -100.0), (0.5, 100.0)
    assert (crosses(a, b, p, q) + crosses(a, b, q, r)) % 2 == crosses(a, b, p, r)


@pytest.mark.parametrize(
    ("polygon", "simple"),
    [
        ([(0, 0), (1, 0), (1, 1)], True),
        ([(0, 0), (1, 0), (1, 1), (0, 1)], True),
        ([(0, 0), (1, 1), (1, 0), (0, 1)], False),
        ([(0, 0), (1, 0)], False),
        ([(0, 0), (0.5, 0), (1, 0)], False),
        ([(0, 0), (1, 0), (1, 1), (0, 0)], False),
        ([(0, 0), (1, 0), (1, 1), (0.5, 0), (0, 1)], False),
        ([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.5, 0.4), (0.2, 0.8)], True),
    ],
)
def test_simple_polygons(polygon: list[tuple[float, float]], simple: bool) -> None:
    assert is_simple(polygon) is simple


@given(points)
def test_a_polygon_and_its_reverse_hold_the_same_inner_points(p: tuple[float, float]) -> None:
    polygon = [(0.1, 0.15), (0.85, 0.2), (0.6, 0.9)]
    assert contains(polygon, p) == contains(polygon[::-1], p)
