"""Who is where in a shot, from the frames in which detectors found him to all frames in which he is there.

Hits are linked by `detect.tracker` (predicted centres as well as overlap, two thresholds, in seconds); here the shot is over and can be looked at as
a whole: pieces that belong together are joined, faint hits before a start count, gaps close, ends run on (`lifetimes`).
Limits: boxes only, so that two people who cross while hidden may come out with their names exchanged (both go, or the one that was picked does not);
a person whom no detector ever found is nobody, and one who lies or sits large in the picture is found only where a detector is sure.
Memory: 16 bytes a track and frame; some 500 a hit while it works.
Source: Zhang et al., ByteTrack (ECCV 2022), for the two thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from velatura.detect.kalman import to_boxes, unit
from velatura.detect.reach import reach_back
from velatura.detect.region import Region, Scores
from velatura.detect.settings import TrackSettings
from velatura.detect.track import Track as Piece
from velatura.detect.tracker import Tracker
from velatura.media.frame import Box
from velatura.removal.lifetimes import Hits, Ride, is_still, lived, rides

__all__ = ["Boxes", "Track", "follow"]

GAP_S = 0.5
GAP_FRAMES = 12
"""A gap is bridged as long as the longer of both."""
SAME_U = 1.2
"""Heights between where one who was lost should be and where another begins: further off it is somebody else."""


UPRIGHT, LARGE = 0.85, 0.1
"""Width over height, and share of the picture: beyond both FastestDet sees people in bushes and windows, with scores up to .7."""
SLIM = 0.5
"""Who walks is slimmer than that; a wider, large box around somebody surer is he and the bushes beside him (scores up to .7 again)."""
AROUND, TIMES = 0.75, 2.0  # of him in it; by so much it is larger


class Boxes(Mapping[int, Box]):
    """One box for each frame from `first` on. Args: corners: (n, 4) float32."""

    __slots__ = ("_corners", "first")

    def __init__(self, first: int, corners: NDArray[np.float32]) -> None:
        self.first, self._corners = first, corners

    def __getitem__(self, frame: int) -> Box:
        if frame not in self:
            raise KeyError(frame)
        x0, y0, x1, y1 = self._corners[frame - self.first].tolist()
        return x0, y0, x1, y1

    def __contains__(self, frame: object) -> bool:
        return isinstance(frame, int) and self.first <= frame < self.first + len(self._corners)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.first + len(self._corners)))

    def __len__(self) -> int:
        return len(self._corners)


@dataclass(frozen=True, slots=True)
class Track:
    """One thing and its whole life.

    Attributes:
        id: 0, 1, 2 ... by first appearance, unique within the shot.
        label: the detector's.
        boxes: pixels of the upright picture, by frame, without gaps, without margin; parts may lie outside of the picture.
        first_s, last_s: times of its first and last frame.
        score: the best of its hits.
        found: the first and the last frame in which a detector saw it; before and after, boxes only run on. None: in all.
        still: it does not move in all of the shot: a poster, a statue, or somebody who waits; what becomes of it is the person's choice.
    """

    id: int
    label: str
    boxes: Mapping[int, Box]
    first_s: float
    last_s: float
    score: float
    still: bool = False
    found: tuple[int, int] | None = None

    def is_found(self, frame: int) -> bool:
        """Whether its box on a frame is a detector's, or lies between two of them."""
        return frame in self.boxes and (self.found is None or self.found[0] <= frame <= self.found[1])

    @property
    def first(self) -> int:
        """Index of its first frame."""
        return next(iter(self.boxes))

    @property
    def last(self) -> int:
        return self.first + len(self.boxes) - 1


