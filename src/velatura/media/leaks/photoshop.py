"""Photoshop's image resource blocks, where IPTC captions and thumbnails live.

Source: Adobe Photoshop file formats specification, "Image Resource Blocks"; IPTC IIM 4.2.
"""

from __future__ import annotations

from velatura.media.leaks.contents import jpeg_size
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.tiff import exif
from velatura.media.leaks.trace import Trace
from velatura.media.leaks.xmp import describe_xmp

__all__ = ["photoshop"]

_STRUCTURE = frozenset({0x03ED, 0x03F3, 0x03F5, 0x2710})  # resolution, print flags: nothing of the picture
_MOST = 4_096


def photoshop(body: Span, where: str, trace: Trace) -> None:
    """Blocks one after the other. Raises Damaged where one reaches over the end."""
    at = 0
    for _ in range(_MOST):
        if len(body) - at < 12:
            return
        if body.read(at, 4) not in (b"8BIM", b"8BPS", b"MeSa", b"AgHg", b"PHUT", b"DCSR"):
            raise Damaged("media.malformed", "a Photoshop block is damaged")
        number = body.number(at + 4, 2)
        name = 1 + body.number(at + 6, 1)
        at += 6 + name + name % 2
        size = body.number(at, 4)
        _resource(number, body.part(at + 4, size), where, trace)
        at += 4 + size + size % 2


def _resource(number: int, body: Span, where: str, trace: Trace) -> None:
    if number == 0x0404:
        trace.tell("L06", f"{where} IPTC", "captions, names, places")
    elif number in (0x0409, 0x040C):
        trace.tell("L01", f"{where} Photoshop", f"thumbnail{jpeg_size(body.clipped(28, len(body)))} of the clear picture")
    elif number in (0x0422, 0x0423):
        exif(body, f"{where} Photoshop", trace)
    elif number == 0x0424:
        trace.tell("L05", f"{where} Photoshop", describe_xmp(body))
    elif number == 0x040F:
        trace.tell("L10", f"{where} Photoshop", "colour profile")
    elif number not in _STRUCTURE and not body.is_filler():
        trace.tell("L06", f"{where} Photoshop", f"block 0x{number:04X}")
