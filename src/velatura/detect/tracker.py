"""A causal tracker: says which of the things found now it has seen before. In seconds; two thresholds; used alone by edge.

Labels are tracked apart (a face never continues a plate). Ids are never used twice. Tracks that were lost are bridged to what begins near them
(`Track.bridges`), not merged: whether both are one thing is for `cover`, which can look ahead.
Limit: it knows boxes only; two people who cross while hidden may come out with their ids exchanged.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count

import numpy as np

from velatura.detect.kalman import Floats
from velatura.detect.lane import Lane, Looked
from velatura.detect.region import Region, Scores
from velatura.detect.settings import DEFAULT_SCORES, TrackSettings
from velatura.detect.track import Track

__all__ = ["Tracker"]


class Tracker:
    """See the module.

    Args:
        scores: the detector's scale for each label; a label that is not in it gets `DEFAULT_SCORES`.
        settings: every number.
        keep_s: how much of a track's past it remembers.
    """

    def __init__(self, scores: Mapping[str, Scores] | None = None, settings: TrackSettings | None = None, *, keep_s: float = 4.0) -> None:
        self.settings = settings or TrackSettings()
        self._scores, self._keep_s = dict(scores or {}), keep_s
        self._lanes: dict[str, Lane] = {}
        self._ids, self._looks = count(), count()
        self._times: deque[float] = deque(maxlen=64)
        self.shot = 0

    def update(self, found: Sequence[Region], *, time_s: float) -> Sequence[Region]:
        """One look.

        Args:
            found: in pixels of the upright picture; scores down to `low`.
            time_s: later than that of the look before.

        Returns:
            those of `found` that belong to a track, with its id; and, with `track` None, those of a high score that are too many to follow.
        """
        return [
            replace(region, track=None if track is None else track.id, time_s=time_s)
            for region, track in self.follow(found, time_s=time_s)
            if track is not None or region.score >= self.scores_of(region.label).high
        ]

    def follow(self, found: Sequence[Region], *, time_s: float) -> list[tuple[Region, Track | None]]:
        """Like `update`, with the tracks themselves, for all of `found`."""
        self._times.append(time_s)
        looked = Looked(next(self._looks), list(self._times))
        found = [region for region in found if _is_box(region)]
        for label in {region.label for region in found} - self._lanes.keys():
            self._lanes[label] = Lane(label, self.scores_of(label), self.settings, lambda: next(self._ids))
        pairs: list[tuple[Region, Track | None]] = []
        for label in sorted(self._lanes):
            mine = [region for region in found if region.label == label]
            boxes: Floats = np.array([region.box for region in mine], dtype=np.float64).reshape(-1, 4)
            owners = self._lanes[label].update(boxes, np.array([region.score for region in mine], dtype=np.float64), looked, self.shot)
            pairs += zip(mine, owners, strict=True)
        for track in self.live:
            track.forget(time_s - self._keep_s)
        return pairs

    def cut(self) -> None:
        """A new shot begins: every track ends."""
        self.shot += 1
        for lane in self._lanes.values():
            lane.end()
        self._times.clear()

    def scores_of(self, label: str) -> Scores:
        return self._scores.get(label, DEFAULT_SCORES)

    def unused(self) -> Mapping[str, tuple[Floats, Floats]]:
        """For each label, states (k, 4) and scores (k,) of the last look whose low scores continue nothing."""
        return {label: lane.unused for label, lane in self._lanes.items()}

    @property
    def live(self) -> Sequence[Track]:
        """Tracks that may still have hits."""
        return [track for lane in self._lanes.values() for track in lane.tracks]


def _is_box(region: Region) -> bool:
    x0, y0, x1, y1 = region.box
    return bool(math.isfinite(x0 + y0 + x1 + y1) and x1 > x0 and y1 > y0)
