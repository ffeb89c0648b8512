"""Who is in a zone, and for how long.

A track is where the middle of its lower edge is, however large its box. Presence runs from one sighting inside to the next, if no more than the gap
lies between them; zones may overlap, each counts for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from velatura.edge.geometry import Point, contains

__all__ = ["ZoneCounter"]


@dataclass(slots=True)
class ZoneCounter:
    """One zone.

    Args:
        polygon: corners, shares of the picture.
        gap_s: a track that was not seen for longer was not there in between.

    Attributes:
        dwell_s: seconds of presence of all tracks together, so far.
    """

    polygon: Sequence[Point]
    gap_s: float = 1.2
    dwell_s: float = 0.0
    _inside: dict[int, float] = field(default_factory=dict)

    def see(self, track: int, at: Point, time_s: float) -> bool:
        """A track's place now; whether it is inside."""
        before = self._inside.pop(track, None)
        if not contains(self.polygon, at):
            return False
        if before is not None and time_s - before <= self.gap_s:
            self.dwell_s += max(time_s - before, 0.0)
        self._inside[track] = time_s
        return True

    def occupancy(self, time_s: float) -> int:
        """How many are inside: seen there within the gap, and nowhere else since."""
        self._inside = {track: seen for track, seen in self._inside.items() if time_s - seen <= self.gap_s}
        return len(self._inside)
