"""Whether more frames come from a camera than can be looked at: what was decoded and wanted, against what was looked at, a stretch at a time.

Everything is decoded, and the newest frame looked at; frames that nobody wanted (`--looks-per-s`) are no overload. The first stretch after a
connection counts for nothing, for cameras begin with what they had kept.
"""

from __future__ import annotations

__all__ = ["SHARE", "Load"]

STRETCH_S = 1.0
LEAST = 5  # looks that are wanted in a stretch, at least
SHARE = 0.8


class Load:
    """Of one camera. Args: every_s: seconds between looks that are wanted; 0: every frame."""

    def __init__(self, every_s: float) -> None:
        self._every_s, self._stretch_s = every_s, max(STRETCH_S, LEAST * every_s)
        self.begin()

    def begin(self) -> None:
        """A connection was made."""
        self._began_s: float | None = None
        self._decoded, self._looked, self._counts = 0, 0, False

    def decoded(self, stamp_s: float) -> bool:
        """A frame that came then could be looked at; whether a stretch ended of which less than `SHARE` was."""
        over = False
        if self._began_s is None:
            self._began_s = stamp_s
        elif (long_s := stamp_s - self._began_s) >= self._stretch_s:
            wanted = min(self._decoded, long_s / self._every_s) if self._every_s else self._decoded
            over = self._counts and wanted >= LEAST and self._looked < SHARE * wanted
            self._began_s, self._decoded, self._looked, self._counts = stamp_s, 0, 0, True
        self._decoded += 1
        return over

    def looked(self) -> None:
        """A frame was looked at."""
        self._looked += 1
