"""Samples at the size at which a background is decided: small, all planes of one size, 8 bits.

Who stood where, and which samples show what is behind, is a question of regions; it is asked on a picture of at most `LONGEST` pixels, whose
averaging also takes most of the grain. The answer (which samples vote at which pixel) is carried back by `fine`. Chroma is stretched so that a step
of it weighs what it weighs in `planes.difference`. Memory: 4 bytes for each of its pixels and samples, 30 MB for 99 samples of 427x240.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm
from velatura.removal.planes import CHROMA_WEIGHT, Mask, Planes, colours

__all__ = ["Coarse", "Window", "around", "coarse", "fine"]

Window = tuple[slice, slice]
"""Rows and columns of the small picture."""

LONGEST = 480
MARGIN = 16  # pixels around a region, and a quarter of its size: how far its shadow may reach
STRETCHED: NDArray[np.uint8] = np.clip(128 + CHROMA_WEIGHT * (np.arange(256) - 128.0) + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Coarse:
    """The samples of a shot, small.

    Attributes:
        looks: (colours, samples, height, width) uint8.
        votes: (samples, height, width): no part of the pixel is masked in that sample.
        scale: pixels of the first plane for one of these, in both directions.
    """

    looks: NDArray[np.uint8]
    votes: NDArray[np.bool_]
    scale: int


def coarse(samples: Sequence[Planes], form: PixelForm, masks: Sequence[Mask | None]) -> Coarse:
    """Samples and masks (None: nothing is masked), made small by a whole number."""
    height, width = samples[0][0].shape
    scale = -(-max(height, width) // LONGEST)
    size = (-(-width // scale), -(-height // scale))
    looks = np.empty((len(colours(form)), len(samples), size[1], size[0]), np.uint8)
    votes = np.ones((len(samples), size[1], size[0]), np.bool_)
    for at, (planes, mask) in enumerate(zip(samples, masks, strict=True)):
        for index in colours(form):
            looks[index, at] = _look(planes[index], form, index, (height, width), scale, size)
        if mask is not None and mask.any():
            votes[at] = ~_any(mask, scale)
    return Coarse(looks, votes, scale)


def fine(small: NDArray[Any], scale: int, rows: slice, width: int) -> NDArray[Any]:
    """Rows of the first plane, (..., rows, width), from an array (..., height, width) of the small picture; each value `scale` times."""
    taken = small[..., rows.start // scale : -(-rows.stop // scale), :]
    big = taken.repeat(scale, axis=-2).repeat(scale, axis=-1) if scale > 1 else taken
    first = rows.start % scale
    return np.asarray(big[..., first : first + rows.stop - rows.start, :width])


def around(mask: Mask) -> Window:
    """A region and its surroundings; the mask must not be empty."""
    rows, columns = (_widened(np.flatnonzero(mask.any(axis=1 - axis)), mask.shape[axis]) for axis in (0, 1))
    return rows, columns


def _widened(where: NDArray[np.intp], length: int) -> slice:
    first, last = int(where[0]), int(where[-1]) + 1
    margin = MARGIN + (last - first) // 4
    return slice(max(0, first - margin), min(length, last + margin))


def _look(plane: Any, form: PixelForm, index: int, whole: tuple[int, int], scale: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    shift_x, shift_y = form.subsampled(index)
    bottom, right = -whole[0] % scale, -whole[1] % scale  # the last row and column stand for what a whole block lacks
    if (bottom or right) and not (shift_x or shift_y):
        plane = np.pad(plane, ((0, bottom), (0, right)), mode="edge")
    smaller = scale >= 1 << max(shift_x, shift_y)
    small = np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))
    if form.bits > 8:
        small = (small >> (form.bits - 8)).astype(np.uint8)
    return np.asarray(cv2.LUT(small, STRETCHED)) if form.colour == "yuv" and index else small


def _any(mask: Mask, scale: int) -> Mask:
    height, width = mask.shape
    found = np.pad(mask, ((0, -height % scale), (0, -width % scale)))
    for axis in (0, 1):  # five times as fast as `any` over both
        apart = found.swapaxes(0, axis)
        found = np.logical_or.reduce([apart[at::scale] for at in range(scale)]).swapaxes(0, axis)
    return np.ascontiguousarray(found)
