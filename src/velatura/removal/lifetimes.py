"""The whole life of one thing from the frames in which it was found: between them, before the first and after the last.

Between two hits boxes lie on the line; beyond the ends they go on at the speed of the nearest hits: for a moment in the middle of the picture, and
near a border, where a detector does not know a third of a body, until they are outside. What a detector first or last found in the middle of another
one (a second, wider box of the same person; somebody behind him) goes with that one instead, and not on alone. Everything is computed in steady
coordinates (the camera's shift taken out) and given in pixels of the frame.
Limit: straight motion; who turns on the spot where he is not seen, or hides behind something for longer than a moment, is another track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hits", "Ride", "is_still", "lived", "rides"]

Floats = NDArray[np.float64]

RUN_ON_S = 0.3
RUN_OUT_S = 1.5  # near a border: at most so long
BORDER = 0.1  # of the picture's side: "near"
TOUCH_PX = 3.0
LAG = 0.2  # of its height
SPEED_S = 0.4  # hits that tell the speed at an end
SLOW = 0.08  # heights a second; slower is standing
WITHIN = 0.75  # of the smaller of two boxes in the other: they are of one thing, or of two that go together
STILL_U = 0.12  # a poster: nine in ten of its centres lie so near to their middle (its height); a detector's own unrest is .06
STILL_SHARE = 0.9  # ... and it is there for so much of the shot
STILL_S = 2.0  # ... which is no shorter: everybody stands for a second


@dataclass(frozen=True, slots=True)
class Hits:
    """Where one thing was found, in order of time.

    Attributes:
        frames: (n,) indices within the shot, rising.
        boxes: (n, 4) corners in steady coordinates.
    """

    frames: NDArray[np.intp]
    boxes: Floats


@dataclass(frozen=True, slots=True)
class Ride:
    """Boxes of another one, in which an end of this one lies: (n, 4) corners in steady coordinates, of the end's frame and away from it."""

    boxes: Floats


def rides(all_hits: Sequence[Hits], times: Floats) -> list[tuple[Ride | None, Ride | None]]:
    """For each of one label's things what its start and its end go with; None: they are alone.

    Who carries another's start was found before it, and who carries an end was found after it.
    """
    inner = [_between(Hits(one.frames, _steady(one, times)), times, np.arange(one.frames[0], one.frames[-1] + 1)) for one in all_hits]
    starts = [int(one.frames[0]) for one in all_hits]
    told: list[tuple[Ride | None, Ride | None]] = []
    for mine, start in zip(inner, starts, strict=True):
        end, before, after = start + len(mine) - 1, None, None
        for other, first in zip(inner, starts, strict=True):
            if first < start < first + len(other) and _is_within(mine[0], other[start - first]):
                before = Ride(other[start - first :: -1])
            if first <= end < first + len(other) - 1 and _is_within(mine[-1], other[end - first]):
                after = Ride(other[end - first :])
        told.append((before, after))
    return told


def lived(
    hits: Hits, times: Floats, shifts: Floats, size: tuple[int, int], ride: tuple[Ride | None, Ride | None] = (None, None)
) -> tuple[int, NDArray[np.float32]]:
    """The first frame and a box for each frame from there on, without gaps.

    Args:
        ride: what its start and its end go with (`rides`).
        times: (frames,) seconds, of the whole shot.
        shifts: (frames, 2) pixels that the picture has moved since the shot's first frame.
        size: (width, height) of the upright picture.

    Returns:
        the index of the first frame, and (n, 4) corners in pixels of the upright picture; they may lie partly outside.
    """
    frames = np.arange(hits.frames[0], hits.frames[-1] + 1)
    inner = _between(Hits(hits.frames, _steady(hits, times)), times, frames)
    before, after = (
        _beyond(hits, times, shifts, size, way) if one is None else _ridden(hits, times, one, way) for one, way in zip(ride, (-1, 1), strict=True)
    )
    first = int(frames[0]) - len(before)
    boxes = np.concatenate([before[::-1], inner, after])
    by = np.tile(shifts[first : first + len(boxes)], 2)
    return first, (boxes + by).astype(np.float32)


def is_still(hits: Hits, times: Floats) -> bool:
    """Whether it stays where it is for the whole shot: a poster, a statue, or somebody who waits."""
    seen_s, shot_s = times[hits.frames[-1]] - times[hits.frames[0]], times[-1] - times[0]
    if shot_s < STILL_S or seen_s < STILL_SHARE * shot_s:
        return False
    centres = (hits.boxes[:, :2] + hits.boxes[:, 2:]) / 2
    height = float(np.median(hits.boxes[:, 3] - hits.boxes[:, 1]))
    away = np.abs(centres - np.median(centres, axis=0)).max(axis=1)
    return bool(np.quantile(away, 0.9) <= STILL_U * height)


