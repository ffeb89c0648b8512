"""Masks and boxes between the upright picture, in which people think, and the planes as they are stored."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import Box, Frame, to_stored, to_upright
from velatura.removal.labelled import labelled
from velatura.removal.planes import Mask

_Kind = TypeVar("_Kind", bound=np.generic)

__all__ = ["boxed", "components", "stored_mask", "tiles", "upright_mask", "upright_plane"]


def stored_mask(mask: Mask, orientation: int) -> Mask:
    """An upright mask as the planes are stored; EXIF orientation 1..8."""
    return _turned(mask, {6: 8, 8: 6}.get(orientation, orientation))


def upright_mask(mask: Mask, orientation: int) -> Mask:
    """The reverse of `stored_mask`."""
    return _turned(mask, orientation)


def upright_plane(plane: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A stored plane, upright."""
    return _turned(plane, orientation)


def boxed(boxes: Iterable[Box], frame: Frame) -> Mask:
    """Upright boxes as a stored mask: every pixel that one of them touches."""
    width, height = frame.stored_size
    mask = np.zeros((height, width), np.bool_)
    for box in boxes:
        x0, y0, x1, y1 = to_stored(box, frame.size, frame.orientation)
        mask[max(floor(y0), 0) : max(ceil(y1), 0), max(floor(x0), 0) : max(ceil(x1), 0)] = True
    return mask


def components(mask: Mask, frame: Frame, *, least: int = 1) -> list[Box]:
    """Upright boxes around the connected parts of a stored mask that have `least` pixels."""
    count, _, stats = labelled(mask)
    found = []
    for x, y, width, height, area in stats[1:count].tolist():
        if area >= least:
            found.append(to_upright((x, y, x + width, y + height), frame.stored_size, frame.orientation))
    return found


def tiles(mask: Mask, frame: Frame, *, side: int = 16) -> list[Box]:
    """Upright boxes that together cover a stored mask and little else: a ring does not become the whole picture."""
    if not mask.any():
        return []
    height, width = mask.shape
    padded = np.zeros((-(-height // side) * side, -(-width // side) * side), np.bool_)
    padded[:height, :width] = mask
    cells: Mask = np.asarray(padded.reshape(padded.shape[0] // side, side, -1, side).any(axis=(1, 3)))
    found: list[tuple[int, int, int, int]] = []
    open_runs: dict[tuple[int, int], int] = {}
    for row in range(cells.shape[0] + 1):
        runs = _runs(np.asarray(cells[row])) if row < cells.shape[0] else set()
        for run in [run for run in open_runs if run not in runs]:
            found.append((run[0], open_runs.pop(run), run[1], row))
        for run in runs:
            open_runs.setdefault(run, row)
    boxes = [(x0 * side, y0 * side, min(x1 * side, width), min(y1 * side, height)) for x0, y0, x1, y1 in found]
    return [to_upright(box, frame.stored_size, frame.orientation) for box in boxes]


def _runs(row: Mask) -> set[tuple[int, int]]:
    """Beginnings and ends of what is True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
    return set(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _turned(mask: NDArray[_Kind], orientation: int) -> NDArray[_Kind]:
    """By the meaning of EXIF 2.32, tag 0x0112: transposed for 5 to 8, then mirrored."""
    if orientation >= 5:
        mask = mask.T
    if orientation in (2, 3, 6, 7):
        mask = mask[:, ::-1]
    if orientation in (3, 4, 7, 8):
        mask = mask[::-1]
    return np.ascontiguousarray(mask)
