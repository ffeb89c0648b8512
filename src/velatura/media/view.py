"""What a network sees of a frame: planes -> float32 (3, height, width), upright, resized, in the network's own channel order and scale.

Made here from the very planes that are published later, never by the decoder's child: a decoder that a hostile file has taken over could
otherwise show the detector an empty street (docs/decisions/0001-views-in-the-parent.md). Each plane is resized by itself to the size of the
view, then one small matrix gives the colours: no full-size RGB picture is ever built.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import Box, Frame

__all__ = ["InputForm", "View", "grey", "view"]


@dataclass(frozen=True, slots=True)
class InputForm:
    """What a network wants. x = (sample - mean) * scale, sample in 0..255.

    Attributes:
        order: channel order.
        mean, scale: a value for each channel, in that order.
        size: (width, height) that the picture is stretched to; None: the picture's own size, at most `max_side`.
        multiple: sides are multiples of this ("pad": zeros right and bottom; "resize": stretched up to it).
        fit: how a multiple is reached.
        max_side: pictures larger than this are reduced (the longer side), keeping their aspect.
    """

    order: str = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    size: tuple[int, int] | None = None
    multiple: int = 32
    fit: str = "pad"
    max_side: int = 1920


@dataclass(frozen=True, slots=True)
class View:
    """A network's input and the way back.

    Attributes:
        x: (3, height, width) float32.
        content: (width, height) of the part of x that holds picture; the rest is padding.
        origin, step: a point (u, v) of x lies at origin + (u, v) * step in the upright picture, in pixels.
        flipped: x is mirrored left to right within `content`.
    """

    x: NDArray[np.float32]
    content: tuple[int, int]
    origin: tuple[float, float]
    step: tuple[float, float]
    flipped: bool = False

    def to_picture(self, box: Box) -> Box:
        """A box in pixels of x, in pixels of the upright picture."""
        x0, y0, x1, y1 = box
        if self.flipped:
            x0, x1 = self.content[0] - x1, self.content[0] - x0
        (ox, oy), (sx, sy) = self.origin, self.step
        return (ox + x0 * sx, oy + y0 * sy, ox + x1 * sx, oy + y1 * sy)


def view(frame: Frame, form: InputForm, *, crop: tuple[int, int, int, int] | None = None, zoom: float = 1.0, flip: bool = False) -> View:
    """The input of a network from a frame, or from `crop` of it (upright pixels), enlarged by `zoom` (before `max_side`)."""
    raise NotImplementedError


def grey(frame: Frame, width: int) -> NDArray[np.uint8]:
    """A small grey upright picture, `width` wide, for cuts and the camera's motion."""
    raise NotImplementedError
