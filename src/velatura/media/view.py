"""What a network sees of a frame: planes -> float32 (3, height, width), upright, resized, in the network's own channel order and scale.

Made here from the very planes that are published later, never by the decoder's child: a decoder that a hostile file has taken over could
otherwise show the detector an empty street (docs/decisions/0001-views-in-the-parent.md). Each plane is resized by itself to the size of the
view, then one small matrix gives the colours: no full-size RGB picture is ever built. What lies under alpha 0 is black, as in the output.
Limit: chroma is taken to lie in the middle of its block; of an odd side the last sample counts whole: half a pixel at most.
Source: ITU-R BT.601, BT.709, BT.2020 for the matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import Box, Frame, PixelForm, Plane, to_stored, to_upright
from velatura.media.input_form import InputForm

__all__ = ["InputForm", "View", "grey", "view"]

Crop = tuple[int, int, int, int]

_LUMA = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""The share of red and of blue in luma."""


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


def view(frame: Frame, form: InputForm, *, crop: Crop | None = None, zoom: float = 1.0, flip: bool = False) -> View:
    """The input of a network from a frame, or from `crop` of it (upright pixels), enlarged by `zoom` (before `max_side`).

    A crop is cut to the picture, and moved outwards to where chroma samples begin; `origin` says where it came to lie.
    """
    stored = _aligned(crop or (0, 0, *frame.size), frame)
    x0, y0, x1, y1 = to_upright(stored, frame.stored_size, frame.orientation)
    (width, height), padded = _sizes(x1 - x0, y1 - y0, form, zoom)
    planes = _small(frame, stored, (width, height), flip=flip)
    x = np.zeros((3, padded[1], padded[0]), np.float32) if padded != (width, height) else np.empty((3, height, width), np.float32)
    for channel, colour in enumerate(form.order):
        _mix(planes, frame.form, colour, form.mean[channel], form.scale[channel], x[channel, :height, :width])
    return View(x, (width, height), (x0, y0), ((x1 - x0) / width, (y1 - y0) / height), flip)


def grey(frame: Frame, width: int) -> NDArray[np.uint8]:
    """A small grey upright picture, `width` wide, for cuts and the camera's motion."""
    full = frame.size
    height = max(1, round(full[1] * width / full[0]))
    planes = _small(frame, (0, 0, *frame.stored_size), (width, height), flip=False, luma_only=True)
    form = frame.form
    if form.colour == "rgb":
        red, blue = _LUMA["bt601"]
        mixed = red * planes[0].astype(np.float32) + (1 - red - blue) * planes[1] + blue * planes[2]
        return _to_bytes((mixed * (255 / form.peak)).astype(np.float32))
    scale, offset = _luma_scale(form)
    if (scale, offset) == (1.0, 0.0):
        return np.ascontiguousarray(planes[0])
    return _to_bytes(planes[0].astype(np.float32) * scale + offset)


