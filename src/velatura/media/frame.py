"""A frame: planes as they are stored, and how to read them.

Pictures and clips meet here. A picture is a frame of R, G, B (or grey) planes, already upright; a frame of a clip keeps the decoder's Y, U, V
planes and the turn that a player applies, so that nothing is converted or rotated that need not be. Regions are always in pixels of the
upright picture; `to_stored` and `to_upright` carry boxes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Frame", "PixelForm", "Plane", "to_stored", "to_upright"]

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1), half-open, in pixels."""

Plane = NDArray[Any]
"""(height, width) uint8, or uint16 for more than 8 bits; writable, owned by us (never a mapping that a decoder can still write)."""


@dataclass(frozen=True, slots=True)
class PixelForm:
    """How planes are to be read.

    Attributes:
        colour: "yuv" (planes Y, U, V), "rgb" (R, G, B) or "grey" (one plane).
        bits: significant bits of a sample: 8 in uint8 planes, 9..16 in uint16 planes.
        shift_x, shift_y: log2 of the subsampling of U and V (4:2:0 is 1, 1; 4:4:4, rgb and grey 0, 0).
        full_range: 0..2^bits-1 instead of the studio range 16..235 (yuv only).
        matrix: of yuv.
        alpha: the last plane is alpha, full size, 0 is transparent.
    """

    colour: Literal["yuv", "rgb", "grey"]
    bits: int = 8
    shift_x: int = 0
    shift_y: int = 0
    full_range: bool = True
    matrix: Literal["bt601", "bt709", "bt2020"] = "bt601"
    alpha: bool = False

    @property
    def planes(self) -> int:
        """How many planes a frame of this form has, alpha included."""
        return (1 if self.colour == "grey" else 3) + self.alpha

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def peak(self) -> int:
        """The largest value of a sample."""
        return (1 << self.bits) - 1

    def black(self) -> tuple[int, ...]:
        """The value of black in each plane; alpha opaque."""
        if self.colour == "yuv":
            middle = 1 << (self.bits - 1)
            colour: tuple[int, ...] = (0 if self.full_range else 16 << (self.bits - 8), middle, middle)
        else:
            colour = (0,) * (1 if self.colour == "grey" else 3)
        return (*colour, self.peak) if self.alpha else colour

    def subsampled(self, index: int) -> tuple[int, int]:
        """log2 of the horizontal and vertical subsampling of plane `index`."""
        return (self.shift_x, self.shift_y) if self.colour == "yuv" and index in (1, 2) else (0, 0)

    def shapes(self, width: int, height: int) -> list[tuple[int, int]]:
        """(height, width) of each plane of a stored picture of that size; odd sizes round up."""
        shifts = [self.subsampled(i) for i in range(self.planes)]
        return [(-(-height >> sy), -(-width >> sx)) for sx, sy in shifts]


@dataclass(slots=True)
class Frame:
    """One frame on its way from decoder to encoder; methods overwrite `planes` in place.

    Attributes:
        planes: see `PixelForm`; shapes are those of the *stored* picture.
        form: how to read them.
        orientation: EXIF orientation 1..8 of the stored planes (1: upright as stored; 6: a player turns it 90 degrees clockwise).
        index: 0, 1, 2 ... in presentation order.
        time: seconds since the start, exact.
        duration: seconds it is shown, where known.
        corrupt: the decoder said that part of it is wrong; it must never be passed through.
        shot_starts: it shares nothing with the frame before it (a page of a TIFF); nothing may be tracked across.
    """

    planes: list[Plane]
    form: PixelForm
    orientation: int = 1
    index: int = 0
    time: Fraction = field(default_factory=Fraction)
    duration: Fraction | None = None
    corrupt: bool = False
    shot_starts: bool = False

    @property
    def stored_size(self) -> tuple[int, int]:
        """(width, height) of the planes as stored."""
        height, width = self.planes[0].shape
        return width, height

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        width, height = self.stored_size
        return (height, width) if self.orientation >= 5 else (width, height)

    def blacken(self) -> None:
        """Overwrite all of it with black, opaque."""
        for plane, value in zip(self.planes, self.form.black(), strict=True):
            plane[...] = value


def to_stored(box: Sequence[float], size: tuple[int, int], orientation: int) -> Box:
    """An upright box in the coordinates of the stored planes.

    Args:
        box: in pixels of the upright picture.
        size: (width, height) of the *upright* picture.
        orientation: EXIF orientation 1..8 of the stored planes (EXIF 2.32, tag 0x0112).
    """
    w, h = size
    x0, y0, x1, y1 = box
    return {
        1: (x0, y0, x1, y1),
        2: (w - x1, y0, w - x0, y1),
        3: (w - x1, h - y1, w - x0, h - y0),
        4: (x0, h - y1, x1, h - y0),
        5: (y0, x0, y1, x1),
        6: (y0, w - x1, y1, w - x0),
        7: (h - y1, w - x1, h - y0, w - x0),
        8: (h - y1, x0, h - y0, x1),
    }[orientation]


def to_upright(box: Sequence[float], size: tuple[int, int], orientation: int) -> Box:
    """The reverse of `to_stored`; `size` is that of the *stored* planes, (width, height)."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    return to_stored(box, size, inverse)
