"""A frame's planes in another form, so that sealed samples fit a public file whose coder needed another one.

A coder may have repeated the chroma of an odd-sized clip, given a grey clip colour, dropped an alpha plane or cut 16 bits to 8. Here the public
frame goes back to the form of the source. Only what stays public is converted; what was sealed is put back afterwards, bit by bit.
Our writers never convert range or matrix, they tag them: a difference there is a tag that was lost, and the samples stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from velatura.errors import Unsupported
from velatura.media.frame import Frame, PixelForm, Plane

__all__ = ["reform"]


def reform(frame: Frame, form: PixelForm) -> Frame:
    """The frame with planes in `form`; itself if they are already.

    Raises:
        Unsupported: `seal.form`: between RGB and YUV; our writers make no such file.
    """
    if frame.form == form:
        return frame
    colour = frame.planes[: 1 if frame.form.colour == "grey" else 3]
    planes = _colour(colour, frame.form, form, frame.stored_size)
    if form.alpha:
        same = frame.form.alpha
        planes.append(_bits(frame.planes[-1], frame.form.bits, form.bits) if same else np.full_like(planes[0], form.peak))
    return replace(frame, planes=planes, form=form)


def _colour(planes: list[Plane], have: PixelForm, want: PixelForm, size: tuple[int, int]) -> list[Plane]:
    if have.colour == want.colour == "yuv":
        planes = _chroma(planes, have, want, size)
    elif have.colour == "grey" and want.colour == "rgb":
        planes = [planes[0], planes[0].copy(), planes[0].copy()]
    elif want.colour == "grey":
        planes = [planes[1 if have.colour == "rgb" else 0]]
    elif have.colour != want.colour:
        raise _unsupported(have, want)
    return [_bits(plane, have.bits, want.bits, shifted=want.colour == "yuv") for plane in planes]


def _chroma(planes: list[Plane], have: PixelForm, want: PixelForm, size: tuple[int, int]) -> list[Plane]:
    """Repeat or drop chroma samples: dropping undoes repeating."""
    width, height = size
    fine = [plane.repeat(1 << have.shift_y, 0).repeat(1 << have.shift_x, 1)[:height, :width] for plane in planes[1:3]]
    return [planes[0], *(np.ascontiguousarray(plane[:: 1 << want.shift_y, :: 1 << want.shift_x]) for plane in fine)]


def _bits(plane: Plane, have: int, want: int, *, shifted: bool = False) -> Plane:
    """Peak goes to peak; YUV is shifted instead, so that black (16, 64 ...) and neutral chroma (128, 512 ...) stay what they are."""
    if have == want:
        return plane
    wide = plane.astype(np.uint32)
    peaks = ((1 << have) - 1, (1 << want) - 1)
    shift = want - have
    if shifted:
        scaled = wide << shift if shift > 0 else np.minimum((wide + (1 << (-shift - 1))) >> -shift, peaks[1])
    else:
        scaled = (wide * peaks[1] + peaks[0] // 2) // peaks[0]
    return scaled.astype(np.uint8 if want == 8 else np.uint16)


def _unsupported(have: PixelForm, want: PixelForm) -> Unsupported:
    sentence = f"the public file holds {have.colour}, what was sealed is {want.colour}"
    return Unsupported("seal.form", sentence, hint="seal into a format of the source's own kind")