def _to_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _aligned(crop: Crop, frame: Frame) -> Crop:
    """An upright crop in the stored planes, at least a pixel, on the grid of the chroma samples."""
    width, height = frame.size
    x0, y0 = min(max(crop[0], 0), width - 1), min(max(crop[1], 0), height - 1)
    x1, y1 = min(max(crop[2], x0 + 1), width), min(max(crop[3], y0 + 1), height)
    left, top, right, bottom = (int(side) for side in to_stored((x0, y0, x1, y1), frame.size, frame.orientation))
    across, down = (1 << frame.form.shift_x, 1 << frame.form.shift_y)
    full = frame.stored_size
    return (left // across * across, top // down * down, min(-(-right // across) * across, full[0]), min(-(-bottom // down) * down, full[1]))


def _sizes(width: float, height: float, form: InputForm, zoom: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """(width, height) of the picture in x, and of x."""
    if form.size is not None:
        return form.size, form.size
    zoom = min(zoom, form.max_side / max(width, height))
    content = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    up = (-(-content[0] // form.multiple) * form.multiple, -(-content[1] // form.multiple) * form.multiple)
    return (up, up) if form.fit == "resize" else (content, up)


def _small(frame: Frame, crop: Crop, size: tuple[int, int], *, flip: bool, luma_only: bool = False) -> list[Plane]:
    """The planes without alpha, cropped (stored pixels), turned upright, all of `size` (width, height)."""
    form, turned = frame.form, frame.orientation >= 5
    stored = (size[1], size[0]) if turned else size
    hidden = _hidden(frame, crop)
    planes = []
    for index in range(1 if luma_only and form.colour == "yuv" else form.planes - form.alpha):
        sx, sy = form.subsampled(index)
        plane = frame.planes[index][crop[1] >> sy : -(-crop[3] >> sy), crop[0] >> sx : -(-crop[2] >> sx)]
        if hidden is not None:
            plane = np.where(_blocks(hidden, sx, sy), plane.dtype.type(form.black()[index]), plane)
        planes.append(_turned(_resized(plane, stored), frame.orientation, flip=flip))
    return planes


def _resized(plane: Plane, size: tuple[int, int]) -> Plane:
    height, width = plane.shape
    if (width, height) == size:
        return plane
    shrinks = size[0] <= width and size[1] <= height
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


def _turned(plane: Plane, orientation: int, *, flip: bool) -> Plane:
    """Upright from EXIF orientation 1..8, then mirrored: at most a transpose and one flip."""
    if orientation >= 5:
        plane = np.asarray(cv2.transpose(plane))
    mirror = (orientation in (2, 3, 6, 7)) != flip
    over = orientation in (3, 4, 7, 8)
    if not mirror and not over:
        return plane
    return np.asarray(cv2.flip(plane, -1 if mirror and over else 1 if mirror else 0))


def _hidden(frame: Frame, crop: Crop) -> NDArray[np.bool_] | None:
    """Where alpha is 0, if it is anywhere."""
    if not frame.form.alpha:
        return None
    hidden = frame.planes[-1][crop[1] : crop[3], crop[0] : crop[2]] == 0
    return hidden if hidden.any() else None


def _blocks(hidden: NDArray[np.bool_], shift_x: int, shift_y: int) -> NDArray[np.bool_]:
    """For each sample of a subsampled plane, whether all that it colours is hidden."""
    if not shift_x and not shift_y:
        return hidden
    height, width = hidden.shape
    padded = np.pad(hidden, ((0, -height % (1 << shift_y)), (0, -width % (1 << shift_x))), mode="edge")
    return np.asarray(padded.reshape(-(-height >> shift_y), 1 << shift_y, -(-width >> shift_x), 1 << shift_x).all(axis=(1, 3)))


def _luma_scale(form: PixelForm) -> tuple[float, float]:
    """scale, offset: samples of grey, R, G, B or Y to 0..255."""
    if form.colour == "yuv" and not form.full_range:
        return 255 / 219 / (1 << (form.bits - 8)), -16 * 255 / 219
    return 255 / form.peak, 0.0


def _mix(planes: list[Plane], form: PixelForm, colour: str, mean: float, scale: float, out: NDArray[np.float32]) -> None:
    """One channel of x: (sample - mean) * scale, samples cut to 0..255 as every player does."""
    gain, offset = _luma_scale(form)
    if form.colour != "yuv":
        plane = planes["RGB".index(colour) if form.colour == "rgb" else 0]
        cv2.addWeighted(plane, gain * scale, plane, 0, (offset - mean) * scale, dst=out, dtype=cv2.CV_32F)
        return
    offset -= sum(_chroma(form, colour)) * (1 << (form.bits - 1))
    u, v = _chroma(form, colour)
    if colour == "G":
        cv2.addWeighted(planes[1], u * scale, planes[2], v * scale, (offset - mean) * scale, dst=out, dtype=cv2.CV_32F)
        cv2.addWeighted(planes[0], gain * scale, out, 1, 0, dst=out, dtype=cv2.CV_32F)
    else:
        index, share = (1, u) if colour == "B" else (2, v)
        cv2.addWeighted(planes[0], gain * scale, planes[index], share * scale, (offset - mean) * scale, dst=out, dtype=cv2.CV_32F)
    bounds = sorted((-mean * scale, (255 - mean) * scale))
    np.clip(out, bounds[0], bounds[1], out=out)


def _chroma(form: PixelForm, colour: str) -> tuple[float, float]:
    """What U and V add to a colour, for samples of that depth and range."""
    red, blue = _LUMA[form.matrix]
    green = 1 - red - blue
    per_step = 255 / form.peak if form.full_range else 255 / 224 / (1 << (form.bits - 8))
    to_red, to_blue = 2 * (1 - red) * per_step, 2 * (1 - blue) * per_step
    return {"R": (0.0, to_red), "G": (-blue / green * to_blue, -red / green * to_red), "B": (to_blue, 0.0)}[colour]
