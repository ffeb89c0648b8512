"""From regions to patches: which samples of which plane go, down to the picture's last row and column.

A mask is made of squares of the coder's grid (8 pixels): a square that the region touches goes whole. So a transform block of the source that
straddled the border, whose shown samples would carry the rounding of covered ones, goes too; and a chroma sample, which colours up to four
pixels, is covered if one of them is. Squares begin at the stored picture's corner, as the coder's blocks do.

Limit: a JPEG that was turned on loading has its blocks counted from another corner where its sides are no multiples of 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from velatura.detect.region import Region
from velatura.media.frame import Box, Frame, PixelForm, to_stored
from velatura.obfuscation.method import Patch
from velatura.obfuscation.policy import Covering

__all__ = ["aligned", "patches"]

IntBox = tuple[int, int, int, int]
Cells = NDArray[np.bool_]


def patches(frame: Frame, regions: Iterable[Region], covering: Covering) -> Iterator[Patch]:
    """One patch a region that touches the picture, in the order of the regions; each region has its track.

    Patches are made when asked for: 10,000 regions of one frame need no more memory than one.

    Raises:
        BadSpec: `obfuscate.bad-box`.
    """
    for region in regions:
        assert region.track is not None, "a region is obfuscated as part of a track"
        stored = to_stored(covering.grown(region), frame.size, frame.orientation)
        patch = _patch(frame, stored, region.track, covering)
        if patch is not None:
            yield patch


def aligned(box: Box, size: tuple[int, int], block: int) -> IntBox | None:
    """A stored box outwards to whole blocks, clipped to a picture of `size`; None if it lies outside.

    Blocks at the right and bottom border may be cut by it, so that the last row and column always belong to one.
    """
    width, height = size
    x0, y0, x1, y1 = box
    left, top = max(floor(x0 / block), 0) * block, max(floor(y0 / block), 0) * block
    right, bottom = min(ceil(x1 / block) * block, width), min(ceil(y1 / block) * block, height)
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        return None
    return left, top, right, bottom


def _patch(frame: Frame, stored: Box, track: int, covering: Covering) -> Patch | None:
    form = frame.form
    block = max(covering.block, 1 << max(form.shift_x, form.shift_y))
    box = aligned(stored, frame.stored_size, block)
    if box is None:
        return None
    cells = _cells(stored, box, block, ellipse=covering.shape == "ellipse")
    views = tuple(_view(plane, box, form.subsampled(i)) for i, plane in enumerate(frame.planes))
    masks = tuple(_mask(cells, block, form, i, view.shape) for i, view in enumerate(views))
    return Patch(views, masks, form, box, frame.index, track)


def _cells(stored: Box, box: IntBox, block: int, *, ellipse: bool) -> Cells:
    """(rows, columns) of blocks in `box`: True where the region touches the block."""
    x0, y0, x1, y1 = box
    rows, columns = -(-(y1 - y0) // block), -(-(x1 - x0) // block)
    if not ellipse:
        return np.ones((rows, columns), np.bool_)
    across = _distance(x0, columns, block, stored[0], stored[2])
    down = _distance(y0, rows, block, stored[1], stored[3])
    return down[:, None] ** 2 + across[None, :] ** 2 < 1


def _distance(start: int, count: int, block: int, low: float, high: float) -> NDArray[np.float64]:
    """How far each block's nearest edge is from the middle of low..high, in half lengths of it; 0 for the block that holds the middle."""
    middle, half = (low + high) / 2, (high - low) / 2
    edges = start + block * np.arange(count + 1)
    gap = np.maximum(np.maximum(edges[:-1] - middle, middle - edges[1:]), 0.0)
    return np.asarray(gap / half)


def _view(plane: NDArray[np.generic], box: IntBox, shifts: tuple[int, int]) -> NDArray[np.generic]:
    x0, y0, x1, y1 = box
    sx, sy = shifts
    return plane[y0 >> sy : -(-y1 >> sy), x0 >> sx : -(-x1 >> sx)]


def _mask(cells: Cells, block: int, form: PixelForm, index: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    sx, sy = form.subsampled(index)
    if cells.all():
        return np.ones(shape, np.bool_)
    return cells.repeat(block >> sy, 0).repeat(block >> sx, 1)[: shape[0], : shape[1]]
