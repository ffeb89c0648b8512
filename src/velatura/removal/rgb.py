"""A part of a picture as RGB of 8 bits for a model of the user's, and what it painted back as planes. Used inside of holes alone.

Source: ITU-R BT.601, BT.709, BT.2020; the same matrices as `media.view`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import Frame, PixelForm, Plane
from velatura.media.view import LUMA, InputForm, view
from velatura.removal.planes import Planes

__all__ = ["from_rgb", "to_rgb"]


def to_rgb(planes: Planes, form: PixelForm) -> NDArray[np.uint8]:
    """(height, width, 3) uint8."""
    seen = view(Frame(list(planes), form), InputForm(multiple=1, max_side=1 << 30)).x
    return np.ascontiguousarray(np.clip(seen + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def from_rgb(picture: NDArray[np.uint8], form: PixelForm, like: Planes) -> list[Plane]:
    """Planes of `form` and of the sizes of `like`; alpha is opaque."""
    unit = form.peak / 255
    red, green, blue = (picture[..., channel].astype(np.float32) for channel in range(3))
    if form.colour == "rgb":
        values = [red * unit, green * unit, blue * unit]
    else:
        of_red, of_blue = LUMA[form.matrix]
        bright = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
        values = [bright * unit] if form.colour == "grey" else _yuv(bright, red, blue, form)
    made = []
    for value, plane in zip(values, like, strict=False):
        if value.shape != plane.shape:
            value = np.asarray(cv2.resize(value, (plane.shape[1], plane.shape[0]), interpolation=cv2.INTER_AREA))
        made.append(np.clip(value + 0.5, 0, form.peak).astype(plane.dtype))
    return [*made, np.full_like(like[-1], form.peak)] if form.alpha else made


def _yuv(bright: NDArray[np.float32], red: NDArray[np.float32], blue: NDArray[np.float32], form: PixelForm) -> list[NDArray[np.float32]]:
    of_red, of_blue = LUMA[form.matrix]
    u, v = (blue - bright) / (2 * (1 - of_blue)), (red - bright) / (2 * (1 - of_red))
    middle = float(1 << (form.bits - 1))
    if form.full_range:
        unit = form.peak / 255
        return [bright * np.float32(unit), u * np.float32(unit) + np.float32(middle), v * np.float32(unit) + np.float32(middle)]
    step = 1 << (form.bits - 8)
    return [
        bright * np.float32(219 / 255 * step) + np.float32(16 * step),
        u * np.float32(224 / 255 * step) + np.float32(middle),
        v * np.float32(224 / 255 * step) + np.float32(middle),
    ]
