"""Grain for a hole: what is filled with a mean of many frames, or with a smooth surface, is too smooth, and shows.

Grain is taken from the frame itself, at a shift that chance names: where a reference (the background) is known, what the frame differs from it
by; else the frame less its 3x3 median. So it has the sensor's and the coder's correlation, which white noise has not. It is brought from the strength
that it has where it comes from to the one that the frame has at the brightness where it goes, and only what the hole lacks of it is added. It is
drawn anew for each frame: grain that stands still swims with the camera.

Strength: 1.48 times the median of |grain|, for each plane and bin of brightness. Grain never comes from a hole, nor from within two samples of one,
nor, with a reference, from a place where something larger than grain differs.
Limits: without a reference texture counts as grain, up to `MOST` grey levels; a frame that is all hole gets none; black and white areas, where
samples are clipped, have none to give.
Cost: about 2 ms for a hole of 5 % of 640x360; memory: about twenty times the hole's box.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.planes import Mask, Planes, blocks, colours
from velatura.removal.regions import Box, grown_box, parts, sampled_slices, slices

__all__ = ["match_grain"]

Floats = NDArray[np.float32]
BINS = 8
FEWEST = 64  # samples that a bin needs to speak for itself
ENOUGH = 8000  # samples
MOST = 8.0  # grey levels of 8 bits; more is texture
TRIES = 12
AROUND_PX = 12
JOIN_PX = 8
APART_PX = 2
LARGER = 2.0  # times the grain, in a mean of 5x5: an object


def match_grain(behind: list[Plane], form: PixelForm, hole: Mask, frame: Planes, reference: Planes | None, rng: Generator) -> None:
    """Gives `behind` the grain of `frame` within a hole, in place.

    Args:
        behind: whole planes, changed where the hole is, nowhere else; alpha is left alone.
        hole: (height, width).
        frame: whole planes; what lies in the hole is not looked at.
        reference: the background with less grain, in the place and light of `frame`; may be `behind` itself, where that is a whole picture.
        rng: chooses where the grain comes from.
    """
    for box, _ in parts(hole, join=JOIN_PX):
        around = grown_box(box, AROUND_PX, hole.shape, form)
        donor = _donor(around, hole, frame[0], form, rng)
        for index in colours(form):
            at, there = sampled_slices(around, form, index), sampled_slices(donor, form, index)
            mine = blocks(hole[slices(around)], form, index)
            here = _Place(behind[index][at], frame[index][at], None if reference is None else reference[index][at], mine)
            theirs = blocks(hole[slices(donor)], form, index)
            other = _Place(behind[index][there], frame[index][there], None if reference is None else reference[index][there], theirs)
            _grained(here, other, form, rng)


@dataclass(frozen=True, slots=True)
class _Place:
    """One plane of one box."""

    behind: Plane
    frame: Plane
    reference: Plane | None
    hole: Mask


@dataclass(frozen=True, slots=True)
class _Grain:
    """Of one place: the grain itself, the bin of brightness of each sample, and where it is grain."""

    values: Floats
    bins: NDArray[np.uint8]
    known: Mask


def _donor(around: Box, hole: Mask, frame: Plane, form: PixelForm, rng: Generator) -> Box:
    """A box of the same size, of a few that chance names, that holds little hole and is about as bright as what surrounds this one."""
    width, height = around[2] - around[0], around[3] - around[1]
    across, down = 1 << form.shift_x, 1 << form.shift_y
    rooms = (hole.shape[1] - width) // across + 1, (hole.shape[0] - height) // down + 1
    mine = hole[slices(around)][::3, ::3]
    middle = _brightness(frame[slices(around)][::3, ::3], mine)
    best, least = around, np.inf
    for x, y in zip(rng.integers(rooms[0], size=TRIES), rng.integers(rooms[1], size=TRIES), strict=True):
        box = (int(x) * across, int(y) * down, int(x) * across + width, int(y) * down + height)
        theirs = hole[slices(box)][::3, ::3]
        apart = abs(_brightness(frame[slices(box)][::3, ::3], theirs) - middle) / form.peak
        worth = float((mine & theirs).sum()) / max(1, int(mine.sum())) + apart
        if worth < least:
            best, least = box, worth
    return best


def _brightness(plane: Plane, hole: Mask) -> float:
    seen = plane[~hole]
    return float(seen.mean()) if len(seen) else 0.0


def _grained(here: _Place, donor: _Place, form: PixelForm, rng: Generator) -> None:
    """Adds what the hole lacks, to `here.behind`, in place."""
    near, far = _grain_of(here, form), _grain_of(donor, form)
    strength = _strengths(near, far)
    if not strength.any():
        return
    drawn = _drawn(far if far.known.any() else near, strength, rng)
    lacks = strength[_bins(here.behind, form)] * _lacking(here, strength, form)
    given = drawn[here.hole] * lacks[here.hole] * np.float32(1 << (form.bits - 8))
    here.behind[here.hole] = np.clip(np.rint(here.behind[here.hole] + given), 0, form.peak).astype(here.behind.dtype)


def _grain_of(place: _Place, form: PixelForm) -> _Grain:
    near = cv2.dilate(place.hole.view(np.uint8), np.ones((2 * APART_PX + 1, 2 * APART_PX + 1), np.uint8))
    known = np.asarray(near).view(np.bool_) ^ True
    plain = place.reference
    if plain is None:
        plain = np.asarray(cv2.medianBlur(np.ascontiguousarray(place.frame), 3)).reshape(place.frame.shape)
    values = np.subtract(place.frame, plain, dtype=np.float32) / np.float32(1 << (form.bits - 8))
    if place.reference is not None and known.any():
        values -= np.float32(np.mean(values, where=known))  # of the light
        known &= np.abs(cv2.blur(values, (5, 5))) <= LARGER * max(_spread(np.asarray(values[known], np.float32)), 0.5)
    return _Grain(np.asarray(values, np.float32), _bins(place.frame, form), known)


def _bins(plane: Plane, form: PixelForm) -> NDArray[np.uint8]:
    return (plane >> (form.bits - BINS.bit_length() + 1)).astype(np.uint8)


def _spread(values: Floats) -> float:
    """1.48 times the median of |values|, which come in steps of a grey level: the median within the step, or it would know whole levels only."""
    sizes = np.abs(values)
    middle = np.partition(sizes, len(sizes) // 2)[len(sizes) // 2]
    low, high = max(float(middle) - 0.5, 0.0), float(middle) + 0.5
    below, same = float((sizes < low).mean()), float(((sizes >= low) & (sizes < high)).mean())
    return 1.48 * (low + (high - low) * (0.5 - below) / same)


def _strengths(*grains: _Grain) -> Floats:
    """For each bin of brightness; bins with too few samples speak as all do together."""
    values = np.concatenate([grain.values[grain.known] for grain in grains])
    bins = np.concatenate([grain.bins[grain.known] for grain in grains])
    if not len(values):
        return np.zeros(BINS, np.float32)
    step = -(-len(values) // ENOUGH)
    values, bins = values[::step], bins[::step]
    counts = np.bincount(bins, minlength=BINS)
    together = min(_spread(values), MOST)
    found = [min(_spread(values[bins == one]), MOST) if counts[one] >= FEWEST else together for one in range(BINS)]
    return np.asarray(found, np.float32)


def _drawn(grain: _Grain, strength: Floats, rng: Generator) -> Floats:
    """Grain of strength one in the donor's box; where it has none to give, single samples of it from elsewhere in the box."""
    of = strength[grain.bins]
    units = np.clip(grain.values / np.maximum(of, 0.1), -3, 3)
    lost = ~grain.known
    units[lost] = rng.choice(units[grain.known], size=int(lost.sum()))
    return np.asarray(units, np.float32)


