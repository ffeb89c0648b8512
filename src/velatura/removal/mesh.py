"""A net of small square cells over points of a picture: its nodes are carried, and with them everything within.

Motion is smooth at the scale of a cell (a homography, and a flow that is blurred by as much), so that four corners say where each pixel between them
goes, to a hundredth of a pixel, at a tenth of the cost of carrying all pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CELL_PX", "SITES", "Mesh", "mesh", "numbered", "pixels"]

Floats = NDArray[np.float32]
CELL_PX = 6
SITES = CELL_PX * CELL_PX


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Attributes:
    nodes: (m, 2) float32, x and y of the corners of cells: half a pixel before the first pixel of each, or behind the last.
    corners: (4, c), the nodes of each cell: top left, top right, bottom left, bottom right.
    pixel: (n,), where each point is among the pixels of all cells, (sites, c) in one row.
    """

    nodes: Floats
    corners: NDArray[np.intp]
    pixel: NDArray[np.intp]


def mesh(points: Floats) -> Mesh:
    """A net over points (n, 2), n > 0, whole numbers of pixels, x and y."""
    x, y = points.astype(np.intp).T
    column, row = x // CELL_PX, y // CELL_PX
    wide = int(column.max()) + 1
    cells, cell = numbered(row * wide + column)
    rows, columns = np.divmod(cells, wide)
    wide += 1
    first = rows * wide + columns
    nodes, corners = numbered(np.stack([first, first + 1, first + wide, first + wide + 1]))
    at = np.stack(np.divmod(nodes, wide)[::-1], axis=1) * CELL_PX - 0.5
    site = (y - row * CELL_PX) * CELL_PX + x - column * CELL_PX
    return Mesh(at.astype(np.float32), corners, site * len(cells) + cell)


def pixels(values: Floats) -> Floats:
    """Values (4, c, k) at the corners of cells, at all of their pixels, in rows: (sites, c, k)."""
    return (_SHARES @ values.reshape(4, -1)).reshape(SITES, *values.shape[1:])


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