def follow(
    found: Sequence[Sequence[Region] | None],
    times: Sequence[float],
    size: tuple[int, int],
    *,
    scores: Mapping[str, Scores] | None = None,
    shifts: Sequence[tuple[float, float]] = (),
    first: int = 0,
) -> list[Track]:
    """All tracks of one shot.

    Args:
        found: for each frame, scores down to the detector's `low`; None: not looked at.
        times: seconds of each frame, not falling.
        size: (width, height) of the upright picture.
        scores: each label's scale; `detect.settings.DEFAULT_SCORES` where there is none.
        shifts: for each frame, pixels that the picture moved since the frame before (`detect.camera`); () for a camera that stands.
        first: index of the shot's first frame in the clip; the tracks' frames count from there.
    """
    clock = np.asarray(times, np.float64)
    moved = np.cumsum(np.asarray(shifts or np.zeros((len(clock), 2)), np.float64).reshape(-1, 2), axis=0)
    if len(clock) != len(found) or len(moved) != len(found):
        raise ValueError(f"{len(found)} looks, {len(clock)} times and {len(moved)} shifts are not of one shot")
    pieces, look_frames = _pieces(found, clock, moved, size, scores or {})
    made = []
    chains = _chains(pieces, _longest_gap_s(clock))
    for chain, hits, ride in _riding([(chain, _hits(chain, look_frames)) for chain in chains], clock):
        start, corners = lived(hits, clock, moved, size, ride)
        end = start + len(corners) - 1
        best = max(hit.score for piece in chain for hit in piece.hits)
        boxes = Boxes(first + start, corners)
        seen = first + int(hits.frames[0]), first + int(hits.frames[-1])
        made.append(Track(0, chain[0].label, boxes, float(clock[start]), float(clock[end]), best, is_still(hits, clock), seen))
    made.sort(key=lambda track: (track.first, track.label))
    return [replace(track, id=number) for number, track in enumerate(made)]


def _riding(
    chains: Sequence[tuple[list[Piece], Hits]], clock: NDArray[np.float64]
) -> Iterator[tuple[list[Piece], Hits, tuple[Ride | None, Ride | None]]]:
    """Each with what its ends go with, among those of its label."""
    for label in {chain[0].label: None for chain, _ in chains}:
        mine = [(chain, hits) for chain, hits in chains if chain[0].label == label]
        for (chain, hits), ride in zip(mine, rides([hits for _, hits in mine], clock), strict=True):
            yield chain, hits, ride


def _longest_gap_s(clock: NDArray[np.float64]) -> float:
    step_s = float(np.median(np.diff(clock))) if len(clock) > 1 else 0.0
    return max(GAP_S, GAP_FRAMES * step_s)


def _pieces(
    found: Sequence[Sequence[Region] | None],
    clock: NDArray[np.float64],
    moved: NDArray[np.float64],
    size: tuple[int, int],
    scores: Mapping[str, Scores],
) -> tuple[dict[int, Piece], list[int]]:
    """What the tracker links, in steady coordinates, and the frame of each look; what was never sure nor high often enough is left out."""
    settings = TrackSettings(lost_s=_longest_gap_s(clock))
    tracker = Tracker(scores, settings, keep_s=float("inf"))
    pieces: dict[int, Piece] = {}
    unused: dict[str, list[tuple[float, int, NDArray[np.float64], NDArray[np.float64]]]] = {}
    look_frames: list[int] = []
    for frame, regions in enumerate(found):
        if regions is None:
            continue
        time_s = float(clock[frame])
        likely = [region for region in regions if _is_plausible(region, regions, size, tracker.scores_of(region.label))]
        steady = [_shifted(region, -moved[frame]) for region in likely]
        pieces |= {piece.id: piece for _, piece in tracker.follow(steady, time_s=time_s) if piece is not None}
        for label, (states, of) in tracker.unused().items():
            unused.setdefault(label, []).append((time_s, len(look_frames), states, of))
        look_frames.append(frame)
    needed = _hits_needed(clock, look_frames, settings)
    kept = {number: piece for number, piece in pieces.items() if _counts(piece, tracker.scores_of(piece.label), needed)}
    for piece in kept.values():
        if len(piece.hits) > 1:
            reach_back(piece, unused.get(piece.label, ()), settings)
    return kept, look_frames


