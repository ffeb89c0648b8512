"""Copied texture: a hole filled from outside inwards with patches that fit what surrounds it.

The order is Criminisi's: first where much is known and a line runs into the hole. The source is the patch with the least squared difference over the
known part, looked for in a ring of three hole diameters and only where nothing is masked or forbidden, so that neither another hole nor another
person is copied. Large holes are searched in a reduced picture; samples are copied at full size.
Limits: a squared error larger than that of a smooth surface; an order-dependent, plausible guess. About one second for a hole of 60 x 120.
Source: Criminisi, Perez, Toyama, IEEE TIP 2004, equations 1 to 3.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.planes import Mask
from velatura.removal.push_pull import push_pull

__all__ = ["copied_texture"]

Floats = NDArray[np.float32]

HALF = 4  # a patch is 9 x 9
SEARCH_SIDE = 140  # the longer side of what is searched; a larger region is reduced to it
NEAR_WEIGHT = 0.02  # grey levels squared a pixel of distance: of equal patches the nearer


def copied_texture(picture: Floats, hole: Mask, sources: Mask) -> NDArray[np.intp] | None:
    """Where each pixel of a hole is copied from.

    Args:
        picture: (height, width, channels) float32 in grey levels of 8 bits; the crop around one region.
        hole: (height, width) what to fill.
        sources: what may be copied; nothing of the hole.

    Returns:
        (pixels, 2) rows and columns of the sources of `np.nonzero(hole)`, in its order; None where there is no whole patch to copy.
    """
    scale = min(1.0, SEARCH_SIDE / max(hole.shape))
    small, gap, free = _reduced(picture, hole, sources, scale)
    found = _ordered(small, gap, free)
    if found is None:
        return None
    rows, columns = np.nonzero(hole)
    height, width = gap.shape
    at_row = np.minimum((rows * (height / hole.shape[0])).astype(np.intp), height - 1)
    at_column = np.minimum((columns * (width / hole.shape[1])).astype(np.intp), width - 1)
    offsets = found[at_row, at_column] - np.stack([at_row, at_column], axis=1)
    far = np.rint(offsets * (np.array(hole.shape) / np.array(gap.shape))).astype(np.intp)
    taken = np.stack([rows, columns], axis=1) + far
    taken = np.clip(taken, 0, np.array(hole.shape) - 1)
    wrong = hole[taken[:, 0], taken[:, 1]] | ~sources[taken[:, 0], taken[:, 1]]  # reduced, a source's rim may have slipped by a pixel
    if wrong.any():
        good = np.argwhere(sources)
        nearest = np.asarray(cv2.distanceTransformWithLabels((~sources).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)[1])
        order = nearest[sources] - 1
        back = np.empty_like(good)
        back[order] = good
        taken[wrong] = back[nearest[taken[wrong, 0], taken[wrong, 1]] - 1]
    return np.asarray(taken, np.intp)


def _reduced(picture: Floats, hole: Mask, sources: Mask, scale: float) -> tuple[Floats, Mask, Mask]:
    """Picture, hole and sources at the size that is searched; a small pixel that holds any of the hole is hole."""
    if scale == 1.0:
        return picture.copy(), hole.copy(), sources & ~hole
    size = (max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale)))
    smooth = push_pull(picture, ~hole)  # or the hole's old samples would bleed into its rim
    small = np.asarray(cv2.resize(smooth, size, interpolation=cv2.INTER_AREA), np.float32).reshape((size[1], size[0], -1))
    gap = np.asarray(cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0
    free = np.asarray(cv2.resize(sources.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.999
    return small, gap, free & ~gap


def _ordered(picture: Floats, hole: Mask, sources: Mask) -> NDArray[np.intp] | None:
    """For each pixel of the small picture its source, itself where it is known; None without a whole source patch."""
    height, width = hole.shape
    side = 2 * HALF + 1
    if height < side or width < side:
        return None
    whole = np.asarray(cv2.erode(sources.astype(np.uint8), np.ones((side, side)), borderType=cv2.BORDER_CONSTANT, borderValue=0))
    whole = whole[HALF : height - HALF, HALF : width - HALF].astype(np.bool_)
    if not whole.any():
        return None
    source = np.stack(np.mgrid[0:height, 0:width], axis=-1).astype(np.intp)
    known, confidence = ~hole, (~hole).astype(np.float32)
    picture = np.where(known[..., None], picture, np.float32(0)).astype(np.float32)
    while not known.all():
        row, column = _next(picture, known, confidence)
        _paste(picture, known, confidence, source, whole, row, column)
    return source


def _next(picture: Floats, known: Mask, confidence: Floats) -> tuple[int, int]:
    """The pixel of the front with the largest priority: confidence times the strength of a line that runs into it."""
    inside = ~known
    front = inside & (cv2.dilate(known.view(np.uint8), np.ones((3, 3))) > 0)
    rows, columns = np.nonzero(front)
    if not len(rows):  # nothing at all is known around it
        rows, columns = np.nonzero(inside)
    trust = cv2.blur(confidence, (2 * HALF + 1, 2 * HALF + 1), borderType=cv2.BORDER_REPLICATE)[rows, columns]
    grey = picture.mean(axis=2)
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    dead = cv2.dilate(inside.view(np.uint8), np.ones((3, 3))) > 0  # a gradient against the hole is none
    strength = np.where(dead, 0, np.hypot(dx, dy))
    line = cv2.dilate(strength.astype(np.float32), np.ones((2 * HALF + 1, 2 * HALF + 1)))[rows, columns]
    best = int(np.argmax(trust * (line + 1.0)))
    return int(rows[best]), int(columns[best])


def _paste(picture: Floats, known: Mask, confidence: Floats, source: NDArray[np.intp], whole: Mask, row: int, column: int) -> None:
    """The best patch over the unknown part of the one around a pixel, in place."""
    height, width = known.shape
    side = 2 * HALF + 1
    top, left = min(max(row - HALF, 0), height - side), min(max(column - HALF, 0), width - side)
    window = (slice(top, top + side), slice(left, left + side))
    here = known[window]
    weight = np.repeat(here[..., None].astype(np.float32), picture.shape[2], axis=2)
    if here.any():
        cost = np.asarray(cv2.matchTemplate(picture, picture[window], cv2.TM_SQDIFF, mask=weight)) / float(here.sum() * picture.shape[2])
    else:
        cost = np.zeros(whole.shape, np.float32)
    y, x = np.ogrid[0 : whole.shape[0], 0 : whole.shape[1]]
    cost = np.where(whole, np.maximum(cost, 0) + NEAR_WEIGHT * np.hypot(y - top, x - left), np.inf)
    best = np.unravel_index(int(np.argmin(cost)), cost.shape)
    taken = (slice(int(best[0]), int(best[0]) + side), slice(int(best[1]), int(best[1]) + side))
    gap = ~here
    picture[window][gap] = picture[taken][gap]
    source[window][gap] = source[taken][gap]
    confidence[window][gap] = float(confidence[window][here].mean()) if here.any() else 0.0
    known[window][gap] = True
