"""A background at full size from samples and the word on which of them vote where; and how much the samples differ from it.

Works in strips of rows: besides the samples and the result it needs about eight bytes for each sample and pixel of a strip, 40 MB for 99
samples that are 1280 wide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.coarse import fine
from velatura.removal.planes import Mask, Planes, colours, difference
from velatura.removal.voting_median import counted, voting_median

__all__ = ["composed", "measured", "seen"]

Votes = NDArray[np.bool_]
ROWS = 32  # of a strip; even, so that chroma is cut between its samples
AGREES = 15  # grey levels from the background, and a sample shows it
_BITS = 4  # of a deviation: 15 levels times 1.48 is more than any threshold of ours needs


def composed(samples: Sequence[Planes], form: PixelForm, masks: Sequence[Mask | None], eligible: Votes, scale: int) -> list[Plane]:
    """The median, at each pixel, of the samples that may vote there.

    Where none of those is unmasked, all unmasked ones vote; where there is none, all do.

    Args:
        eligible: (samples, height, width) of the small picture; `scale` as in `Coarse`.

    Returns:
        planes of `form`; alpha is opaque.
    """
    planes = [np.full_like(plane, form.peak) for plane in samples[0]]
    for rows, votes in _strips(masks, eligible, scale, samples[0][0].shape):
        heard: dict[tuple[int, int], Votes] = {}
        for index in colours(form):
            shift_x, shift_y = shifts = form.subsampled(index)
            if shifts not in heard:
                heard[shifts] = _heard(_sampled(votes, shift_x, shift_y))
            part = slice(rows.start >> shift_y, -(-rows.stop >> shift_y))
            values = np.stack([sample[index][part] for sample in samples])
            planes[index][part] = voting_median(values, heard[shifts], form.bits)
    return planes


def measured(
    samples: Sequence[Planes], form: PixelForm, masks: Sequence[Mask | None], eligible: Votes, scale: int, plate: Planes
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Of a background, (height, width) each: how many unmasked samples agree with it, and the noise of those that voted (1.48 MAD, grey levels)."""
    height, width = samples[0][0].shape
    support, noise = np.zeros((height, width), np.uint16), np.zeros((height, width), np.float32)
    for rows, votes in _strips(masks, eligible, scale, (height, width)):
        ground = _cut(plate, form, rows)
        off = np.stack([difference(_cut(sample, form, rows), ground, form) for sample in samples])
        unmasked = _unmasked(masks, rows, width)
        support[rows] = counted(unmasked & (off < AGREES))
        noise[rows] = 1.48 * voting_median(np.minimum(off, 15), _heard(votes), _BITS)
    return support, noise


def seen(masks: Sequence[Mask | None], shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """How many samples are unmasked at each pixel."""
    times = np.full(shape, len(masks), np.uint16)
    for mask in masks:
        if mask is not None:
            times -= mask
    return times


def _strips(masks: Sequence[Mask | None], eligible: Votes, scale: int, shape: tuple[int, ...]) -> Iterator[tuple[slice, Votes]]:
    """Rows, and which samples vote there, (samples, rows, width)."""
    height, width = shape
    for start in range(0, height, ROWS):
        rows = slice(start, min(start + ROWS, height))
        unmasked = _unmasked(masks, rows, width)
        votes = fine(eligible, scale, rows, width) & unmasked
        votes |= unmasked & ~votes.any(axis=0)
        yield rows, votes


def _unmasked(masks: Sequence[Mask | None], rows: slice, width: int) -> Votes:
    free = np.ones((len(masks), rows.stop - rows.start, width), np.bool_)
    for row, mask in zip(free, masks, strict=True):
        if mask is not None:
            np.logical_not(mask[rows], out=row)
    return free


def _heard(votes: Votes) -> Votes:
    """`votes`, or everybody's where nobody votes."""
    heard = votes.any(axis=0)
    return votes if heard.all() else votes | ~heard


def _sampled(votes: Votes, shift_x: int, shift_y: int) -> Votes:
    """At the size of a chroma plane: a sample votes if all of its pixels do, or if it must, some."""
    if not shift_x and not shift_y:
        return votes
    step_x, step_y = 1 << shift_x, 1 << shift_y
    whole = np.pad(votes, ((0, 0), (0, -votes.shape[1] % step_y), (0, -votes.shape[2] % step_x)), mode="edge")
    across = whole.view(f"u{step_x}")  # all of a row's pixels that one sample colours, as one number
    rows = [across[:, y::step_y] for y in range(step_y)]
    every = reduce(np.bitwise_and, rows) == int.from_bytes(b"\1" * step_x, "little")
    heard = every.any(axis=0)
    return np.asarray(every if heard.all() else np.where(heard, every, reduce(np.bitwise_or, rows) != 0))


def _cut(planes: Planes, form: PixelForm, rows: slice) -> list[Plane]:
    shifts = [form.subsampled(index)[1] for index in range(form.planes)]
    return [plane[rows.start >> down : -(-rows.stop >> down)] for plane, down in zip(planes, shifts, strict=True)]
