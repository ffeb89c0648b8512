"""Greedy suppression of duplicates: the best box stays, those that overlap it too much go.

In blocks of 512: inside a block one by one, from the rest all at once, so that ten thousand boxes cost a fraction of a second and bounded memory.
Source: textbook; the overlap is intersection over union (Jaccard).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["iou", "suppress"]

Floats = NDArray[np.float64]
_BLOCK = 512


def iou(a: Floats, b: Floats) -> Floats:
    """(n, m) intersection over union of boxes (n, 4) and (m, 4), corners."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    inside = np.clip(high - low, 0, None).prod(2)
    area_a, area_b = (np.clip(boxes[:, 2:4] - boxes[:, :2], 0, None).prod(1) for boxes in (a, b))
    return np.asarray(inside / np.maximum(area_a[:, None] + area_b[None] - inside, 1e-9))


def suppress(boxes: Floats, scores: Floats, *, overlap: float) -> NDArray[np.intp]:
    """Indices of the boxes that stay, best first; ties keep the order that they came in.

    Args:
        boxes: (n, 4) corners.
        scores: (n,).
        overlap: IoU above which the lesser box goes.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[np.intp] = []
    while len(order):
        # The best block among itself, exactly; then everything that it covers goes from the rest in one step.
        block, order = order[:_BLOCK], order[_BLOCK:]
        stay = _among(boxes[block], overlap)
        kept += list(block[stay])
        if len(order):
            covered = (iou(boxes[order], boxes[block[stay]]) > overlap).any(1)
            order = order[~covered]
    return np.array(kept, dtype=np.intp)


def _among(boxes: Floats, overlap: float) -> NDArray[np.bool_]:
    over = iou(boxes, boxes) > overlap
    stay = np.ones(len(boxes), np.bool_)
    for k in range(len(boxes)):
        if stay[k]:
            stay[k + 1 :] &= ~over[k, k + 1 :]
    return stay
