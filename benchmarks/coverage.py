"""What counts as covered, and which frames had to be: judged from the truth and from the detector's input, never by the tracker's own word.

Covered: at least 90 % of the ellipse in the true box, as far as it lies in the picture, inside the union of the masks (rectangles).
Confirmed: from the first detection left to the tracker with a score of `high` to the last one left, given three within .4 s (or in three
looks running) or one of `sure`. A tracker that loses a face cannot excuse itself from these frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.clips import Truth, ellipse
from benchmarks.cutouts import H, W
from velatura.detect.region import Region, Scores

Floats = NDArray[np.float64]
MARGIN = 0.3
MATCH_IOU, TWIN_IOU = 0.4, 0.25


def masks_of(regions: Sequence[Region], margin: float = MARGIN) -> Floats:
    """(n, 4) boxes of regions, each grown by `margin` of its size on every side, as `--dilate` does."""
    return grown(np.array([region.box for region in regions], dtype=np.float64).reshape(-1, 4), margin)


def grown(boxes: Floats, margin: float) -> Floats:
    by = margin * (boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([boxes[:, :2] - by, boxes[:, 2:] + by], axis=1)


def is_covered(box: Floats, masks: Floats) -> bool:
    points = ellipse(box)
    points = points[(points >= 0).all(axis=1) & (points < [W, H]).all(axis=1)]
    if not len(masks) or not len(points):
        return False
    inside = ((points[:, None] >= masks[None, :, :2]) & (points[:, None] < masks[None, :, 2:])).all(axis=2).any(axis=1)
    return bool(inside.mean() >= 0.9)


def area(masks: Floats) -> int:
    """Pixels of the union, at half resolution."""
    canvas = np.zeros((H // 2, W // 2), bool)
    for x0, y0, x1, y1 in np.round(masks / 2).astype(int).clip(0):
        canvas[y0:y1, x0:x1] = True
    return int(canvas.sum())


def iou(box: Floats, others: Floats) -> Floats:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    return common / np.maximum((box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - common, 1e-9)


@dataclass(frozen=True, slots=True)
class Dropout:
    """`found` with runs of detections taken away; `left`: of each face, (frame, score) of the looks that still have it."""

    found: list[list[Region]]
    left: dict[int, list[tuple[int, float]]]


def drop(found: list[list[Region]], truth: list[Truth], looked: NDArray[np.bool_], scores: Scores, rng: Generator) -> Dropout:
    """Take away runs of 1 to 10 frames from every face, 3 to 15 frames between the runs; duplicates go with their detection."""
    gone: list[set[int]] = [set() for _ in found]
    left = {}
    for face in sorted({row.face for row in truth}):
        rows = [row for row in truth if row.face == face]
        mine = {row.frame: hits for row in rows if (hits := _hits(row, found[row.frame], scores.low))}
        start = rows[0].frame + int(rng.integers(2, 12))
        while start < rows[-1].frame:
            length = int(rng.integers(1, 11))
            for frame in range(start, start + length):
                gone[frame].update(mine.pop(frame, ())) if frame < len(found) else None
            start += length + int(rng.integers(3, 16))
        left[face] = [(frame, max(found[frame][k].score for k in hits)) for frame, hits in sorted(mine.items()) if looked[frame]]
    kept = [[region for k, region in enumerate(regions) if k not in gone[frame]] for frame, regions in enumerate(found)]
    return Dropout(kept, left)


def _hits(row: Truth, regions: list[Region], low: float) -> list[int]:
    """Detections of a face on a frame, with their twins; none if the best is not good."""
    strong = [k for k, region in enumerate(regions) if region.score >= low]
    if not strong:
        return []
    overlap = iou(row.box, np.array([regions[k].box for k in strong]))
    return [k for k, value in zip(strong, overlap, strict=True) if value > TWIN_IOU] if overlap.max() >= MATCH_IOU else []


def confirmed_span(left: list[tuple[int, float]], rate: float, scores: Scores, every: int) -> tuple[int, int] | None:
    """(first, last) frame between which a face had to be covered; None if its input never confirmed it."""
    strong = [k for k, (_, score) in enumerate(left) if score >= scores.high]
    if not strong:
        return None
    frames = [frame for frame, _ in left[strong[0] :]]
    near = max(0.4 * rate, 2 * every)
    close = any(frames[k + 2] - frames[k] <= near for k in range(len(frames) - 2))
    return (frames[0], frames[-1]) if close or max(score for _, score in left) >= scores.sure else None
