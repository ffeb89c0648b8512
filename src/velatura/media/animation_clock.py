"""Durations in the whole units of a format, rounded so that errors do not add up: each frame ends at the unit nearest to its true end."""

from __future__ import annotations

from fractions import Fraction

from velatura.media.frame import Frame

__all__ = ["Clock"]


class Clock:
    """Args: units a second (GIF 100, WebP and AVIF 1000)."""

    def __init__(self, units: int) -> None:
        self._units = units
        self._end = 0

    def units(self, frame: Frame) -> int:
        """How long a frame is shown; what has no duration is shown for a tenth of a second."""
        duration = Fraction(1, 10) if frame.duration is None else frame.duration
        end = max(self._end, round((frame.time + duration) * self._units))
        length, self._end = end - self._end, end
        return length
