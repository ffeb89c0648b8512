"""A frame's samples as the room works on them: the planes that the decoder gave, never converted to RGB and back.

A sample outside of a mask leaves the room as it came in. Masks are made at the size of the first plane; a chroma sample, which colours up to four
pixels, is masked where one of them is. Decisions (is this pixel another one?) are made on differences of all planes, in grey levels of 8 bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane

__all__ = ["Mask", "Planes", "blocks", "colours", "copied", "difference", "luma", "put"]

Planes = Sequence[Plane]
"""As `Frame.planes` with its `PixelForm`."""

Mask = NDArray[np.bool_]
"""(height, width) of the first plane; True: belongs to what goes."""

CHROMA_WEIGHT = 1.6
"""A step of U or V against one of red and blue: 1.40 and 1.77 of them in BT.601 (ITU-R BT.601-7, 2.5.1), so that thresholds mean grey levels."""


def colours(form: PixelForm) -> range:
    """The planes without alpha."""
    return range(form.planes - form.alpha)


def copied(planes: Planes) -> list[Plane]:
    return [plane.copy() for plane in planes]


def blocks(mask: Mask, form: PixelForm, index: int) -> Mask:
    """A mask at the size of plane `index`: True where one of the pixels that a sample colours is masked."""
    sx, sy = form.subsampled(index)
    if not sx and not sy:
        return mask
    height, width = mask.shape
    padded = np.zeros((-(-height >> sy) << sy, -(-width >> sx) << sx), np.uint8)
    padded[:height, :width] = mask
    across = padded.view(f"u{1 << sx}")  # all of a row's pixels that one sample colours, as one number
    found = across[:: 1 << sy].copy()
    for y in range(1, 1 << sy):
        found |= across[y :: 1 << sy]
    return np.asarray(found != 0)


def luma(planes: Planes, form: PixelForm) -> NDArray[np.uint8]:
    """Brightness for features and flow: Y, grey, or the mean of red, twice green, and blue; 8 bits; contiguous."""
    if form.colour == "rgb":
        red, green, blue = planes[:3]
        return _eight(np.asarray(cv2.addWeighted(cv2.addWeighted(red, 0.5, blue, 0.5, 0), 0.5, green, 0.5, 0)), form.bits)
    return np.ascontiguousarray(_eight(planes[0], form.bits))


def difference(a: Planes, b: Planes, form: PixelForm) -> NDArray[np.uint8]:
    """How far two pictures lie apart at each pixel: the largest difference of all colour planes, in grey levels of 8 bits, (height, width)."""
    most: NDArray[np.uint8] = _eight(np.asarray(cv2.absdiff(a[0], b[0])), form.bits)
    height, width = most.shape
    for index in colours(form)[1:]:
        apart = _eight(np.asarray(cv2.absdiff(a[index], b[index])), form.bits)
        if form.colour == "yuv":
            apart = np.asarray(cv2.convertScaleAbs(apart, alpha=CHROMA_WEIGHT), np.uint8)
        if apart.shape != most.shape:
            sx, sy = form.subsampled(index)
            apart = np.asarray(cv2.resize(apart, (apart.shape[1] << sx, apart.shape[0] << sy), interpolation=cv2.INTER_NEAREST), np.uint8)
        most = np.maximum(most, apart[:height, :width])
    return np.asarray(most, np.uint8)


def put(planes: Planes, form: PixelForm, other: Planes, mask: Mask) -> None:
    """Samples of `other` where the mask is, in place; alpha there becomes opaque."""
    for index in colours(form):
        np.copyto(planes[index], other[index], where=blocks(mask, form, index))
    if form.alpha:
        planes[-1][mask] = form.peak


def _eight(plane: Plane, bits: int) -> NDArray[np.uint8]:
    return np.asarray(plane, np.uint8) if bits == 8 else np.asarray(plane >> (bits - 8), np.uint8)
