"""FFmpeg's names of pixel formats, and the forms that we keep.

Planar Y, U, V at 4:2:0, 4:2:2 and 4:4:4 with 8, 10 or 12 bits, and grey, pass as they are; everything else is converted once, in the decoder's
child, to the nearest of them: without loss where one exists (nv12 is 4:2:0 in another order), else to 4:4:4. Red, green and blue of even size
become 4:2:0, the one sampling that every player shows.
Source: libavutil/pixdesc.c for the names; ITU-T H.273 table 4 for the numbers of matrices.
"""

from __future__ import annotations

import re
from typing import Literal

from velatura.media.frame import PixelForm

__all__ = ["form_of", "kept_as", "matrix_of", "name_of"]

Matrix = Literal["bt601", "bt709", "bt2020"]

_YUV = re.compile(r"yuv(a?)(j?)(420|422|444)p(?:(10|12)le)?")
_GREY = re.compile(r"gray(?:(10|12)le)?")
_SHIFTS = {"420": (1, 1), "422": (1, 0), "444": (0, 0)}
_SAMPLING = {shifts: name for name, shifts in _SHIFTS.items()}

# The same samples in another order: nothing is lost.
_REORDERED = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "nv42": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "p010le": "yuv420p10le",
    "p012le": "yuv420p12le",
    "p210le": "yuv422p10le",
    "p410le": "yuv444p10le",
}


def form_of(name: str, *, full_range: bool, matrix: Matrix) -> PixelForm | None:
    """The form of a format that passes as it is (alpha stated where it has one), else None."""
    if grey := _GREY.fullmatch(name):
        return PixelForm("grey", bits=int(grey[1] or 8))
    yuv = _YUV.fullmatch(name)
    if not yuv:
        return None
    shift_x, shift_y = _SHIFTS[yuv[3]]
    return PixelForm("yuv", int(yuv[4] or 8), shift_x, shift_y, full_range=full_range or bool(yuv[2]), matrix=matrix, alpha=bool(yuv[1]))


def name_of(form: PixelForm) -> str | None:
    """FFmpeg's name of a form without alpha, or None (rgb, a depth or a subsampling that no format has)."""
    depth = {8: "", 10: "10le", 12: "12le"}.get(form.bits)
    if depth is None or form.alpha:
        return None
    if form.colour == "grey":
        return f"gray{depth}"
    sampling = _SAMPLING.get((form.shift_x, form.shift_y))
    return f"yuv{sampling}p{depth}" if form.colour == "yuv" and sampling else None


def kept_as(name: str, *, bits: int, alpha: bool, even: bool) -> str:
    """The format that frames of format `name` are handed over in.

    Args:
        bits: of its deepest sample.
        alpha: it has transparency, or may have (a palette).
        even: both sides are even.
    """
    if form_of(name, full_range=False, matrix="bt601"):
        return name
    if name in _REORDERED:
        return _REORDERED[name]
    depth = "" if bits <= 8 else "10le" if bits <= 10 else "12le"
    rgb = not name.startswith(("yuv", "ayuv", "vuy", "xv", "y2"))
    return f"yuv{'a' if alpha else ''}{'420' if rgb and even else '444'}p{depth}"


def matrix_of(number: int, height: int) -> Matrix:
    """The matrix of H.273 number; where it is unstated or unknown to us, what players assume: BT.709 from 720 rows on."""
    if number in (9, 10):
        return "bt2020"
    if number == 1:
        return "bt709"
    if number in (4, 5, 6):
        return "bt601"
    return "bt709" if height >= 720 else "bt601"
