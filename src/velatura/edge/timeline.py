"""A file's own time, made of its packets' time stamps: they are numbers in a file that somebody wrote, and ticks, so bits, are counted by them.

A step forward of more than `JUMP_S`, or one as far back, is a gap: it is counted and told, and makes no ticks, as if the next frame came right after
the last. So a packet, which has at least a byte, brings `JUMP_S` seconds at most.
"""

from __future__ import annotations

from fractions import Fraction

__all__ = ["JUMP_S", "Timeline"]

JUMP_S = 5.0
_LONGEST_FRAME_S = 1.0


class Timeline:
    """Of one file, or of the clips of a folder one after the other.

    Attributes:
        seconds: that were read so far.
        gaps: steps that were no time; left_out_s: how long they claimed to be, seconds.
    """

    def __init__(self) -> None:
        self.seconds, self.gaps, self.left_out_s = 0.0, 0, 0.0
        self._base, self._frame_s = Fraction(1), 0.0
        self._high: int | None = None

    def begin(self, base: Fraction, frame_s: float) -> None:
        """Another clip. base: seconds a tick of its time stamps; frame_s: how long one frame lasts, as the container says."""
        self._base, self._frame_s, self._high = base, min(frame_s, _LONGEST_FRAME_S), None

    def place(self, ticks: int | None) -> float:
        """Seconds at which a packet lies. ticks: its time stamp; None: it has none, and lies where the one before it does."""
        if ticks is None:
            return self.seconds
        step_s = 0.0 if self._high is None else float((ticks - self._high) * self._base)
        if abs(step_s) > JUMP_S:
            self.gaps, self.left_out_s = self.gaps + 1, self.left_out_s + max(step_s, 0.0)
            self._high, self.seconds = ticks, self.seconds + self._frame_s
        elif self._high is None or step_s > 0:
            self._high, self.seconds = ticks, self.seconds + step_s
        return self.seconds

    def end(self) -> None:
        """The clip is over: its last frame lasts as long as the others."""
        if self._high is not None:
            self.seconds, self._high = self.seconds + self._frame_s, None
