"""Greedy suppression of duplicates: the best box stays, those that overlap it too much go.

Only boxes whose spans cross are compared: they are sorted along x, so that ten thousand boxes spread over a picture cost a fraction of a second;
in blocks, so that ten thousand on one spot cost bounded memory. Source: textbook; the overlap is intersection over union (Jaccard).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["iou", "suppress"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
_BLOCK = 256


def iou(a: Floats, b: Floats) -> Floats:
    """(n, m) intersection over union of boxes (n, 4) and (m, 4), corners."""
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    common = np.maximum(width, 0) * np.maximum(height, 0)
    return np.asarray(common / np.maximum(_areas(a)[:, None] + _areas(b)[None] - common, 1e-9))


def suppress(boxes: Floats, scores: Floats, *, overlap: float) -> Indices:
    """Indices of the boxes that stay, best first; ties keep the order that they came in.

    Args:
        boxes: (n, 4) corners.
        scores: (n,).
        overlap: IoU above which the lesser box goes.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = boxes[order]
    if len(order) <= _BLOCK:  # nothing is left to silence
        return np.asarray(order[_among(ranked, overlap)])
    alive = np.ones(len(order), np.bool_)
    by_left = np.argsort(ranked[:, 0], kind="stable")
    lefts, widest = ranked[by_left, 0], float(np.max(ranked[:, 2] - ranked[:, 0], initial=0.0))
    for start in range(0, len(order), _BLOCK):
        block = np.flatnonzero(alive[start : start + _BLOCK]) + start
        block = block[_among(ranked[block], overlap)]
        alive[start : start + _BLOCK] = False
        alive[block] = True
        _silence(ranked, alive, block, by_left, lefts, widest, start + _BLOCK, overlap)
    return np.asarray(order[alive])


def _among(boxes: Floats, overlap: float) -> NDArray[np.bool_]:
    """Which of a few boxes stay, best first, one by one."""
    if len(boxes) < 2:
        return np.ones(len(boxes), np.bool_)
    over = iou(boxes, boxes) > overlap
    stay = np.ones(len(boxes), np.bool_)
    for k in np.flatnonzero(over.sum(axis=1) > 1):  # a box covers itself
        if stay[k]:
            stay[k + 1 :] &= ~over[k, k + 1 :]
    return stay


def _silence(
    ranked: Floats, alive: NDArray[np.bool_], block: Indices, by_left: Indices, lefts: Floats, widest: float, start: int, overlap: float
) -> None:
    """Drop from rank `start` on what one of the block covers; partners begin at most the widest box before a box and no later than its end."""
    first = np.searchsorted(lefts, ranked[block, 0] - widest, "left")
    last = np.searchsorted(lefts, ranked[block, 2], "right")
    for box, low, high in zip(block, first, last, strict=True):
        near = by_left[low:high]
        near = near[(near >= start) & alive[near]]
        if len(near):
            near = near[(ranked[near, 1] < ranked[box, 3]) & (ranked[near, 3] > ranked[box, 1])]
            alive[near[iou(ranked[box][None], ranked[near])[0] > overlap]] = False


def _areas(boxes: Floats) -> Floats:
    return np.asarray(np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0))
