"""Several views of one picture, fused to one list of regions.

The best box of all views begins a cluster; every view gives it its best box that overlaps. The cluster's score is the weighted mean of these
scores over all views, absent ones counting 0: the maximum instead would raise false alarms with every view. Its box is their mean, weighted by
score. Then the next best box that no cluster took.
Source: weighted boxes fusion (Solovyev, Wang, Gabruseva 2021), with the mean over all views as the score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from velatura.detect.nms import iou
from velatura.detect.region import Region

__all__ = ["fused"]


def fused(views: Sequence[Sequence[Region]], label: str, time_s: float, *, weights: Sequence[float], same: float) -> list[Region]:
    """Regions of all views, best first.

    Args:
        views: what each of them showed, in pixels of the upright picture.
        weights: what each view counts.
        same: IoU from which two boxes are one thing.
    """
    everything = [(region, number) for number, regions in enumerate(views) for region in regions]
    everything.sort(key=lambda pair: -pair[0].score)
    boxes = np.array([region.box for region, _ in everything], np.float64).reshape(-1, 4)
    scores = np.array([region.score for region, _ in everything], np.float64)
    origin = np.array([number for _, number in everything], np.intp)
    counts = np.array(weights, np.float64)
    free = np.ones(len(boxes), np.bool_)
    found = []
    for best in range(len(boxes)):
        if not free[best]:
            continue
        rest = np.flatnonzero(free)
        near = rest[(iou(boxes[best][None], boxes[rest])[0] >= same) | (rest == best)]
        free[near] = False
        _, first = np.unique(origin[near], return_index=True)  # sorted by score: the first of a view is its best
        best_of = near[first]
        votes = scores[best_of] * counts[origin[best_of]]
        x0, y0, x1, y1 = (float(side) for side in (boxes[best_of] * votes[:, None]).sum(axis=0) / max(votes.sum(), 1e-9))
        found.append(Region((x0, y0, x1, y1), label, float(votes.sum() / counts.sum()), time_s))
    return sorted(found, key=lambda region: -region.score)
