"""What a stretch of bytes is, by its first ones: a picture, a clip, text, or so many bytes."""

from __future__ import annotations

from velatura.media.kinds import CLIP, kind_of
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.trace import counted

__all__ = ["describe", "holds_picture", "jpeg_size"]

_CLIPS = {b"ftyp": "a clip", b"moov": "a clip", b"mdat": "a clip"}
_SEARCHED = 4 << 20


def describe(span: Span) -> str:
    """A few words; the content itself is never shown."""
    head = span.some(0, 64)
    size = counted(len(span), "byte")
    kind = kind_of(head.ljust(64, b"\0")) if len(head) >= 8 else CLIP
    if kind == "jpeg":
        return f"a picture (JPEG{jpeg_size(span)}, {size})"
    if kind and kind not in (CLIP, "bmp"):  # two letters are no proof of a BMP
        return f"a picture ({kind.upper()}, {size})"
    if head[4:8] in _CLIPS or head[:4] == b"\x1a\x45\xdf\xa3":
        return f"a clip ({size})"
    return f"{size}, a picture among them" if holds_picture(span) else size


def holds_picture(span: Span) -> bool:
    """A JPEG or PNG begins somewhere in the first four megabytes."""
    return any(span.find(start, within=_SEARCHED) >= 0 for start in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


def jpeg_size(span: Span) -> str:
    """` 160x120` where the frame header can be found, else nothing."""
    at = 2
    try:
        for _ in range(64):
            marker, length = span.read(at, 2), span.number(at + 2, 2)
            if marker[0] != 0xFF or marker[1] in (0xD9, 0xDA):
                return ""
            if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
                return f" {span.number(at + 7, 2)}x{span.number(at + 5, 2)}"
            at += 2 + length
    except Damaged:
        return ""
    return ""
