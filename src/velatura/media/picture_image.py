"""Planes back to a picture that Pillow can write: the mode that an output format takes, and what is given up for it.

A colour under alpha 0 is never written, whatever the planes say: nobody sees it, so nobody would notice what is in it.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from velatura.errors import Unsupported
from velatura.media.frame import Frame, Plane

__all__ = ["to_image"]


def to_image(frame: Frame, *, alpha: bool, deep: bool) -> Image.Image:
    """Mode L, LA, RGB, RGBA or I;16.

    Raises:
        Unsupported: `media.no-encoder` for planes of Y, U, V and for pictures that are not upright.
    """
    form = frame.form
    if form.colour == "yuv" or frame.orientation != 1:
        raise Unsupported("media.no-encoder", "a frame of a clip is not a picture", hint="give the output the name of a clip, e.g. .mp4")
    if form.colour == "grey" and form.bits > 8 and deep and not form.alpha:
        return Image.fromarray(_shifted(frame.planes[0], form.bits, 16))
    planes = [plane if form.bits == 8 else _shifted(plane, form.bits, 8) for plane in frame.planes]
    if form.alpha:
        planes = _over_black(planes) if not alpha else _hidden_cleared(planes)
    bands = [Image.fromarray(np.ascontiguousarray(plane)) for plane in planes]
    return bands[0] if len(bands) == 1 else Image.merge({2: "LA", 3: "RGB", 4: "RGBA"}[len(bands)], bands)


def _shifted(plane: Plane, bits: int, wanted: int) -> Plane:
    if wanted == 16:
        return plane if bits == 16 else plane << (16 - bits)
    return (plane >> (bits - 8)).astype(np.uint8)


def _hidden_cleared(planes: list[Plane]) -> list[Plane]:
    alpha = planes[-1]
    if alpha.all():
        return planes
    return [*(np.where(alpha == 0, np.uint8(0), plane) for plane in planes[:-1]), alpha]


def _over_black(planes: list[Plane]) -> list[Plane]:
    alpha = planes[-1].astype(np.uint16)
    return [((plane * alpha + 127) // 255).astype(np.uint8) for plane in planes[:-1]]
