"""Several views of one picture, fused to one list of regions.

The best box of all views begins a cluster; every view gives it its best box that overlaps. The cluster's score is the mean of these scores over
all views, absent ones counting 0: the maximum instead would raise false alarms with every view. Its box is their mean, weighted by score. Then
the next best box that no cluster took.
Source: weighted boxes fusion (Solovyev, Wang, Gabruseva 2021), with the mean over all views as the score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.detect.nms import iou
from velatura.detect.region import Region

__all__ = ["fused"]


def fused(views: Sequence[Sequence[Region]], label: str, time_s: float, *, same: float) -> list[Region]:
    """Regions of all views, best first.

    Args:
        views: what each of them showed, in pixels of the upright picture.
        same: IoU from which two boxes are one thing.
    """
    everything = [(region, number) for number, regions in enumerate(views) for region in regions]
    everything.sort(key=lambda pair: -pair[0].score)
    boxes = np.array([region.box for region, _ in everything], np.float64).reshape(-1, 4)
    scores = np.array([region.score for region, _ in everything], np.float64)
    origin = np.array([number for _, number in everything], np.intp)
    free = np.ones(len(boxes), np.bool_)
    found = []
    for best in range(len(boxes)):
        if not free[best]:
            continue
        rest = np.flatnonzero(free)
        near = rest[(iou(boxes[best][None], boxes[rest])[0] >= same) | (rest == best)]
        free[near] = False
        _, first = np.unique(origin[near], return_index=True)  # sorted by score: the first of a view is its best
        found.append(_cluster(boxes[near[first]], scores[near[first]], len(views), label, time_s))
    return sorted(found, key=lambda region: -region.score)


def _cluster(boxes: NDArray[np.float64], scores: NDArray[np.float64], views: int, label: str, time_s: float) -> Region:
    box = (boxes * scores[:, None]).sum(axis=0) / max(scores.sum(), 1e-9)
    return Region((float(box[0]), float(box[1]), float(box[2]), float(box[3])), label, float(scores.sum()) / views, time_s)
