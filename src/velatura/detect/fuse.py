"""Several views of one picture, fused to one list of regions.

The best box of all views begins a cluster; every view gives it its best box that overlaps. The cluster's score is the weighted mean of these
scores over all views, absent ones counting 0; its box is their mean, weighted by score. Then the next best box that no cluster took.
Source: weighted boxes fusion (Solovyev, Wang, Gabruseva 2021), with the mean over all views as the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.detect.nms import iou
from velatura.detect.region import Region

__all__ = ["Seen", "fused"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one view showed, and how much it counts."""

    regions: Sequence[Region]
    weight: float


def fused(views: Sequence[Seen], label: str, time_s: float, *, same: float) -> list[Region]:
    """Regions of all views, best first.

    Args:
        same: IoU from which two boxes are one thing.
    """
    boxes: Floats = np.array([region.box for seen in views for region in seen.regions], np.float64).reshape(-1, 4)
    scores: Floats = np.array([region.score for seen in views for region in seen.regions], np.float64)
    origin = np.array([number for number, seen in enumerate(views) for _ in seen.regions], np.intp)
    weights: Floats = np.array([seen.weight for seen in views], np.float64)
    free = np.ones(len(boxes), np.bool_)
    found = []
    for best in np.argsort(-scores, kind="stable"):
        if free[best]:
            near = np.flatnonzero(free & (iou(boxes[best][None], boxes)[0] >= same))
            free[near] = False
            free[best] = False
            found.append(_cluster(boxes, scores, origin, weights, np.union1d(near, [best]), label, time_s))
    return sorted(found, key=lambda region: -region.score)


def _cluster(
    boxes: Floats, scores: Floats, origin: NDArray[np.intp], weights: Floats, members: NDArray[np.intp], label: str, time_s: float
) -> Region:
    best = [members[origin[members] == view][np.argmax(scores[members[origin[members] == view]])] for view in np.unique(origin[members])]
    share = scores[best] * weights[origin[best]]
    box = (boxes[best] * share[:, None]).sum(axis=0) / share.sum()
    return Region((float(box[0]), float(box[1]), float(box[2]), float(box[3])), label, float(share.sum() / weights.sum()), time_s)
