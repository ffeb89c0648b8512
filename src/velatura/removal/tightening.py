"""A wide mask made tight: of a detector's box with its shadow band only what differs from the background behind it needs to go.

Hysteresis on the difference between frame and background: parts that differ clearly, and what differs a little next to them; closed, filled,
widened. A step of one pixel is no difference (the background was carried there along a motion that is right to a pixel or so). At the picture's
border, where an object enters or leaves, what differs a little near a kept part is kept too. Then the shadow: pixels of the wide mask that are evenly
darker than the background, of its colour, and lie together with what is kept or near it, or with the border (who casts it may be outside). Where the
background is not known everything is kept.
Limit: an object that looks like what is behind it within `CLEAR` levels everywhere is lost; the check of the finished file sees no more of it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm
from velatura.removal.labelled import without_holes
from velatura.removal.planes import Mask, Planes, colours, difference

__all__ = ["tightened"]

Levels = NDArray[np.float32]

SLIGHT, CLEAR = 10.0, 24.0  # grey levels
SOFT_PX = 1.2
CLOSED_PX, WIDER_PX = 11, 3
LEAST_PX = 24  # of what differs clearly; less is an edge that the background missed
BORDER_PX, NEAR_PX = 4, 12
DARKER, SHADOW_SOFT_PX = 4.0, 2.5
SAME_HUE = 6.0
LEAST_SHARE = 0.2  # of the light that a shadow leaves


def tightened(planes: Planes, behind: Planes, form: PixelForm, wide: Mask, never: Mask) -> Mask:
    """What of a wide mask goes.

    Args:
        planes, behind: of the frame and of the background; they differ only inside of `wide`.
        wide, never: (height, width); `never` is where the background is not known.
    """
    if not wide.any():
        return wide.copy()
    y, x = _crop(wide)
    planes, behind = ([plane[_part(form, index, y, x)] for index, plane in enumerate(some)] for some in (planes, behind))
    wide_here, never_here = wide[y, x], never[y, x] & wide[y, x]
    apart = _apart(planes, behind, form)
    kept = _object(apart, wide_here) | never_here
    rim = _rim(wide)[y, x]
    kept |= _at_border(apart, kept, rim, wide_here)
    kept |= _shadow(planes, behind, form, kept, rim, wide_here & ~never_here)
    mask = np.zeros_like(wide)
    mask[y, x] = _widened(kept) & wide_here
    return mask


def _crop(wide: Mask) -> tuple[slice, slice]:
    """Rows and columns of the mask and a margin, even ones first, so that chroma is cut where luma is."""
    spans = []
    for axis in (0, 1):
        used = np.flatnonzero(wide.any(axis=1 - axis))
        spans.append(slice(max(0, int(used[0]) - CLOSED_PX) & ~3, (int(used[-1]) + CLOSED_PX + 4) & ~3))
    return spans[0], spans[1]


def _part(form: PixelForm, index: int, y: slice, x: slice) -> tuple[slice, slice]:
    sx, sy = form.subsampled(index)
    return slice(y.start >> sy, -(-y.stop >> sy)), slice(x.start >> sx, -(-x.stop >> sx))


def _apart(planes: Planes, behind: Planes, form: PixelForm) -> Levels:
    """The least difference to the background within a pixel around, soft; grey levels of 8 bits, (height, width)."""
    square = np.ones((3, 3), np.uint8)
    nearest = []
    for mine, other in zip(planes, behind, strict=True):
        low, high = cv2.erode(other, square), cv2.dilate(other, square)
        nearest.append(np.clip(mine, low, high))
    apart = difference(planes, nearest, form)
    return np.asarray(cv2.GaussianBlur(apart.astype(np.float32), (0, 0), SOFT_PX), np.float32)


def _object(apart: Levels, wide: Mask) -> Mask:
    slight = (apart > SLIGHT) & wide
    clear = np.bincount(_components(slight).ravel(), ((apart > CLEAR) & wide).ravel()) >= LEAST_PX
    clear[0] = False
    kept = clear[_components(slight)].astype(np.uint8)
    closed = cv2.morphologyEx(kept, cv2.MORPH_CLOSE, np.ones((CLOSED_PX, CLOSED_PX), np.uint8))
    return without_holes(closed) & wide


def _rim(wide: Mask) -> Mask:
    """The picture's border."""
    rim = np.ones_like(wide)
    rim[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
    return rim


def _at_border(apart: Levels, kept: Mask, rim: Mask, wide: Mask) -> Mask:
    """What differs a little at the picture's border, in components that come near to what is kept."""
    if not kept.any():
        return np.zeros_like(kept)
    labels = _components((apart > SLIGHT) & wide)
    near = _grown(kept, 2 * NEAR_PX + 1)
    chosen = np.isin(np.arange(int(labels.max()) + 1), labels[rim]) & np.isin(np.arange(int(labels.max()) + 1), labels[near])
    chosen[0] = False
    return np.asarray(chosen[labels])


def _shadow(planes: Planes, behind: Planes, form: PixelForm, kept: Mask, rim: Mask, wide: Mask) -> Mask:
    """What is evenly darker than the background and of its colour, and hangs together with what is kept, or with the border: he may be outside."""
    beside = ~_grown(kept, 5)  # or the object's own darkness would look like a shadow around it
    mine, other = _soft(planes, form, 0, beside), _soft(behind, form, 0, beside)
    dark = (other - mine > DARKER) & (mine > LEAST_SHARE * other) & wide
    if form.colour != "grey":
        share = mine / np.maximum(other, 1)
        for index in colours(form)[1:]:
            dark &= np.abs(_soft(planes, form, index, beside) - share * _soft(behind, form, index, beside)) < SAME_HUE
    labels = _components(dark | _grown(kept, 2 * NEAR_PX + 1))  # a foot on dark ground is lost now and then, and his shadow stands apart
    touched = np.bincount(labels.ravel(), (kept | (rim & dark)).ravel()) > 0
    touched[0] = False
    return np.asarray(touched[labels]) & dark


def _soft(planes: Planes, form: PixelForm, index: int, beside: Mask) -> Levels:
    """A plane above black (chroma: around its middle) and beside an object, blurred, at full size, in grey levels of 8 bits."""
    plane, (sx, _) = planes[index], form.subsampled(index)
    weight = beside.astype(np.float32)
    if plane.shape != weight.shape:
        weight = np.asarray(cv2.resize(weight, plane.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    above = (plane.astype(np.float32) - form.black()[index]) / (1 << (form.bits - 8)) * weight
    blurred, share = (np.asarray(cv2.GaussianBlur(one, (0, 0), SHADOW_SOFT_PX / (1 << sx)), np.float32) for one in (above, weight))
    soft = np.asarray(blurred / np.maximum(share, 0.01), np.float32)
    return soft if soft.shape == beside.shape else np.asarray(cv2.resize(soft, beside.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _widened(kept: Mask) -> Mask:
    return _grown(kept, 2 * WIDER_PX + 1)


def _components(mask: Mask) -> NDArray[np.int32]:
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], np.int32)


def _grown(mask: Mask, side: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))), np.uint8) > 0
