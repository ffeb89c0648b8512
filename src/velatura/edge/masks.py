"""Privacy masks burned into the planes of a frame before anything else looks at them.

A masked polygon is grown to whole chroma samples and by 2 pixels more, for a scaler's taps reach beyond the pixel that they make. What two pictures
show under a mask can then make no difference to anything that comes after: they are the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
from numpy.typing import NDArray

from velatura.edge.geometry import Point
from velatura.edge.policy import Mask
from velatura.errors import BadInput
from velatura.media.clip_planes import colours_of, planes_of
from velatura.media.frame import PixelForm, Plane

__all__ = ["GROW_PX", "Masks"]

GROW_PX = 2
Bools = NDArray[np.bool_]


class Masks:
    """Of one camera; what a size needs is drawn once.

    Attributes:
        share: of the picture that was masked last.
    """

    def __init__(self, masks: Sequence[Mask]) -> None:
        self._polygons = [mask.polygon for mask in masks]
        self._drawn: dict[tuple[tuple[int, int], int, int], list[Bools]] = {}
        self._shares: dict[tuple[tuple[int, int], int, int], float] = {}
        self.share = 0.0

    def burn(self, planes: Sequence[Plane], form: PixelForm) -> None:
        """Blacken what is masked. Args: planes: writable, as `form` says, of a picture that stands upright."""
        if not self._polygons:
            return
        size = planes[0].shape[1], planes[0].shape[0]
        key = size, form.shift_x, form.shift_y
        if key not in self._drawn:
            self._drawn[key] = _drawn(self._polygons, size, form)
            self._shares[key] = float(self._drawn[key][0].mean())
        self.share = self._shares[key]
        for index, plane in enumerate(planes[: form.planes - form.alpha]):
            sx, sy = form.subsampled(index)
            plane[self._drawn[key][1 if (sx, sy) != (0, 0) else 0]] = form.black()[index]

    def burn_frame(self, frame: av.VideoFrame) -> None:
        """Of a copy: what the decoder keeps, later frames are made from. Raises BadInput `edge.masks`: its planes cannot be drawn into."""
        if not self._polygons:
            return
        frame.make_writable()
        colours = colours_of(frame, "")
        if colours.converted:
            raise BadInput("edge.masks", f"privacy masks cannot be drawn into {frame.format.name}")
        self.burn(planes_of(frame, colours), colours.form)


def _drawn(polygons: Sequence[Sequence[Point]], size: tuple[int, int], form: PixelForm) -> list[Bools]:
    """(height, width) of luma, and of chroma."""
    width, height = size
    step_x, step_y = 1 << form.shift_x, 1 << form.shift_y
    across, down = -(-width // step_x), -(-height // step_y)
    full = np.zeros((down * step_y, across * step_x), np.bool_)
    for polygon in polygons:
        full |= _touched(polygon, size, full.shape)
    small = np.asarray(_grown(full, GROW_PX).reshape(down, step_y, across, step_x).any(axis=(1, 3)))
    return [np.ascontiguousarray(small.repeat(step_y, axis=0).repeat(step_x, axis=1)[:height, :width]), small]


def _touched(polygon: Sequence[Point], size: tuple[int, int], shape: tuple[int, int]) -> Bools:
    """Every pixel of which a polygon takes some: its edges' pixels, and in each row what lies between them (even-odd, at the pixels' middles)."""
    touched = np.zeros(shape, np.bool_)
    corners = [(x * size[0], y * size[1]) for x, y in polygon]
    middles = np.arange(shape[1]) + 0.5
    edges = list(zip(corners, [*corners[1:], corners[0]], strict=True))
    for row in range(shape[0]):
        y = row + 0.5
        crossed = sorted(x0 + (y - y0) * (x1 - x0) / (y1 - y0) for (x0, y0), (x1, y1) in edges if (y0 > y) != (y1 > y))
        for left, right in zip(crossed[::2], crossed[1::2], strict=True):
            touched[row] |= (middles >= left) & (middles <= right)
    for (x0, y0), (x1, y1) in edges:
        count = 2 * int(max(abs(x1 - x0), abs(y1 - y0))) + 2
        along = np.linspace((x0, y0), (x1, y1), count).astype(np.intp)
        touched[np.clip(along[:, 1], 0, shape[0] - 1), np.clip(along[:, 0], 0, shape[1] - 1)] = True
    return touched


def _grown(mask: Bools, by: int) -> Bools:
    """With so many pixels around it, diagonals too."""
    for axis in (0, 1):
        padded = np.pad(mask, [(by, by) if axis == one else (0, 0) for one in (0, 1)])
        mask = np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * by + 1, axis=axis).any(axis=-1))
    return mask
