"""Tracks of one label: which detection belongs to which.

Distances of predicted centres, in units of the box, within a gate that grows with the prediction's own uncertainty; overlap is the second way
in. Detections of high score choose first, then those of low score; a track that was hit at the last, long gone look may reach further. What is
left begins tracks. A new track near a lost one is *bridged* to it, never merged with it: the lost one may still come back (a stray detection
that takes a track away is the failure that matters).
Source: two thresholds as in ByteTrack (Zhang et al., ECCV 2022); what each part buys stands in docs/benchmarks/tracking.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from velatura.detect.assign import assign
from velatura.detect.kalman import Floats, Motion, to_boxes, to_states, unit
from velatura.detect.region import Scores
from velatura.detect.settings import TrackSettings
from velatura.detect.track import Hit, Track

__all__ = ["Lane", "Looked"]

Rows = list[int]
_NOTHING: tuple[Floats, Floats] = (np.zeros((0, 4)), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Looked:
    """When the looks of this shot were: `number` of the present one, its time, and the times of some before it (the present one last)."""

    number: int
    times: Sequence[float]

    @property
    def time_s(self) -> float:
        return self.times[-1]

    @property
    def step_s(self) -> float:
        """Since the look before; 0 at the first of a shot."""
        return self.times[-1] - self.times[-2] if len(self.times) > 1 else 0.0

    def since(self, looks: int, seconds: float) -> float:
        """The start of the longer of: the last so many looks, the last so many seconds."""
        first = self.times[-looks] if len(self.times) >= looks else -np.inf
        return min(first, self.time_s - seconds) - 1e-6


class Lane:
    """Live tracks of one label, row by row beside their filters."""

    def __init__(self, label: str, scores: Scores, settings: TrackSettings, number: Callable[[], int]) -> None:
        self._label, self._scores, self._settings, self._number = label, scores, settings, number
        self._motion = Motion(settings)
        self.tracks: list[Track] = []
        self.unused: tuple[Floats, Floats] = _NOTHING

    def update(self, boxes: Floats, scores: Floats, looked: Looked, shot: int) -> list[Track | None]:
        """One look.

        Args:
            boxes, scores: (m, 4) and (m,) of this label.

        Returns:
            for each detection the track that it belongs to now; None if it is too faint, or if there are too many to follow.
            `unused` then holds states and scores of those of low score that belong to none: a start may still reach back to them.
        """
        s = self._settings
        if looked.step_s:
            self._motion.predict(looked.step_s)
        states, owner = to_states(boxes), [-1] * len(boxes)
        # The strongest first, equal ones by place: the order in which a detector lists its boxes must not matter.
        order = np.lexsort((*boxes.T, -scores))
        high = [int(i) for i in order if scores[i] >= self._scores.high][: s.most]
        low = [int(i) for i in order if self._scores.low <= scores[i] < self._scores.high][: s.most]
        left = list(range(len(self.tracks)))
        for group in (high, low):
            left = self._match(left, group, boxes, states, owner, 0.0)
        self._match(self._fast(left, looked), [i for i in high if owner[i] < 0], boxes, states, owner, s.wide)
        lost = [row for row in left if row not in set(owner) and self.tracks[row].confirmed]
        faint_may_begin = self._scores.faint_hits > 0
        room = max(0, 2 * s.most - len(self.tracks))
        fresh = [i for i in (high + low if faint_may_begin else high) if owner[i] < 0][:room]
        idle = [i for i in low if owner[i] < 0 and not faint_may_begin]
        self.unused = states[idle], scores[idle]
        self._hit([i for i in order.tolist() if owner[i] >= 0], owner, states, scores, looked)
        self._begin(fresh, owner, states, scores, looked, shot)
        for i in fresh:
            self._bridge(self.tracks[owner[i]], lost)
        mine = [self.tracks[row] if row >= 0 else None for row in owner]
        self._end(looked)
        return mine

    def end(self) -> None:
        """A cut: no track goes on."""
        for track in self.tracks:
            track.ended = True
        self.tracks, self.unused = [], _NOTHING
        self._motion.keep([])

    def _match(self, rows: Rows, found: Rows, boxes: Floats, states: Floats, owner: list[int], wide: float) -> Rows:
        """Pair tracks with detections, write it into `owner`; returns the rows that found nothing."""
        if not rows or not found:
            return rows
        taken = set()
        for a, b in assign(self._cost(rows, boxes[found], states[found], wide)):
            owner[found[b]] = rows[a]
            taken.add(rows[a])
        return [row for row in rows if row not in taken]

    def _cost(self, rows: Rows, boxes: Floats, states: Floats, wide: float) -> Floats:
        s = self._settings
        at = self._motion.at[rows]
        length = np.maximum(unit(at)[:, None], unit(states)[None])
        away = np.hypot(at[:, None, 0] - states[None, :, 0], at[:, None, 1] - states[None, :, 1]) / length
        gate = np.minimum(s.gate + s.gate_sigma * self._motion.deviation()[rows][:, None] / length, s.gate_most)
        size = np.abs(at[:, None, 3] - states[None, :, 3])
        near = (away < np.maximum(gate, wide)) | (_iou(to_boxes(at), boxes) >= s.gate_iou)
        return np.where(near & (size < s.gate_size), away + 0.5 * size, np.inf)

    def _fast(self, rows: Rows, looked: Looked) -> Rows:
        """Tracks that were hit at the last look, where looks are sparse: fast, not lost."""
        if looked.step_s <= self._settings.sparse_s:
            return []
        return [row for row in rows if self.tracks[row].last.look == looked.number - 1]

    def _hit(self, found: Rows, owner: list[int], states: Floats, scores: Floats, looked: Looked) -> None:
        if not found:
            return
        rows = [owner[i] for i in found]
        self._motion.correct(rows, states[found])
        for i, row in zip(found, rows, strict=True):
            self._record(row, states[i], float(scores[i]), looked)

    def _record(self, row: int, state: Floats, score: float, looked: Looked) -> None:
        s, track = self._settings, self.tracks[row]
        track.hits.append(Hit(looked.time_s, looked.number, state, self._motion.speed[row].copy(), score))
        track.faint = track.faint and score < self._scores.high
        if track.faint:
            needed, since = self._scores.faint_hits, looked.since(max(1, self._scores.faint_hits), s.faint_within_s)
        else:
            needed, since = s.hits, looked.since(s.hits, s.hits_within_s)
            track.confirmed = track.confirmed or score >= self._scores.sure
        enough = 0 < needed <= len(track.hits) and track.hits[-needed].time_s >= since
        track.confirmed = track.confirmed or enough

    def _begin(self, fresh: Rows, owner: list[int], states: Floats, scores: Floats, looked: Looked, shot: int) -> None:
        if not fresh:
            return
        self._motion.begin(states[fresh])
        for i in fresh:
            owner[i] = len(self.tracks)
            self.tracks.append(Track(self._number(), self._label, shot))
            self._record(owner[i], states[i], float(scores[i]), looked)

    def _bridge(self, track: Track, lost: Rows) -> None:
        """Note the lost tracks that this new one may continue, the nearest first."""
        if not lost:
            return
        state, at = track.last.state, self._motion.at[lost]
        far = np.hypot(*(at[:, :2] - state[:2]).T) / unit(state)
        near = (far < self._settings.wide) & (np.abs(at[:, 3] - state[3]) < self._settings.gate_size)
        for k in np.argsort(far, kind="stable"):
            if near[k]:
                old = self.tracks[lost[int(k)]]
                track.bridges.append((old.id, old.last))

    def _end(self, looked: Looked) -> None:
        s = self._settings
        keep = []
        for row, track in enumerate(self.tracks):
            patience = max(s.lost_s if track.confirmed else s.hits_within_s, 2.5 * looked.step_s)
            track.ended = looked.time_s - track.last.time_s > patience
            if not track.ended:
                keep.append(row)
        if len(keep) < len(self.tracks):
            self.tracks = [self.tracks[row] for row in keep]
            self._motion.keep(keep)


def _iou(a: Floats, b: Floats) -> Floats:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    common = sides[..., 0] * sides[..., 1]
    area_a, area_b = (np.maximum(v[:, 2] - v[:, 0], 0) * np.maximum(v[:, 3] - v[:, 1], 0) for v in (a, b))
    return np.asarray(common / np.maximum(area_a[:, None] + area_b[None] - common, 1e-9), dtype=np.float64)
