"""Boxes of a mask, one for each part of it, so that work goes where the holes are and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np

from velatura.media.frame import PixelForm
from velatura.removal.planes import Mask

__all__ = ["Box", "bounds", "grown_box", "parts", "sampled_slices", "slices"]

Box = tuple[int, int, int, int]
"""(x0, y0, x1, y1), half-open, stored pixels."""


def parts(mask: Mask, *, join: int = 0) -> list[tuple[Box, Mask]]:
    """The connected parts of a mask, each with its box and what of the mask in that box belongs to it.

    Args:
        join: parts no further apart than about twice this many pixels count as one.
    """
    whole = bounds(mask)
    if whole is None:
        return []
    left, top = whole[:2]
    near = np.ascontiguousarray(mask[slices(whole)]).view(np.uint8)
    if join:
        near = np.asarray(cv2.dilate(near, np.ones((2 * join + 1, 2 * join + 1), np.uint8)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    if count == 2:
        return [(whole, mask[slices(whole)].copy())]
    found = []
    for number in range(1, count):
        x, y, width, height = (int(value) for value in stats[number, :4])
        mine = (labels[y : y + height, x : x + width] == number) & mask[slices((left + x, top + y, left + x + width, top + y + height))]
        tight = bounds(mine)
        if tight is not None:
            x0, y0, x1, y1 = tight
            found.append(((left + x + x0, top + y + y0, left + x + x1, top + y + y1), mine[slices(tight)]))
    return found


def bounds(mask: Mask) -> Box | None:
    """The smallest box that holds all of a mask; None: it is empty."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return (x, y, x + width, y + height) if width else None


def grown_box(box: Box, margin: int, shape: tuple[int, ...], form: PixelForm | None = None) -> Box:
    """A box with a margin, within a picture of `shape` (height, width), moved outwards to where chroma samples of `form` begin."""
    across, down = (1 << form.shift_x, 1 << form.shift_y) if form else (1, 1)
    x0, y0 = max(0, box[0] - margin) // across * across, max(0, box[1] - margin) // down * down
    x1, y1 = -(-(box[2] + margin) // across) * across, -(-(box[3] + margin) // down) * down
    return x0, y0, min(x1, shape[1]), min(y1, shape[0])


def slices(box: Box) -> tuple[slice, slice]:
    """Rows and columns of the first plane."""
    return slice(box[1], box[3]), slice(box[0], box[2])


def sampled_slices(box: Box, form: PixelForm, index: int) -> tuple[slice, slice]:
    """Rows and columns of plane `index` that colour some of a box."""
    shift_x, shift_y = form.subsampled(index)
    return slice(box[1] >> shift_y, -(-box[3] >> shift_y)), slice(box[0] >> shift_x, -(-box[2] >> shift_x))
