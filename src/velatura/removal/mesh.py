"""A net of small square cells over points of a picture: its nodes are carried, and with them everything within.

Motion is smooth at the scale of a cell (a homography, and a flow that is blurred by as much), so that four corners say where each pixel between them
goes, to a hundredth of a pixel, at a tenth of the cost of carrying all pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CELL_PX", "Mesh", "mesh", "numbered"]

Floats = NDArray[np.float32]
CELL_PX = 6
SITES = CELL_PX * CELL_PX


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Attributes:
    nodes: (m, 2) float32, x and y of the corners of cells: half a pixel before the first pixel of each, or behind the last.
    corners: (c, 4), the nodes of each cell: top left, top right, bottom left, bottom right.
    cell: (n,), the cell of each point.
    site: (n,), which of the cell's pixels a point is, in rows.
    """

    nodes: Floats
    corners: NDArray[np.intp]
    cell: NDArray[np.intp]
    site: NDArray[np.intp]

    def pixels(self, values: Floats) -> Floats:
        """Values (c, 4, k) at the corners of some cells, at all of their pixels: (sites, c, k)."""
        everywhere = _SHARES @ np.moveaxis(values, 1, 0).reshape(4, -1)
        return everywhere.reshape(SITES, len(values), values.shape[2])


def mesh(points: Floats) -> Mesh:
    """A net over points (n, 2), n > 0, whole numbers of pixels, x and y."""
    x, y = points.astype(np.intp).T
    column, row = x // CELL_PX, y // CELL_PX
    wide = int(column.max()) + 1
    cells, cell = numbered(row * wide + column)
    rows, columns = np.divmod(cells, wide)
    wide += 1
    first = rows * wide + columns
    nodes, corners = numbered(np.stack([first, first + 1, first + wide, first + wide + 1], axis=1))
    at = np.stack(np.divmod(nodes, wide)[::-1], axis=1) * CELL_PX - 0.5
    return Mesh(at.astype(np.float32), corners, cell, (y % CELL_PX) * CELL_PX + x % CELL_PX)


def _shares() -> Floats:
    """What each corner of a cell has of each of its pixels, (sites, 4)."""
    parts = (np.arange(CELL_PX, dtype=np.float32) + np.float32(0.5)) / CELL_PX
    along = np.stack([1 - parts, parts], axis=1)
    return np.asarray(np.einsum("yi,xj->yxij", along, along).reshape(SITES, 4), np.float32)


_SHARES = _shares()


def numbered(keys: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which keys (of any shape, from 0 on) there are, in order, and the place of each one among them."""
    used = np.zeros(int(keys.max(initial=-1)) + 1, np.bool_)
    used[keys] = True
    return np.flatnonzero(used), (np.cumsum(used) - 1)[keys]
