"""Cells laid over a plane: their borders, sums over them, and values spread over them again.

Borders of n even cells differ by at most one sample and depend on the plane's length alone, so that a grid taken from one frame fits the same
track's box in every other. Only borders at whole steps (`stepped`) leave a smaller cell at the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import Plane

__all__ = ["Borders", "counts", "even", "spread", "square", "stepped", "sums"]

Borders = NDArray[np.int64]
"""n + 1 positions from 0 to the length, for n cells."""


def square(shape: tuple[int, ...], across_shorter: int) -> tuple[int, int]:
    """(rows, columns) of cells that are as square as whole numbers allow, so many across the shorter side; none smaller than a sample."""
    height, width = shape
    shorter = min(height, width)
    cells = min(across_shorter, shorter)
    return round(height * cells / shorter), round(width * cells / shorter)


def even(length: int, cells: int) -> Borders:
    """Cells as even as whole samples allow; with more cells than samples some are empty."""
    return np.arange(cells + 1, dtype=np.int64) * length // cells


def stepped(length: int, step: int, shift: int = 0) -> Borders:
    """Cells of `step` luma samples on a plane subsampled by 2^shift, the last one cut by the end."""
    return np.unique(np.append(np.arange(0, length << shift, step, dtype=np.int64) >> shift, length))


def sums(plane: Plane, down: Borders, across: Borders) -> NDArray[np.int64]:
    """(rows, columns) of the cells' sums; no cell may be empty."""
    rows = np.add.reduceat(plane, down[:-1], axis=0, dtype=np.int64)
    return np.add.reduceat(rows, across[:-1], axis=1, dtype=np.int64)


def counts(down: Borders, across: Borders) -> NDArray[np.int64]:
    """(rows, columns) of the cells' numbers of samples."""
    return np.diff(down)[:, None] * np.diff(across)[None, :]


def spread(values: NDArray[np.int64], down: Borders, across: Borders) -> NDArray[np.int64]:
    """Every sample with its cell's value."""
    return values.repeat(np.diff(down), 0).repeat(np.diff(across), 1)
