"""What to hide on each frame: a causal tracker behind a bounded look-ahead.

Frames are held back for `lookahead_s`, then come out once each, in order, with their regions: hits, bridges over gaps, starts carried backward,
ends carried forward. What is not a hit grows with the time to the nearest one; nothing crosses a cut. A hit that no track confirms is hidden on
its own frame, and on those beside it that nobody looked at. With camera motion in the looks, tracks live in steady coordinates.
Regions carry growth but not the margin that the user asked for; a track has at most one on a frame. A piece that is bridged to a lost one
keeps its number (`names.py`), so that what is paid once a track is paid once.
Limit: what no detector ever finds is not hidden. Figures: docs/benchmarks/tracking.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from velatura.detect.kalman import Floats
from velatura.detect.names import Names
from velatura.detect.reach import SAME_S, Moment, hidden, reach_back
from velatura.detect.region import Look, Region, Scores
from velatura.detect.settings import TrackSettings
from velatura.detect.track import Track
from velatura.detect.tracker import Tracker
from velatura.media.frame import Box, Frame

__all__ = ["MEMORY_BYTES", "cover"]

MEMORY_BYTES = 256 << 20
SHORTEST_S = 0.02  # halving ends here: below it nothing is held back


def cover(
    looks: Iterable[Look],
    *,
    lookahead_s: float,
    scores: Mapping[str, Scores] | None = None,
    settings: TrackSettings | None = None,
    memory_bytes: int = MEMORY_BYTES,
    warn: Callable[[str], None] | None = None,
) -> Iterator[tuple[Frame, Sequence[Region]]]:
    """Frames with what must be hidden on them.

    Args:
        looks: in order of time.
        lookahead_s: see `settings.lookahead_for`.
        scores: each label's scale; see `Tracker`.
        memory_bytes: of planes held back; the look-ahead halves until they fit.
        warn: told once for each halving.
    """
    window = _Window(lookahead_s, scores, settings or TrackSettings(), memory_bytes, warn)
    for look in looks:
        window.take(look)
        yield from window.ripe(look.time_s)
    yield from window.ripe(np.inf)


@dataclass(slots=True)
class _Held:
    """A frame that waits."""

    frame: Frame
    moment: Moment
    shift: Floats
    shot: int
    alone: list[Region]
    size: int


class _Window:
    """The frames that are held back, and the tracks that may touch them."""

    def __init__(
        self,
        lookahead_s: float,
        scores: Mapping[str, Scores] | None,
        settings: TrackSettings,
        memory_bytes: int,
        warn: Callable[[str], None] | None,
    ) -> None:
        self._lookahead_s, self._memory_bytes, self._warn = lookahead_s, memory_bytes, warn
        self._s = replace(settings, lost_s=max(settings.lost_s, lookahead_s))
        self._tracker = Tracker(scores, self._s, keep_s=lookahead_s + self._s.lost_s + 1.0)
        self._held: deque[_Held] = deque()
        self._tracks: dict[int, Track] = {}
        self._unused: dict[str, deque[tuple[float, int, Floats, Floats]]] = {}
        self._names = Names()
        self._shift = np.zeros(2)
        self._look, self._bytes = -1, 0

    def take(self, look: Look) -> None:
        """Hold a frame; track what was found on it."""
        if look.shot_starts:
            self._tracker.cut()
            self._unused.clear()
            self._shift = np.zeros(2)
        else:
            self._shift = self._shift + look.shift_px
        looked = look.found is not None
        self._look += looked
        alone = self._follow(look.found, look.time_s) if look.found is not None else []
        size = sum(int(plane.nbytes) for plane in getattr(look.frame, "planes", ()))
        moment = Moment(look.time_s, self._look, looked=looked)
        self._held.append(_Held(look.frame, moment, self._shift, self._tracker.shot, alone, size))
        self._bytes += size
        self._fit()

    def ripe(self, now_s: float) -> Iterator[tuple[Frame, Sequence[Region]]]:
        """Let go of the frames that waited long enough."""
        let_go = False
        while self._held and self._held[0].moment.time_s <= now_s - self._lookahead_s + SAME_S:
            held = self._held.popleft()
            self._bytes -= held.size
            let_go = True
            yield held.frame, self._regions(held)
        if let_go and self._held:
            self._forget(self._held[0])

    def _follow(self, found: Sequence[Region], time_s: float) -> list[Region]:
        """Track in steady coordinates; returns what is too much to follow, as it was found."""
        alone = []
        for region, track in self._tracker.follow([_shifted(region, -self._shift) for region in found], time_s=time_s):
            if track is None:
                if region.score >= self._tracker.scores_of(region.label).high:
                    alone.append(replace(_shifted(region, self._shift), time_s=time_s))
                continue
            self._tracks[track.id] = track
            if track.confirmed and len(track.hits) == self._s.hits:
                reach_back(track, self._unused.get(track.label, ()), self._s)
        for label, (states, of) in self._tracker.unused().items():
            faint = self._unused.setdefault(label, deque())
            faint.append((time_s, self._look, states, of))
            while faint[0][0] < time_s - self._lookahead_s:
                faint.popleft()
        return alone

    def _regions(self, held: _Held) -> list[Region]:
        """One region for each number and label: the common box of all its parts."""
        parts: dict[tuple[int, str], list[tuple[Floats, float]]] = {}
        for track in self._tracks.values():
            if track.shot == held.shot and (track.confirmed or not track.faint):
                boxes = hidden(track, held.moment, self._s)
                if boxes:
                    parts.setdefault((self._names.of(track, self._tracks), track.label), []).extend(boxes)
        size, regions = getattr(held.frame, "size", None), []
        for (number, label), boxes in parts.items():
            box = _common([box for box, _ in boxes], held.shift)
            if _touches(box, size):
                regions.append(Region(box, label, max(score for _, score in boxes), held.moment.time_s, number))
        return regions + [replace(region, track=self._names.fresh()) for region in held.alone]

    def _forget(self, oldest: _Held) -> None:
        """Drop tracks that can touch no frame any more."""
        now = oldest.moment
        gone = []
        for track in self._tracks.values():
            past = now.look > track.last.look and now.time_s - track.last.time_s > self._s.end_ahead_s + SAME_S
            if track.ended and (track.shot < oldest.shot or past):
                gone.append(track.id)
        for number in gone:
            del self._tracks[number]
        self._names.forget(gone)

    def _fit(self) -> None:
        """Halve the look-ahead until what it holds back fits."""
        if self._bytes <= self._memory_bytes or self._lookahead_s == 0:
            return
        while self._lookahead_s and self._kept() > self._memory_bytes:
            self._lookahead_s = self._lookahead_s / 2 if self._lookahead_s > SHORTEST_S else 0.0
        if self._warn is not None:
            self._warn(
                f"frames are so large that tracking looks only {self._lookahead_s:.2g} s ahead ({self._memory_bytes >> 20} MiB): "
                "short misses of the detector are covered less well"
            )

    def _kept(self) -> int:
        newest = self._held[-1].moment.time_s
        return sum(held.size for held in self._held if held.moment.time_s > newest - self._lookahead_s + SAME_S)


def _shifted(region: Region, by: Floats) -> Region:
    x, y = float(by[0]), float(by[1])
    if not x and not y:
        return region
    x0, y0, x1, y1 = region.box
    return replace(region, box=(x0 + x, y0 + y, x1 + x, y1 + y))


def _common(boxes: Sequence[Floats], shift: Floats) -> Box:
    corners = np.array(boxes)
    low, high = corners[:, :2].min(axis=0) + shift, corners[:, 2:].max(axis=0) + shift
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _touches(box: Box, size: tuple[int, int] | None) -> bool:
    return size is None or (box[2] > 0 and box[3] > 0 and box[0] < size[0] and box[1] < size[1])
