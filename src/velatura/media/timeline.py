"""Time stamps of a clip, put right where they cannot be meant.

A frame keeps the very ticks that its container gives it, counted from the clip's start. Only what no player could show is changed: a stamp
that is missing follows its predecessor by one frame's length, one that stands still or goes back follows it by one tick. `repaired` counts them.
"""

from __future__ import annotations

__all__ = ["Timeline"]


class Timeline:
    """Places frames, in presentation order, on a strictly rising line of ticks from 0.

    Args:
        start: the clip's start in ticks; a first frame before it becomes the start itself.
        step: the length of a frame in ticks where its own is not known, at least 1.
    """

    def __init__(self, start: int, step: int) -> None:
        self._start = start
        self._step = max(1, step)
        self._last: int | None = None
        self.repaired = 0

    def place(self, pts: int | None, length: int) -> int:
        """The frame's ticks since the start; `length` is its own length in ticks, 0 where unknown."""
        if self._last is None:
            ticks = self._first(pts)
        elif pts is None:
            ticks = self._last + self._step
            self.repaired += 1
        else:
            ticks = pts - self._start
            if ticks <= self._last:
                ticks = self._last + 1
                self.repaired += 1
        self._last = ticks
        self._step = length if length > 0 else self._step
        return ticks

    @property
    def step(self) -> int:
        """The length of the last frame placed, as far as it is known."""
        return self._step

    def _first(self, pts: int | None) -> int:
        if pts is None:
            self.repaired += 1
            return 0
        self._start = min(self._start, pts)
        return pts - self._start