def _steady(hits: Hits, times: Floats) -> Floats:
    """Each box no smaller than what its two neighbours say: a detector now and then loses the legs for one frame."""
    boxes = hits.boxes.copy()
    if len(boxes) > 2:
        at = times[hits.frames]
        weight = ((at[1:-1] - at[:-2]) / np.maximum(at[2:] - at[:-2], 1e-9))[:, None]
        line = (1 - weight) * hits.boxes[:-2] + weight * hits.boxes[2:]
        boxes[1:-1, :2] = np.minimum(boxes[1:-1, :2], line[:, :2])
        boxes[1:-1, 2:] = np.maximum(boxes[1:-1, 2:], line[:, 2:])
    return boxes


def _between(hits: Hits, times: Floats, frames: NDArray[np.intp]) -> Floats:
    """Corners on the lines between hits, by time and not by number: frames need not be equally long."""
    clock = times + 1e-9 * np.arange(len(times))  # two frames may share a time
    return np.stack([np.interp(clock[frames], clock[hits.frames], hits.boxes[:, side]) for side in range(4)], axis=1)


def _beyond(hits: Hits, times: Floats, shifts: Floats, size: tuple[int, int], way: int) -> Floats:
    """Boxes after the last hit (way 1) or before the first (-1), the nearest first."""
    end = int(hits.frames[-1 if way > 0 else 0])
    box = hits.boxes[-1 if way > 0 else 0]
    seen = box + np.tile(shifts[end], 2)
    travel = _travel(_speed(hits, times, way), seen, size)
    outward, lag = _leaves(seen, travel * way, size)
    limit_s = (RUN_OUT_S if outward else RUN_ON_S) + 1e-6
    pinned = np.concatenate([seen[:2] <= TOUCH_PX, seen[2:] >= np.array(size) - TOUCH_PX])
    boxes = []
    for frame in range(end + way, len(times) if way > 0 else -1, way):
        away_s = float(times[frame] - times[end])
        moved = box + np.tile(travel * away_s, 2)
        outer = np.concatenate([np.minimum(moved[:2], box[:2]), np.maximum(moved[2:], box[2:])])
        moved = np.where(pinned, outer, moved) + lag
        if abs(away_s) > limit_s or (outward and _is_outside(moved + np.tile(shifts[frame], 2), size)):
            break
        boxes.append(moved)
    return np.array(boxes, np.float64).reshape(-1, 4)


def _ridden(hits: Hits, times: Floats, ride: Ride, way: int) -> Floats:
    """Boxes after the last hit (way 1) or before the first (-1) that go with another one for a moment, the nearest first."""
    end, box = int(hits.frames[-1 if way > 0 else 0]), hits.boxes[-1 if way > 0 else 0]
    away_s = np.abs(times[end + way * np.arange(1, len(ride.boxes))] - times[end])
    return np.asarray((box + ride.boxes[1:] - ride.boxes[0])[away_s <= RUN_ON_S + 1e-6], np.float64)


def _is_within(a: Floats, b: Floats) -> bool:
    """Whether the smaller of two boxes lies in the other."""
    common = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    return bool(common >= WITHIN * min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod()))


def _speed(hits: Hits, times: Floats, way: int) -> Floats:
    """(4,) of each side, pixels a second, from the hits near an end; nought where there is one alone."""
    at = times[hits.frames]
    near = at >= at[-1] - SPEED_S if way > 0 else at <= at[0] + SPEED_S
    at, boxes = at[near] - at[near].mean(), hits.boxes[near]
    spread = float((at**2).sum())
    return np.asarray(at @ (boxes - boxes.mean(axis=0)) / spread, np.float64) if spread > 1e-9 else np.zeros(4)


def _travel(speed: Floats, seen: Floats, size: tuple[int, int]) -> Floats:
    """(2,) of the whole, pixels a second. A side that a border cuts off stands still: then the other one tells."""
    travel = np.empty(2)
    for axis in range(2):
        cut_low, cut_high = seen[axis] <= TOUCH_PX, seen[axis + 2] >= size[axis] - TOUCH_PX
        low, high = speed[axis], speed[axis + 2]
        travel[axis] = high if cut_low and not cut_high else low if cut_high and not cut_low else (low + high) / 2
    return travel


def _leaves(seen: Floats, travel: Floats, size: tuple[int, int]) -> tuple[bool, Floats]:
    """Whether it goes out over a border that it is near, and (4,) how far its inner sides lag behind: a foot trails, and the last hit is short of it.

    Args:
        travel: in the direction that is asked about: of time, or against it.
    """
    height = float(seen[3] - seen[1])
    lag = np.zeros(4)
    for axis in range(2):
        near = BORDER * size[axis]
        if abs(travel[axis]) <= SLOW * height:
            continue
        if travel[axis] < 0 and seen[axis] < near:
            lag[axis + 2] = LAG * height
        if travel[axis] > 0 and seen[axis + 2] > size[axis] - near:
            lag[axis] = -LAG * height
    return bool(lag.any()), lag


def _is_outside(box: Floats, size: tuple[int, int]) -> bool:
    """Nothing of it is in the picture, or only the pinned side's last pixel."""
    return bool(box[2] <= 1 or box[3] <= 1 or box[0] >= size[0] - 1 or box[1] >= size[1] - 1)
