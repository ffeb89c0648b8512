"""Which of several looks of a region goes with what surrounds it: who stands before a wall has a contour, the wall behind him has none.

Two cues along the border, in grey levels: how far a band inside differs from what the outside continues to (a blur of it, as far as needed), and half
the gradient on the contour. They are taken for each stretch of the border by itself, so that one strong edge that crosses it cannot outvote the
rest, and only where what lies outside is settled: the border between two people tells nothing of either.
Limits: somebody who wears the wall's colour, or whose contour lies on edges of the scene, ties; that is said (`Vote.share`, `Vote.costs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.planes import Mask

__all__ = ["Vote", "edge_vote"]

Looks = NDArray[np.uint8]
ARC = 8  # pixels: a stretch of border is what of it lies in one square of this size
LOUD = 60.0  # grey levels, and more is no more different
REACHES = (2.0, 5.0, 12.0)  # sigma of the blur that continues the outside: the nearest that has something to say
NOISE = 4.0  # grey levels of cost
FEW = 1e-3  # weight below which a blur says nothing
_SQUARE3, _SQUARE7 = np.ones((3, 3), np.uint8), np.ones((7, 7), np.uint8)


@dataclass(frozen=True, slots=True)
class Vote:
    """What the border says.

    Attributes:
        costs: for each candidate, mean over the stretches of the border; lower goes better with the surroundings.
        share: of the stretches at which the cheapest candidate is the cheapest of all.
        clear: share of the stretches at which the second cheapest costs half as much again, and more than noise.
        stretches: how many there were; 0: nothing settled is near, and nothing was said.
        nearest: (height, width) for each pixel the candidate that the stretches near it are for.
    """

    costs: tuple[float, ...]
    share: float
    clear: float
    stretches: int
    nearest: NDArray[np.intp]


def edge_vote(candidates: Sequence[Looks], around: Looks, mask: Mask, settled: Mask) -> Vote:
    """Compare candidates for a region.

    Args:
        candidates: two or more, (colours, height, width) each; they count within `mask`.
        around: of the same shape: what surrounds it, outside.
        mask: the region.
        settled: where `around` is to be trusted; nothing within `mask` is.
    """
    region = mask.astype(np.uint8)
    outside = settled & (cv2.dilate(region, _SQUARE3) == 0)
    continued, known = _continued(around, outside)
    band = mask & (cv2.erode(region, _SQUARE7, borderValue=1) == 0) & known
    near = cv2.dilate(outside.astype(np.uint8), _SQUARE7) > 0
    band &= near
    if not band.any():
        return Vote((0.0,) * len(candidates), 0.0, 0.0, 0, np.zeros(mask.shape, np.intp))
    contour = (mask & (cv2.erode(region, _SQUARE3, borderValue=1) == 0)).astype(np.uint8)
    ring = (cv2.dilate(contour, _SQUARE3) > 0) & near
    costs = [_costs(np.where(mask, look, around), continued, band, ring) for look in candidates]
    heard = np.isfinite(costs[0])
    each = np.stack([cost[heard] for cost in costs])
    means = each.mean(axis=1)
    share = float((each.argmin(axis=0) == means.argmin()).mean())
    first, second = np.sort(each, axis=0)[:2]
    clear = float((second > 1.5 * np.maximum(first, NOISE)).mean())
    return Vote(tuple(float(mean) for mean in means), share, clear, each.shape[1], _nearest(np.stack(costs), heard, band))


def _costs(look: Looks, continued: NDArray[np.float32], band: Mask, ring: Mask) -> NDArray[np.float64]:
    """For each stretch (NaN: no border there)."""
    off = np.minimum(np.abs(look - continued).max(axis=0), LOUD)
    steep = np.zeros(band.shape, np.float32)
    for plane in look:
        across, down = cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)
        np.maximum(steep, np.asarray(cv2.magnitude(across, down)), out=steep)
    return _by_arc(off, band) + 0.5 * np.nan_to_num(_by_arc(np.minimum(steep, 4 * LOUD), ring))


def _nearest(costs: NDArray[np.float64], heard: NDArray[np.bool_], band: Mask) -> NDArray[np.intp]:
    """Each pixel goes with the stretches around it."""
    arc = _arcs(band.shape)
    best = np.where(heard, np.where(heard, costs, np.inf).argmin(axis=0), -1)[arc]
    near = [cv2.GaussianBlur((band & (best == at)).astype(np.float32), (0, 0), ARC) for at in range(len(costs))]
    return np.asarray(np.stack(near).argmax(axis=0), np.intp)


def _arcs(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """The number of each pixel's square."""
    ys, xs = np.arange(shape[0]) // ARC, np.arange(shape[1]) // ARC
    return np.asarray(ys[:, None] * (xs[-1] + 1) + xs, np.intp)


def _by_arc(values: NDArray[np.float32], where: Mask) -> NDArray[np.float64]:
    """Mean of `values` where `where` is, in each square."""
    arcs = _arcs(where.shape)
    arc, length = arcs[where], int(arcs[-1, -1]) + 1
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(arc, values[where], length) / np.bincount(arc, minlength=length), np.float64)


def _continued(around: Looks, outside: Mask) -> tuple[NDArray[np.float32], Mask]:
    """The outside blurred over the inside, (colours, height, width), and where it reached."""
    weight = outside.astype(np.float32)
    found = np.zeros(around.shape, np.float32)
    known = np.zeros(outside.shape, np.bool_)
    for sigma in REACHES:
        reach = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma))
        new = (reach > FEW) & ~known
        for plane, into in zip(around, found, strict=True):
            into[new] = (np.asarray(cv2.GaussianBlur(plane * weight, (0, 0), sigma))[new]) / reach[new]
        known |= new
    return found, known
