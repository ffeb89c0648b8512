"""Who goes over a line, and which way.

A track is where the middle of its lower edge is. It changes sides when it is further from the line than `CLEAR` (2 % of the height) on the other
side, so that whoever stands on the line, or whose box trembles, is not counted; and that change is a crossing only if the way since it was last clear
went over the *segment* an odd number of times: whoever walks around its end did not cross. A gap longer than a track lives begins a new way.
"In" is from the left to the right of the line as one looks from a to b (y down).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from velatura.edge.geometry import Point, crosses, distance

__all__ = ["CLEAR", "LineCounter"]

CLEAR = 0.02


@dataclass(slots=True)
class _Way:
    """Of one track since it was last clear of the line. side: -1 left, 1 right, 0: it never was clear."""

    at: Point
    time_s: float
    side: int = 0
    met: int = 0


@dataclass(slots=True)
class LineCounter:
    """One line.

    Args:
        a, b: its ends, shares of the picture.
        aspect: width over height, for a distance that is the same in all directions.
        gap_s: a track that was gone longer begins anew.

    Attributes:
        entered, left: crossings from left to right, and from right to left, so far.
        born_across: tracks that were gone too long and came back on the other side: not counted.
    """

    a: Point
    b: Point
    aspect: float = 1.0
    gap_s: float = 1.2
    entered: int = 0
    left: int = 0
    born_across: int = 0
    _ways: dict[int, _Way] = field(default_factory=dict)

    def see(self, track: int, at: Point, time_s: float) -> int:
        """A track's place now; 1: it came in, -1: it went out, 0: neither. Raises ValueError: time runs backwards."""
        way = self._ways.get(track)
        now = self._side(at)
        if way is None:
            self._ways[track] = _Way(at, time_s, now)
            return 0
        if time_s < way.time_s:
            raise ValueError(f"track {track}: {time_s} s comes after {way.time_s} s")
        if time_s - way.time_s > self.gap_s:
            self.born_across += bool(now and way.side and now != way.side)
            self._ways[track] = _Way(at, time_s, now)
            return 0
        way.met += crosses(self.a, self.b, way.at, at)
        way.at, way.time_s = at, time_s
        return self._turned(way, now)

    def forget(self, before_s: float) -> None:
        """Tracks that were last seen before a time."""
        for track in [track for track, way in self._ways.items() if way.time_s < before_s]:
            del self._ways[track]

    def _turned(self, way: _Way, now: int) -> int:
        if not now or now == way.side:
            if now:
                way.met = 0  # clear again, on the side where it was
            return 0
        came_from, way.side = way.side, now
        over, way.met = way.met % 2 == 1, 0
        if not came_from or not over:
            return 0
        self.entered += now > 0
        self.left += now < 0
        return now

    def _side(self, at: Point) -> int:
        """-1, 0 (not clear), 1."""
        a, b, p = ((x * self.aspect, y) for x, y in (self.a, self.b, at))
        off = distance(a, b, p)
        return 0 if abs(off) <= CLEAR else (1 if off > 0 else -1)
