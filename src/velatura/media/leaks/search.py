"""Which reader looks at a file: by content, never by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from velatura.errors import BadInput, Unsupported
from velatura.media.kinds import CLIP, kind_of, refused_as
from velatura.media.leaks.bmff import bmff_file
from velatura.media.leaks.bmp import bmp_file
from velatura.media.leaks.gif import gif_file
from velatura.media.leaks.jpeg import jpeg_file
from velatura.media.leaks.matroska import matroska_file
from velatura.media.leaks.netpbm import netpbm_file
from velatura.media.leaks.png import png_file
from velatura.media.leaks.riff import avi_file, webp_file
from velatura.media.leaks.span import Span, whole
from velatura.media.leaks.tiff import tiff_file
from velatura.media.leaks.trace import Trace
from velatura.media.leaks.transport import annex_b_file, transport_file

__all__ = ["search"]

_PICTURES: dict[str, Callable[[Span, Trace], None]] = {
    "jpeg": jpeg_file,
    "png": png_file,
    "gif": gif_file,
    "webp": webp_file,
    "tiff": tiff_file,
    "bmp": bmp_file,
    "netpbm": netpbm_file,
}
_TOP_BOXES = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"))


def search(file: BinaryIO, size: int, trace: Trace) -> str:
    """Tell `trace` what the file gives away beside its pixels; the kind of the file, as `velatura.media.kinds` names it.

    Raises:
        BadInput: `media.empty`, `media.truncated`, `media.malformed`, `media.too-large`.
        Unsupported: `media.unknown-type`, `media.unsupported`: a container whose insides are not read here.
    """
    if not size:
        raise BadInput("media.empty", "the file is empty")
    span = whole(file, size)
    head = span.some(0, 512)
    kind = kind_of(head)
    if not kind:
        raise Unsupported("media.unknown-type", f"is {refused_as(head)}, neither picture nor clip")
    if kind in _PICTURES:
        _PICTURES[kind](span, trace)
    elif kind != CLIP or head[4:8] in _TOP_BOXES:
        bmff_file(span, trace, kind)
    else:
        _clip(span, head, trace)
    return kind


def _clip(span: Span, head: bytes, trace: Trace) -> None:
    if head[:4] == b"\x1a\x45\xdf\xa3":
        matroska_file(span, trace)
    elif head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        avi_file(span, trace)
    elif head[:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G":
        transport_file(span, trace)
    elif head[:4] == b"\0\0\0\1" or head[:3] == b"\0\0\1":
        annex_b_file(span, head, trace)
    else:
        raise Unsupported("media.unsupported", "is no container whose insides are read here")
