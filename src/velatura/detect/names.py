"""Numbers of tracks as the world sees them: bridged pieces keep one, so that what is paid once a track is paid once.

A confirmed piece takes the number of the nearest lost track that it was bridged to, if that one has a number, has not handed it on, and did
not come back as far as the look-ahead tells. A lost track that handed its number on and comes back after all goes on under a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count

from velatura.detect.track import Track

__all__ = ["Names"]


class Names:
    """Given out when a piece is first seen on a frame: 0, 1, 2 ..."""

    def __init__(self) -> None:
        self._numbers = count()
        self._of: dict[int, int] = {}
        self._handed_at_s: dict[int, float] = {}

    def fresh(self) -> int:
        """A number that nothing has."""
        return next(self._numbers)

    def of(self, track: Track, tracks: Mapping[int, Track]) -> int:
        """The number of a piece; `tracks`: all pieces that may still touch a frame."""
        if self._handed_at_s.get(track.id, float("inf")) < track.last.time_s:
            del self._handed_at_s[track.id]
            self._of[track.id] = self.fresh()
        if track.id not in self._of:
            self._of[track.id] = self._inherited(track, tracks)
        return self._of[track.id]

    def forget(self, pieces: Iterable[int]) -> None:
        for piece in pieces:
            self._of.pop(piece, None)
            self._handed_at_s.pop(piece, None)

    def _inherited(self, track: Track, tracks: Mapping[int, Track]) -> int:
        begun_s = track.hits[0].time_s
        for old, _ in track.bridges if track.confirmed else ():
            gone = old in tracks and tracks[old].last.time_s <= begun_s
            if gone and old in self._of and old not in self._handed_at_s:
                self._handed_at_s[old] = begun_s
                return self._of[old]
        return self.fresh()