def _lacking(here: _Place, strength: Floats, form: PixelForm) -> Floats:
    """What share of the frame's grain the hole has not, (height, width) or one number."""
    if here.reference is not None:
        return np.full(here.hole.shape, _clean_share(here), np.float32)
    plain = np.asarray(cv2.medianBlur(np.ascontiguousarray(here.behind), 3)).reshape(here.behind.shape)
    rough = np.abs(np.subtract(here.behind, plain, dtype=np.float32)) / np.float32(1 << (form.bits - 8))
    wanted = np.maximum(strength[_bins(here.behind, form)], 0.1)
    has = np.float32(1.25) * np.asarray(cv2.blur(np.minimum(rough, 3 * wanted), (9, 9)), np.float32) / wanted
    return np.asarray(np.sqrt(np.maximum(0, 1 - has * has)), np.float32)


def _clean_share(here: _Place) -> float:
    """The grain to be added over that of frame less reference, which holds the reference's own: both are told apart by what each shares with it.

    With grain s in the frame and t in the reference, s^2 - t^2 is to be added and s^2 + t^2 is there; what the two show has no part in either.
    """
    assert here.reference is not None
    frame, plain = here.frame.astype(np.float32), here.reference.astype(np.float32)
    apart, both = frame - plain, frame + plain
    free = ~np.asarray(cv2.dilate(here.hole.view(np.uint8), np.ones((5, 5), np.uint8))).view(np.bool_)
    if not free.any():
        return 1.0
    free &= np.abs(apart) <= 4 * max(_spread(apart[free]), 1.0)
    there = float((apart * (apart - cv2.blur(apart, (3, 3))))[free].sum())
    wanted = float((apart * (both - cv2.blur(both, (3, 3))))[free].sum())
    return float(np.sqrt(np.clip(wanted / there, 0.5, 1.0))) if there > 0 else 1.0
