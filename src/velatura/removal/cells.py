"""Averages of scattered values on a grid of square cells, and back: for what varies slowly over a hole and is known only on its rim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.removal.flow import Points, sampled
from velatura.removal.planes import Mask
from velatura.removal.push_pull import push_pull

__all__ = ["Cells", "cells"]

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cells:
    """A grid over points.

    Attributes:
        left, top: of its first cell, in the points' pixels.
        columns, rows: how many cells it has.
        side: of a cell, pixels.
    """

    left: float
    top: float
    columns: int
    rows: int
    side: int

    def sums(self, points: Points, values: Sequence[Values]) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """How many points (n, 2) each cell holds, and the sums of each of `values` (n,); all (rows, columns)."""
        x, y = points.T
        cell = ((y - self.top) // self.side).astype(np.intp) * self.columns + ((x - self.left) // self.side).astype(np.intp)
        shape, least = (self.rows, self.columns), self.rows * self.columns
        totals = [np.bincount(cell, value, least).reshape(shape).astype(np.float64, copy=False) for value in values]
        return np.bincount(cell, minlength=least).reshape(shape).astype(np.float64), totals

    def at(self, grid: Values, known: Mask, points: Points) -> Values:
        """A grid (rows, columns) or (rows, columns, c), completed where it is not known, at points (n, 2)."""
        x, y = points.T
        there = np.stack([(x - self.left + 0.5) / self.side - 0.5, (y - self.top + 0.5) / self.side - 0.5], axis=1)
        return sampled(grid if known.all() else push_pull(grid, known), there.astype(np.float32))

    def spread(self, points: Points, values: Values, to: Points) -> Values:
        """Values (n,) at points (n, 2), as a smooth surface at other points; 0 if there are none."""
        if not len(points):
            return np.zeros(len(to), np.float32)
        count, (total,) = self.sums(points, [values])
        return self.at((total / np.maximum(count, 1)).astype(np.float32), count > 0, to)


def cells(points: Points, side: int) -> Cells:
    """A grid that covers points (n, 2), n > 0, x and y in pixels."""
    x, y = points.T
    left, top = float(x.min()), float(y.min())
    return Cells(left, top, int((x.max() - left) // side) + 1, int((y.max() - top) // side) + 1, side)
