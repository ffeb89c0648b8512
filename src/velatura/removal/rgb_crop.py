"""A crop of planes as 8-bit RGB, for painters that know nothing else, and back into the planes within a hole only.

Forward is `media.view`, with its matrices; this file holds the inverse. Limit: 8 bits; more are rounded within the hole.
Source: ITU-R BT.601-7, BT.709-6, BT.2020-2 for the matrices and ranges.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import Frame, PixelForm, Plane
from velatura.media.view import InputForm, view
from velatura.removal.planes import Mask, blocks, colours
from velatura.removal.regions import Box, sampled_slices

__all__ = ["put_rgb", "to_rgb"]

Rgb = NDArray[np.uint8]
_LUMA = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}  # the share of red and of blue
_LONGEST = 1 << 20  # no limit: a crop keeps its size


def to_rgb(planes: Sequence[Plane], form: PixelForm, box: Box) -> Rgb:
    """(height, width, 3) of a box; what lies under alpha 0 is black."""
    seen = view(Frame(list(planes), form), InputForm(multiple=1, max_side=_LONGEST), crop=box)
    return np.ascontiguousarray(np.clip(np.rint(seen.x), 0, 255).astype(np.uint8).transpose(1, 2, 0))


def put_rgb(planes: list[Plane], form: PixelForm, box: Box, rgb: Rgb, hole: Mask) -> None:
    """Colours of a crop into the planes where `hole` is, in place.

    Args:
        box: beginning where chroma samples begin (see `grown_box`).
        rgb, hole: of the box, (height, width, 3) and (height, width).
    """
    made = _planes_of(rgb.astype(np.float32), form)
    for index in colours(form):
        mine = blocks(hole, form, index)
        part = planes[index][sampled_slices(box, form, index)]
        samples = np.clip(np.rint(_shrunk(made[index], form, index)), 0, form.peak)
        part[mine] = samples[mine].astype(part.dtype)


def _planes_of(rgb: NDArray[np.float32], form: PixelForm) -> list[NDArray[np.float32]]:
    """At full size, on the scale of the samples."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    gain, full = np.float32(form.peak / 255), np.float32(1 << (form.bits - 8))
    if form.colour == "rgb":
        return [red * gain, green * gain, blue * gain]
    of_red, of_blue = _LUMA[form.matrix if form.colour == "yuv" else "bt601"]
    bright = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    if form.colour == "grey":
        return [bright * gain]
    chroma = gain if form.full_range else np.float32(224 / 255) * full
    middle = 128 * full
    u, v = (blue - bright) / (2 * (1 - of_blue)), (red - bright) / (2 * (1 - of_red))
    luma = bright * gain if form.full_range else (bright * np.float32(219 / 255) + 16) * full
    return [luma, u * chroma + middle, v * chroma + middle]


def _shrunk(plane: NDArray[np.float32], form: PixelForm, index: int) -> NDArray[np.float32]:
    """The mean of the pixels that a sample colours."""
    shift_x, shift_y = form.subsampled(index)
    if not shift_x and not shift_y:
        return plane
    height, width = plane.shape
    even = np.pad(plane, ((0, -height % (1 << shift_y)), (0, -width % (1 << shift_x))), mode="edge")
    return np.asarray(cv2.resize(even, (even.shape[1] >> shift_x, even.shape[0] >> shift_y), interpolation=cv2.INTER_AREA), np.float32)
