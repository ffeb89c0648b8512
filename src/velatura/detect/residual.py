"""What still shows on a finished output: detectors once more, at a low threshold, each hit sorted by what was hidden there.

A hit *outside* is something that was missed. A hit *inside* is a ghost: a detector that fires on what the method left in the region, or on the
shape of the mask; with `fill` it means nothing, with a cosmetic method it says that the method did not hide enough.
Used by obfuscation and removal on their own outputs, and by the residue attack on anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.detect.pace import Pace
from velatura.detect.region import Region
from velatura.media.frame import Box, Frame

__all__ = ["INSIDE", "Residual", "hidden_share", "residual"]

INSIDE = 0.7  # share of a hit's ellipse that must be hidden to call it a ghost; a face that a mask only grazes is a miss
GRID = 24
_UNIT = (np.arange(GRID) + 0.5) / GRID * 2 - 1
_POINTS: NDArray[np.float64] = np.stack(np.meshgrid(_UNIT, _UNIT), axis=-1).reshape(-1, 2)
_ELLIPSE = _POINTS[(_POINTS**2).sum(axis=1) <= 1]


@dataclass(frozen=True, slots=True)
class Residual:
    """One hit on one frame of an output.

    Attributes:
        frame: its index.
        region: what was found, with its score and time.
        hidden: share of its ellipse within the picture that lies in hidden boxes.
    """

    frame: int
    region: Region
    hidden: float

    @property
    def inside(self) -> bool:
        return self.hidden >= INSIDE


def residual(
    frames: Iterable[Frame],
    find: Callable[[Frame], Sequence[Region]],
    hidden: Callable[[Frame], Sequence[Box]],
    *,
    every: int = 1,
) -> Iterator[Residual]:
    """Search a finished output.

    Args:
        frames: of the output, in order.
        find: the detectors at their low threshold, e.g. a partial of `search.find`.
        hidden: boxes that were hidden on a frame, margin included, in pixels of the upright picture; called for each frame, in order.
        every: look at every K-th frame, at least each .2 s.
    """
    pace = Pace(every)
    for frame in frames:
        boxes, time_s = hidden(frame), float(frame.time)
        if not pace.is_due(time_s, shot_starts=frame.shot_starts):
            continue
        for region in find(frame):
            told = Region(region.box, region.label, region.score, time_s)
            yield Residual(frame.index, told, hidden_share(region.box, boxes, frame.size))


def hidden_share(box: Box, boxes: Sequence[Box], size: tuple[int, int]) -> float:
    """Share of a box's ellipse within a picture of `size` (width, height) that lies in the union of `boxes`; 1 if no part of it is in the picture."""
    corners = np.asarray(box, dtype=np.float64)
    points = (corners[:2] + corners[2:]) / 2 + _ELLIPSE * (corners[2:] - corners[:2]) / 2
    points = points[((points >= 0) & (points < size)).all(axis=1)]
    if not len(points):
        return 1.0
    near = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    near = near[((near[:, :2] < corners[2:]) & (near[:, 2:] > corners[:2])).all(axis=1)]
    covered = np.zeros(len(points), dtype=bool)
    for other in near:
        covered |= ((points >= other[:2]) & (points < other[2:])).all(axis=1)
    return float(covered.mean())
