"""Samples of one region as bytes, and back: how a sealed payload is laid out.

    u8 colour | u8 bits | u8 shift_x | u8 shift_y | u8 full range | u8 matrix | u8 alpha | 0 | planes

Planes lie one after the other, rows without gaps; 16-bit samples are little-endian. The length depends on the box and the form alone: nothing is
compressed, so that it says nothing about what is there.
"""

from __future__ import annotations

import struct

import numpy as np

from velatura.errors import BadInput
from velatura.media.frame import Frame, PixelForm, Plane
from velatura.obfuscation.method import Patch

__all__ = ["form_of", "pack", "put_back"]

HEAD = struct.Struct(">8B")
COLOURS = ("yuv", "rgb", "grey")
MATRICES = ("bt601", "bt709", "bt2020")
Box = tuple[int, int, int, int]


def pack(patch: Patch) -> bytes:
    """All samples of the patch's bounding box, with the form that says how to read them."""
    form = patch.form
    head = HEAD.pack(COLOURS.index(form.colour), form.bits, form.shift_x, form.shift_y, form.full_range, MATRICES.index(form.matrix), form.alpha, 0)
    return head + b"".join(np.ascontiguousarray(plane, dtype=_stored(form)).tobytes() for plane in patch.planes)


def form_of(payload: bytes) -> PixelForm:
    """The form of a payload's samples. Raises BadInput `seal.payload`."""
    if len(payload) < HEAD.size:
        raise _malformed()
    colour, bits, shift_x, shift_y, full_range, matrix, alpha, zero = HEAD.unpack_from(payload)
    if colour >= len(COLOURS) or not 8 <= bits <= 16 or max(shift_x, shift_y) > 2 or matrix >= len(MATRICES) or max(full_range, alpha) > 1 or zero:
        raise _malformed()
    return PixelForm(COLOURS[colour], bits, shift_x, shift_y, bool(full_range), MATRICES[matrix], bool(alpha))  # type: ignore[arg-type]


def put_back(frame: Frame, box: Box, payload: bytes) -> None:
    """Overwrite `box` (pixels of the stored picture) with the samples of a payload of the same form.

    Raises:
        BadInput: `seal.payload`: another form, a box outside of the frame, or a length that does not fit.
    """
    width, height = frame.stored_size
    x0, y0, x1, y1 = box
    if form_of(payload) != frame.form or not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise _malformed()
    views = [_view(plane, box, frame.form.subsampled(i)) for i, plane in enumerate(frame.planes)]
    stored = _stored(frame.form)
    if len(payload) != HEAD.size + sum(view.size for view in views) * stored.itemsize:
        raise _malformed()
    offset = HEAD.size
    for view in views:
        view[...] = np.frombuffer(payload, stored, view.size, offset).reshape(view.shape)
        offset += view.size * stored.itemsize


def _view(plane: Plane, box: Box, shifts: tuple[int, int]) -> Plane:
    """The part of a plane that a box covers: outwards to whole chroma samples."""
    x0, y0, x1, y1 = box
    sx, sy = shifts
    return plane[y0 >> sy : -(-y1 >> sy), x0 >> sx : -(-x1 >> sx)]


def _stored(form: PixelForm) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    return np.dtype("u1") if form.bits == 8 else np.dtype("<u2")


def _malformed() -> BadInput:
    return BadInput("seal.payload", "what was sealed does not fit the frame that it was taken from", hint="it was sealed by another version")
