"""Ways over lines and through zones, with what is right: data that any counter can be tried on.

Places are shares of the picture; a step is .04 s unless times are given. Lines run from (.5, .2) to (.5, .8): right of them is x < .5, as one looks
from a to b with y down; "in" is from left (x > .5) to right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["LINE_CASES", "ZONE_CASES", "LineCase", "ZoneCase"]

Places = Sequence[tuple[float, float]]
A, B = (0.5, 0.2), (0.5, 0.8)


def way(*points: tuple[float, float], steps: int = 10) -> list[tuple[float, float]]:
    """Straight from point to point."""
    found = [points[0]]
    for p, q in pairwise(points):
        found += [(p[0] + (q[0] - p[0]) * k / steps, p[1] + (q[1] - p[1]) * k / steps) for k in range(1, steps + 1)]
    return found


@dataclass(frozen=True)
class LineCase:
    """tracks: id -> places (times: seconds of each; None: every .04 s); right: (in, out)."""

    name: str
    tracks: dict[int, Places]
    right: tuple[int, int]
    times: dict[int, Sequence[float]] | None = None
    line: tuple[tuple[float, float], tuple[float, float]] = (A, B)


@dataclass(frozen=True)
class ZoneCase:
    """tracks as of a line; inside: at the end; dwell_s: in all."""

    name: str
    polygon: Places
    tracks: dict[int, Places]
    inside: int
    dwell_s: float
    times: dict[int, Sequence[float]] | None = None


def _trembling(x: float, by: float, count: int = 40) -> list[tuple[float, float]]:
    rng = np.random.default_rng(1)
    return [(x + float(rng.uniform(-by, by)), 0.5) for _ in range(count)]


_COMES, _STEPS = way((0.7, 0.5), (0.5, 0.5)), [(0.7, 0.5), (0.6, 0.5), (0.4, 0.5), (0.3, 0.5)]
LINE_CASES = [
    LineCase("one goes in", {7: way((0.7, 0.5), (0.3, 0.5))}, (1, 0)),
    LineCase("one goes out", {7: way((0.3, 0.5), (0.7, 0.5))}, (0, 1)),
    LineCase("in and out again", {7: way((0.7, 0.5), (0.3, 0.5), (0.7, 0.5))}, (1, 1)),
    LineCase("three times to and fro", {7: way(*[((0.7, 0.3)[k % 2], 0.5) for k in range(7)])}, (3, 3)),
    LineCase("two at once, both ways", {1: way((0.7, 0.4), (0.3, 0.4)), 2: way((0.3, 0.6), (0.7, 0.6))}, (1, 1)),
    LineCase("stands on the line and trembles", {7: _trembling(0.5, 0.004)}, (0, 0)),
    LineCase("stands beside the line and trembles over it", {7: _trembling(0.51, 0.015)}, (0, 0)),
    LineCase(
        "comes to the line, trembles, goes on", {7: [*way((0.7, 0.5), (0.5, 0.5)), *_trembling(0.5, 0.006), *way((0.5, 0.5), (0.3, 0.5))]}, (1, 0)
    ),
    LineCase(
        "comes to the line, trembles, goes back", {7: [*way((0.7, 0.5), (0.5, 0.5)), *_trembling(0.5, 0.006), *way((0.5, 0.5), (0.7, 0.5))]}, (0, 0)
    ),
    LineCase("walks around the upper end", {7: way((0.7, 0.5), (0.7, 0.1), (0.3, 0.1), (0.3, 0.5))}, (0, 0)),
    LineCase("around the lower end and back over the line", {7: way((0.7, 0.5), (0.7, 0.9), (0.3, 0.9), (0.3, 0.5), (0.7, 0.5))}, (0, 1)),
    LineCase("in over the line, back around its end", {7: way((0.7, 0.5), (0.3, 0.5), (0.3, 0.1), (0.7, 0.1), (0.7, 0.5))}, (1, 0)),
    LineCase("passes above the end", {7: way((0.7, 0.15), (0.3, 0.15))}, (0, 0)),
    LineCase("through the first end, which belongs to it", {7: way((0.7, 0.2), (0.3, 0.2))}, (1, 0)),
    LineCase("through the second end, which does not", {7: way((0.7, 0.8), (0.3, 0.8))}, (0, 0)),
    LineCase("through the common end of two lines, the first", {7: way((0.7, 0.5), (0.3, 0.5))}, (0, 0), line=((0.5, 0.2), (0.5, 0.5))),
    LineCase("through the common end of two lines, the second", {7: way((0.7, 0.5), (0.3, 0.5))}, (1, 0), line=((0.5, 0.5), (0.5, 0.8))),
    LineCase("rests exactly on the line for a frame", {7: [(0.6, 0.5), (0.5, 0.5), (0.4, 0.5)]}, (1, 0)),
    LineCase("touches the line and turns back", {7: [(0.6, 0.5), (0.5, 0.5), (0.6, 0.5)]}, (0, 0)),
    LineCase("runs along the line", {7: way((0.5, 0.1), (0.5, 0.9))}, (0, 0)),
    LineCase("one large step", {7: [(0.9, 0.5), (0.1, 0.5)]}, (1, 0)),
    LineCase("a short gap while it crosses", {7: _STEPS}, (1, 0), times={7: [0, 0.1, 0.9, 1.0]}),
    LineCase("lost on one side, found on the other too late", {7: _STEPS}, (0, 0), times={7: [0, 0.1, 5.0, 5.1]}),
    LineCase("another id begins on the other side", {7: way((0.7, 0.5), (0.55, 0.5)), 8: way((0.45, 0.5), (0.3, 0.5))}, (0, 0)),
    LineCase("a line the other way round", {7: way((0.7, 0.5), (0.3, 0.5))}, (0, 1), line=(B, A)),
    LineCase("a slanted line", {7: way((0.2, 0.2), (0.8, 0.8))}, (1, 0), line=((0.2, 0.8), (0.8, 0.2))),
    LineCase("first seen on the line", {7: way((0.5, 0.5), (0.3, 0.5))}, (0, 0)),
]
SQUARE = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)]
ZONE_CASES = [
    ZoneCase("walks through", SQUARE, {1: way((0.1, 0.5), (0.9, 0.5), steps=20)}, 0, 0.16),
    ZoneCase("stays inside", SQUARE, {1: [(0.5, 0.5)] * 26}, 1, 1.0),
    ZoneCase("two inside", SQUARE, {1: [(0.45, 0.5)] * 11, 2: [(0.55, 0.5)] * 11}, 2, 0.8),
    ZoneCase("a gap that is bridged", SQUARE, {1: [(0.5, 0.5)] * 2}, 1, 1.0, times={1: [0.0, 1.0]}),
    ZoneCase("a gap that is not", SQUARE, {1: [(0.5, 0.5)] * 2}, 1, 0.0, times={1: [0.0, 3.0]}),
    ZoneCase("goes out and comes back", SQUARE, {1: [(0.5, 0.5), (0.5, 0.5), (0.7, 0.5), (0.5, 0.5), (0.5, 0.5)]}, 1, 0.08),
    ZoneCase("on the left edge, which belongs to it", SQUARE, {1: [(0.4, 0.5)] * 3}, 1, 0.08),
    ZoneCase("on the right edge, which does not", SQUARE, {1: [(0.6, 0.5)] * 3}, 0, 0.0),
    ZoneCase("in the notch of a zone", [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.5, 0.4), (0.2, 0.8)], {1: [(0.5, 0.7)] * 3}, 0, 0.0),
]
