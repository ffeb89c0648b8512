"""Points, segments and polygons in shares of the picture's width and height, y down, so that a change of resolution moves nothing.

Edges are half-open: of a segment its first end belongs to it and its second does not; a point on the common edge of two polygons lies in one of them.
Source: de Berg et al., Computational Geometry, 3rd edition, section 2.1 (orientation); even-odd rule as in SVG 2, section 13.4.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["Point", "contains", "crosses", "distance", "is_simple", "side"]

Point = tuple[float, float]


def side(a: Point, b: Point, p: Point) -> float:
    """Twice the area of (a, b, p): positive where p lies to the right as one looks from a to b (y down), negative to the left, 0 on the line."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def distance(a: Point, b: Point, p: Point) -> float:
    """Of p from the whole line through a and b; signed as `side`."""
    return side(a, b, p) / math.dist(a, b)


def crosses(a: Point, b: Point, p: Point, q: Point) -> bool:
    """Whether the way from p to q goes over the segment from a (which belongs to it) to b (which does not).

    A way that ends on the line has not gone over it; one that begins there has, if it leaves to the right. So of two ways that follow each other
    exactly one goes over.
    """
    before, after = side(a, b, p) > 0, side(a, b, q) > 0
    if before == after:
        return False
    # where the way meets the line, as a share of the segment
    along_p, along_q = side(p, q, a), side(p, q, b)
    if along_p == along_q:
        return False  # the way runs along the line
    share = along_p / (along_p - along_q)
    return 0 <= share < 1


def contains(polygon: Sequence[Point], p: Point) -> bool:
    """Even-odd, half-open: zones that share an edge share no point and lose none."""
    inside = False
    x, y = p
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside


def is_simple(polygon: Sequence[Point]) -> bool:
    """At least three corners, an area, and no edge that meets another one but at their common corner."""
    count = len(polygon)
    if count < 3 or len(set(polygon)) < count or abs(_area(polygon)) < 1e-9:
        return False
    edges = [(polygon[k], polygon[(k + 1) % count]) for k in range(count)]
    return not any(_meet(*edges[i], *edges[j]) for i in range(count) for j in range(i + 2, count) if (i, j) != (0, count - 1))


def _area(polygon: Sequence[Point]) -> float:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True)) / 2


def _meet(a: Point, b: Point, p: Point, q: Point) -> bool:
    """Closed segments that share a point."""
    turns = [side(a, b, p), side(a, b, q), side(p, q, a), side(p, q, b)]
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    return any(turn == 0 and _within(*ends) for turn, ends in zip(turns, ((a, b, p), (a, b, q), (p, q, a), (p, q, b)), strict=True))


def _within(a: Point, b: Point, p: Point) -> bool:
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])