def _chains(pieces: Mapping[int, Piece], gap_s: float) -> list[list[Piece]]:
    """Pieces that follow each other: one was lost where and when the next began, and did not come back."""
    of: dict[int, list[Piece]] = {}
    chains: list[list[Piece]] = []
    for piece in sorted(pieces.values(), key=lambda piece: piece.hits[0].time_s):
        before = next((old for old, _ in piece.bridges if _goes_on(pieces.get(old), piece, of, gap_s)), None)
        chain = of[before] if before is not None else []
        if not chain:
            chains.append(chain)
        chain.append(piece)
        of[piece.id] = chain
    return chains


def _goes_on(old: Piece | None, new: Piece, of: Mapping[int, list[Piece]], gap_s: float) -> bool:
    if old is None or old.id not in of or of[old.id][-1] is not old:
        return False
    last, first = old.last, new.hits[0]
    away_s = first.time_s - last.time_s
    if not 0 < away_s <= gap_s + 1e-6:
        return False
    miss = last.state[:2] + last.speed[:2] * away_s - first.state[:2]
    return bool(np.hypot(*miss) <= SAME_U * float(unit(first.state)))


def _hits(chain: Sequence[Piece], look_frames: Sequence[int]) -> Hits:
    """Of all pieces, one a look: where a start reached back beside the end of the piece before, the surer one."""
    best = {hit.look: hit for hit in sorted((hit for piece in chain for hit in piece.hits), key=lambda hit: hit.score)}
    looks = sorted(best)
    frames = np.array([look_frames[look] for look in looks], np.intp)
    return Hits(frames, to_boxes(np.array([best[look].state for look in looks])))


def _is_plausible(region: Region, all_here: Sequence[Region], size: tuple[int, int], scale: Scores) -> bool:
    """False for a person who is large and wide, or large, not slim and around somebody surer, unless the detector is sure."""
    width, height = region.box[2] - region.box[0], region.box[3] - region.box[1]
    if region.label != "person" or region.score >= scale.sure or width * height < LARGE * size[0] * size[1]:
        return True
    return width < UPRIGHT * height and (width < SLIM * height or not any(_is_around(region, other) for other in all_here))


def _is_around(region: Region, other: Region) -> bool:
    """Whether a region holds a surer and much smaller one of its label."""
    (x0, y0, x1, y1), (a0, b0, a1, b1) = region.box, other.box
    area, common = (a1 - a0) * (b1 - b0), max(min(x1, a1) - max(x0, a0), 0) * max(min(y1, b1) - max(y0, b0), 0)
    return other.label == region.label and other.score > region.score and common >= AROUND * area and (x1 - x0) * (y1 - y0) >= TIMES * area


def _counts(piece: Piece, scale: Scores, needed: int) -> bool:
    """One sure hit, or some high ones; of a scale on which faint hits begin tracks too, whatever the tracker confirmed."""
    scores = [hit.score for hit in piece.hits]
    return max(scores) >= scale.sure or sum(score >= scale.high for score in scores) >= needed or (scale.faint_hits > 0 and piece.confirmed)


def _hits_needed(clock: NDArray[np.float64], look_frames: Sequence[int], settings: TrackSettings) -> int:
    """As many high hits as the tracker wants, or as there are looks in its time, if those are fewer."""
    step_s = float(np.median(np.diff(clock[look_frames]))) if len(look_frames) > 1 else 0.0
    looks = 1 + int(settings.hits_within_s / step_s) if step_s > 0 else settings.hits
    return min(settings.hits, looks, max(1, len(look_frames)))


def _shifted(region: Region, by: NDArray[np.float64]) -> Region:
    x, y = by.tolist()
    x0, y0, x1, y1 = region.box
    return replace(region, box=(x0 + x, y0 + y, x1 + x, y1 + y))
