"""Our planes into a coder's frame: one copy, and on the way what a coder needs otherwise (clip_encoding says when).

Grey gets chroma that says so, and odd 4:2:0 has its chroma repeated.
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from velatura.media.clip_encoding import Encoding
from velatura.media.frame import Frame, PixelForm, Plane

__all__ = ["filled"]


def filled(frame: Frame, encoding: Encoding) -> av.VideoFrame:
    """A new frame for the coder, with `frame`'s samples in the form that `encoding` asks for."""
    width, height = frame.stored_size
    picture = av.VideoFrame(width, height, encoding.pixel_format)
    wanted = encoding.form.shapes(width, height)
    for index, target in enumerate(picture.planes):
        where = _writable(target, encoding.form)
        if index < len(frame.planes):
            where[...] = _repeated(frame.planes[index], frame.form, index, wanted[index])
        else:
            where[...] = encoding.form.black()[index]
    return picture


def _writable(plane: Any, form: PixelForm) -> Plane:
    rows: NDArray[Any] = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows.view(form.dtype)[:, : plane.width]


def _repeated(plane: Plane, form: PixelForm, index: int, shape: tuple[int, int]) -> Plane:
    """The plane, each sample repeated over the pixels that it serves where the coder wants full chroma."""
    if plane.shape == shape:
        return plane
    shift_x, shift_y = form.subsampled(index)
    return plane.repeat(1 << shift_y, axis=0).repeat(1 << shift_x, axis=1)[: shape[0], : shape[1]]
