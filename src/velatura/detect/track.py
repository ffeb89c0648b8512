"""One thing followed over time: its hits, and which lost tracks it may continue."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hit", "Track"]

KEPT = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """A detection that belongs to a track.

    Attributes:
        time_s: seconds.
        look: number of the look, 0, 1, 2 ...; two hits with consecutive numbers have only frames between them that nobody looked at.
        state: (4,) measured: centre x, y in pixels, log width, log height.
        speed: (4,) of the filter after this hit, a second.
        score: the detector's.
    """

    time_s: float
    look: int
    state: NDArray[np.float64]
    speed: NDArray[np.float64]
    score: float


@dataclass(slots=True, eq=False)
class Track:
    """What a tracker knows of one thing.

    Attributes:
        id: unique within its tracker.
        label, shot: nothing is carried from one label or shot to another.
        hits: in order of time; old ones are forgotten, so that a long clip needs bounded memory.
        bridges: ids of tracks that were lost nearby when this one began, and their last hit: perhaps the same thing.
        confirmed: enough hits in a row, or one sure one.
        faint: never yet a score of `high`.
        ended: it can have no more hits.
    """

    id: int
    label: str
    shot: int
    hits: list[Hit] = field(default_factory=list)
    bridges: list[tuple[int, Hit]] = field(default_factory=list)
    confirmed: bool = False
    faint: bool = True
    ended: bool = False

    @property
    def last(self) -> Hit:
        return self.hits[-1]

    def forget(self, before_s: float) -> None:
        """Drop hits before a time, but never the last of them (a gap may begin there), and keep the few that confirming counts."""
        while len(self.hits) > KEPT and self.hits[1].time_s < before_s:
            del self.hits[0]
