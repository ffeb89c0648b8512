"""Texture for a hole: whole patches copied from around it, edges that run into the hole first.

The patch on the rim of the hole with the highest priority (how much of it is known, and how strongly an edge runs into the hole there) takes the
known patch that is most like it, and so on inwards. The result is a map of where each pixel comes from, so that planes of any form and depth are
copied as they are: every sample in the hole is a sample of the picture.

Sources are known pixels no further from the hole than `REACH` of its diameters; what is forbidden is never copied, be it another face.
Limits: it repeats what is there; perspective and light are not followed; mistakes grow inwards. On photographs it loses to smooth fills in PSNR.
Cost: searched at a size at which the hole has at most `MOST_PX` pixels, so that it takes .3 to 1 s on one core whatever the hole.
Memory: about sixty times the crop at that size, and ten times the crop.
Source: Criminisi, Perez, Toyama, Region Filling and Object Removal by Exemplar-Based Image Inpainting, IEEE TIP 13 (9), 2004, equations 1 to 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.planes import Mask, blocks, colours, copied

__all__ = ["fill_exemplar", "is_repeated"]

Floats = NDArray[np.float32]
Places = NDArray[np.int32]
HALF = 4  # patches are 9x9, as in the paper
MOST_PX = 4000
REACH = 2.5
LEAST_REACH_PX, MOST_REACH_PX = 24, 110
PROBES = 12
LIKE = 0.35  # of a patch's variance: a likeness that leaves less unexplained is one
LIVELY = 9.0  # variance, grey levels of 8 bits squared; a patch that shows less has no texture to copy


def fill_exemplar(crop: list[Plane], form: PixelForm, hole: Mask, known: Mask, rng: Generator) -> list[Plane] | None:
    """Planes with the hole filled by copies.

    Args:
        crop: planes of the hole's surroundings; left as they are.
        hole, known: (height, width); what is neither is not copied from.
        rng: breaks ties between equally good patches.

    Returns:
        new planes; None: no whole patch is known within reach.
    """
    scale = _scale(hole)
    work = _work(crop, form, hole, known, scale)
    if not _may_give(work).any():
        return None
    places = _copied(work, rng)
    return _carried(crop, form, hole, places, scale)


def is_repeated(crop: list[Plane], form: PixelForm, hole: Mask, known: Mask, rng: Generator) -> bool:
    """Whether texture around the hole has likenesses: half of some patches near the rim do, at a place that does not overlap theirs."""
    work = _work(crop, form, hole, known, _scale(hole))
    giving = _may_give(work)
    near = giving & _grown(work.hole, 3 * HALF)
    rows, columns = np.nonzero(near)
    if not len(rows):
        return False
    chosen = rng.choice(len(rows), size=min(PROBES, len(rows)), replace=False)
    unlike = [_unlikeness(work, giving, int(rows[one]), int(columns[one])) for one in chosen]
    return float(np.median(unlike)) < LIKE


def _scale(hole: Mask) -> int:
    return max(1, int(np.ceil(np.sqrt(hole.sum() / MOST_PX))))


@dataclass(frozen=True, slots=True)
class _Work:
    """A crop at the size that is searched.

    Attributes:
        picture: (height, width, 3) float32, grey levels of 8 bits.
        hole: what is to be filled; `known`: what may be looked at and copied.
    """

    picture: Floats
    hole: Mask
    known: Mask


def _work(crop: list[Plane], form: PixelForm, hole: Mask, known: Mask, scale: int) -> _Work:
    height, width = hole.shape
    size = (-(-width // scale), -(-height // scale))
    layers = [_layer(crop[index], form, index, (width, height), size) for index in colours(form)]
    picture = np.dstack(layers * 3 if len(layers) == 1 else layers)
    lost = ~known | hole
    if form.shift_x or form.shift_y:
        lost = _whole_samples(lost, form)
    return _Work(picture, _shrunk(hole, scale), ~_shrunk(lost, scale))


def _whole_samples(lost: Mask, form: PixelForm) -> Mask:
    """A pixel that shares its chroma sample with a lost one is lost."""
    samples = blocks(lost, form, 1)
    return np.repeat(np.repeat(samples, 1 << form.shift_y, axis=0), 1 << form.shift_x, axis=1)[: lost.shape[0], : lost.shape[1]]


def _layer(plane: Plane, form: PixelForm, index: int, full: tuple[int, int], size: tuple[int, int]) -> Floats:
    values = plane.astype(np.float32) / np.float32(1 << (form.bits - 8))
    shift_x, shift_y = form.subsampled(index)
    if shift_x or shift_y:
        whole = (values.shape[1] << shift_x, values.shape[0] << shift_y)
        values = np.asarray(cv2.resize(values, whole, interpolation=cv2.INTER_NEAREST), np.float32)[: full[1], : full[0]]
    return values if full == size else np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _shrunk(mask: Mask, scale: int) -> Mask:
    """True where any pixel of a cell is."""
    height, width = mask.shape
    even = np.pad(mask, ((0, -height % scale), (0, -width % scale)))
    return np.asarray(even.reshape(even.shape[0] // scale, scale, even.shape[1] // scale, scale).any(axis=(1, 3)))


def _may_give(work: _Work) -> Mask:
    """Middles of whole known patches within reach of the hole."""
    size = 2 * HALF + 1
    whole = cv2.erode(work.known.view(np.uint8), np.ones((size, size), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    reach = int(np.clip(REACH * np.sqrt(work.hole.sum()), LEAST_REACH_PX, MOST_REACH_PX))
    return np.asarray(whole).view(np.bool_) & _grown(work.hole, reach)


def _grown(mask: Mask, pixels: int) -> Mask:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8))).view(np.bool_)


def _unlikeness(work: _Work, giving: Mask, y: int, x: int) -> float:
    """Of the patch around (y, x): what its best likeness leaves unexplained, as a share of its variance."""
    patch = work.picture[y - HALF : y + HALF + 1, x - HALF : x + HALF + 1]
    shown = float(patch.var(axis=(0, 1)).sum()) * patch[..., 0].size
    if shown < LIVELY * patch[..., 0].size:
        return 1.0
    apart = np.asarray(cv2.matchTemplate(work.picture, patch, cv2.TM_SQDIFF))
    free = giving[HALF : HALF + apart.shape[0], HALF : HALF + apart.shape[1]].copy()
    free[max(0, y - 3 * HALF) : y + HALF + 1, max(0, x - 3 * HALF) : x + HALF + 1] = False  # does not overlap
    return float(apart[free].min()) / shown if free.any() else 1.0


def _copied(work: _Work, rng: Generator) -> Places:
    """(height, width, 2): row and column that each pixel comes from; its own outside of the hole."""
    height, width = work.hole.shape
    picture, hole = work.picture.copy(), work.hole.copy()
    picture[~work.known] = 0
    seen = work.known.copy()
    trust = seen.astype(np.float32)
    places: Places = np.moveaxis(np.indices((height, width), np.int32), 0, -1).copy()
    giving = _may_give(work)
    while hole.any():
        y, x, confidence = _next(picture, hole, seen, trust)
        rows, columns = _window(y, height), _window(x, width)
        gy, gx = _likest(picture, seen, giving, rows, columns, (y, x), rng)
        mine = hole[rows, columns].copy()
        from_rows, from_columns = slice(rows.start + gy - y, rows.stop + gy - y), slice(columns.start + gx - x, columns.stop + gx - x)
        picture[rows, columns][mine] = picture[from_rows, from_columns][mine]
        places[rows, columns][mine] = places[from_rows, from_columns][mine]
        trust[rows, columns][mine] = confidence
        seen[rows, columns] |= mine
        hole[rows, columns] = False
    return places


def _window(middle: int, length: int) -> slice:
    return slice(max(0, middle - HALF), min(length, middle + HALF + 1))


def _next(picture: Floats, hole: Mask, seen: Mask, trust: Floats) -> tuple[int, int, float]:
    """The pixel of the rim with the highest priority (equation 1), and its confidence (equation 2)."""
    inner = np.asarray(cv2.erode(hole.view(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1))
    rows, columns = np.nonzero(hole & (inner == 0))
    if not len(rows):
        rows, columns = np.nonzero(hole)
    confidence = cv2.boxFilter(trust, -1, (2 * HALF + 1, 2 * HALF + 1), borderType=cv2.BORDER_CONSTANT)[rows, columns]
    priority = confidence * (_edges(picture, hole, seen)[rows, columns] / 255 + 1e-3)
    best = int(np.argmax(priority))
    return int(rows[best]), int(columns[best]), float(confidence[best])


def _edges(picture: Floats, hole: Mask, seen: Mask) -> Floats:
    """How strongly an edge near each pixel runs across the rim (equation 3); gradients that the hole has a part in do not count."""
    grey = picture.mean(axis=2)
    of_x, of_y = np.asarray(cv2.Sobel(grey, cv2.CV_32F, 1, 0)), np.asarray(cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    unsure = _grown(~seen, 1)
    of_x[unsure], of_y[unsure] = 0, 0
    near = np.ones((5, 5), np.uint8)
    of_x, of_y = cv2.dilate(np.abs(of_x), near), cv2.dilate(np.abs(of_y), near)
    inside = cv2.GaussianBlur(hole.astype(np.float32), (5, 5), 0)
    across, down = cv2.Sobel(inside, cv2.CV_32F, 1, 0), cv2.Sobel(inside, cv2.CV_32F, 0, 1)
    length = np.sqrt(across * across + down * down) + 1e-6
    return np.asarray((np.abs(of_y * across) + np.abs(of_x * down)) / length, np.float32)


def _likest(picture: Floats, seen: Mask, giving: Mask, rows: slice, columns: slice, at: tuple[int, int], rng: Generator) -> tuple[int, int]:
    """The middle of the known patch most like the seen part of the one at `at` (equation 4)."""
    patch = np.ascontiguousarray(picture[rows, columns])
    counts = np.repeat(seen[rows, columns].astype(np.float32)[..., None], 3, axis=2)
    apart = np.asarray(cv2.matchTemplate(picture, patch, cv2.TM_SQDIFF, mask=counts))
    dy, dx = at[0] - rows.start, at[1] - columns.start
    may = giving[dy : dy + apart.shape[0], dx : dx + apart.shape[1]]
    apart = np.where(may, apart, np.inf)
    ties_y, ties_x = np.nonzero(apart <= apart.min() + 1e-3)
    one = int(rng.integers(len(ties_y)))
    return int(ties_y[one]) + dy, int(ties_x[one]) + dx


def _carried(crop: list[Plane], form: PixelForm, hole: Mask, places: Places, scale: int) -> list[Plane]:
    """Each sample of the hole from where the map says, at full size."""
    made = copied(crop)
    for index in colours(form):
        shift_x, shift_y = form.subsampled(index)
        mine = blocks(hole, form, index)
        rows, columns = np.nonzero(mine)
        at = np.minimum(rows << shift_y, hole.shape[0] - 1), np.minimum(columns << shift_x, hole.shape[1] - 1)
        cell = at[0] // scale, at[1] // scale
        step = (places[cell] - np.stack(cell, axis=-1)) * scale
        from_rows, from_columns = (at[0] + step[:, 0]) >> shift_y, (at[1] + step[:, 1]) >> shift_x
        made[index][rows, columns] = crop[index][from_rows.clip(0, mine.shape[0] - 1), from_columns.clip(0, mine.shape[1] - 1)]
    return made
