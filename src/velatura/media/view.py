"""What a network sees of a frame: planes -> float32 (3, height, width), upright, resized, in the network's own channel order and scale.

Made here from the very planes that are published later, never by the decoder's child: a decoder that a hostile file has taken over could
otherwise show the detector an empty street (docs/decisions/0001-views-in-the-parent.md). Each plane is resized by itself to the size of the
view, then one small matrix gives the colours: no full-size RGB picture is ever built.
Source of the matrices: ITU-R BT.601-7, BT.709-6, BT.2020-2 (Kr, Kb), studio range as in BT.601 section 2.5.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import Box, Frame, PixelForm, Plane, to_stored

__all__ = ["InputForm", "View", "grey", "view"]

Floats = NDArray[np.float32]
Crop = tuple[int, int, int, int]

_KR_KB = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


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

    x: Floats
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


def view(frame: Frame, form: InputForm, *, crop: Crop | None = None, zoom: float = 1.0, flip: bool = False) -> View:
    """The input of a network from a frame.

    Args:
        frame: of any form and orientation; where its alpha is 0 it counts as black.
        form: what the network wants.
        crop: (x0, y0, x1, y1) of the upright picture, whole pixels inside of it; None: all of it.
        zoom: enlarges before `max_side` is looked at; ignored where `form.size` is fixed.
        flip: mirror left to right.
    """
    x0, y0, x1, y1 = crop or (0, 0, *frame.size)
    content, padded = _sizes(form, x1 - x0, y1 - y0, zoom)
    planes = _upright(frame, (x0, y0, x1, y1), content)
    if flip:
        planes = [plane[:, ::-1] for plane in planes]
    x = np.zeros((3, padded[1], padded[0]), np.float32)
    _colour(planes, frame.form, form, x[:, : content[1], : content[0]])
    return View(x, content, (float(x0), float(y0)), ((x1 - x0) / content[0], (y1 - y0) / content[1]), flip)


def grey(frame: Frame, width: int) -> NDArray[np.uint8]:
    """A small grey upright picture, `width` wide, for cuts and the camera's motion."""
    w, h = frame.size
    size = (width, max(1, round(h * width / w)))
    first = 1 if frame.form.colour == "rgb" else 0  # green carries most of what grey is
    return _plane(frame, first, (0, 0, w, h), size)


def _sizes(form: InputForm, width: int, height: int, zoom: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """(width, height) of the picture in x, and of x."""
    if form.size:
        return form.size, form.size
    scale = min(zoom, form.max_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    padded = -(-size[0] // form.multiple) * form.multiple, -(-size[1] // form.multiple) * form.multiple
    return (padded if form.fit == "resize" else size), padded


def _upright(frame: Frame, crop: Crop, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    return [_plane(frame, index, crop, size) for index in range(len(frame.planes))]


def _plane(frame: Frame, index: int, crop: Crop, size: tuple[int, int]) -> NDArray[np.uint8]:
    """One plane, cropped, resized to `size`, upright, 8 bits."""
    sx, sy = frame.form.subsampled(index)
    x0, y0, x1, y1 = to_stored(crop, frame.size, frame.orientation)
    part = frame.planes[index][int(y0) >> sy : -(-int(y1) >> sy), int(x0) >> sx : -(-int(x1) >> sx)]
    wanted = size[::-1] if frame.orientation >= 5 else size
    small = _resized(part, wanted)
    if frame.form.bits > 8:
        small = (small >> (frame.form.bits - 8)).astype(np.uint8)
    return _turned(small, frame.orientation)


def _resized(plane: Plane, size: tuple[int, int]) -> Plane:
    height, width = plane.shape
    if (width, height) == size:
        return plane
    smaller = size[0] <= width and size[1] <= height
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))


def _turned(plane: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Stored -> upright (EXIF 2.32, tag 0x0112)."""
    if orientation >= 5:
        plane = plane.T
    across = orientation in (2, 3, 6, 7)
    down = orientation in (3, 4, 7, 8)
    return plane[:: -1 if down else 1, :: -1 if across else 1]


def _colour(planes: list[NDArray[np.uint8]], pixels: PixelForm, form: InputForm, out: Floats) -> None:
    """Fill out (3, height, width): one linear map from planes to channels, mean and scale folded into it."""
    matrix, offset = _to_rgb(pixels)
    for channel, name in enumerate(form.order):
        row = "RGB".index(name)
        gain, shift = form.scale[channel], (offset[row] - form.mean[channel]) * form.scale[channel]
        _blend(planes, [weight * gain for weight in matrix[row]], shift, out[channel])
    if pixels.colour == "yuv":
        # Out of gamut: networks were trained on clipped pictures.
        for channel in range(3):
            low, high = ((edge - form.mean[channel]) * form.scale[channel] for edge in (0.0, 255.0))
            np.clip(out[channel], min(low, high), max(low, high), out=out[channel])
    if pixels.alpha:
        clear = planes[-1] == 0
        for channel in range(3):
            out[channel][clear] = (0.0 - form.mean[channel]) * form.scale[channel]


def _blend(planes: list[NDArray[np.uint8]], weights: list[float], shift: float, out: Floats) -> None:
    used = [(plane, weight) for plane, weight in zip(planes, weights, strict=False) if weight]
    first, weight = used[0]
    np.multiply(first, np.float32(weight), out=out)
    for plane, weight in used[1:]:
        out += plane * np.float32(weight)
    if shift:
        out += np.float32(shift)


def _to_rgb(pixels: PixelForm) -> tuple[list[list[float]], list[float]]:
    """Rows R, G, B over the planes, and an offset; planes and result in 0..255."""
    if pixels.colour == "grey":
        return [[1.0], [1.0], [1.0]], [0.0, 0.0, 0.0]
    if pixels.colour == "rgb":
        return [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [0.0, 0.0, 0.0]
    kr, kb = _KR_KB[pixels.matrix]
    y, c = (1.0, 1.0) if pixels.full_range else (255 / 219, 255 / 224)
    green_v, green_u = -2 * kr * (1 - kr) / (1 - kr - kb), -2 * kb * (1 - kb) / (1 - kr - kb)
    matrix = [[y, 0.0, 2 * (1 - kr) * c], [y, green_u * c, green_v * c], [y, 2 * (1 - kb) * c, 0.0]]
    black = 0.0 if pixels.full_range else 16.0
    return matrix, [-black * y - 128.0 * (row[1] + row[2]) for row in matrix]
