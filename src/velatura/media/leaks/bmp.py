"""A BMP: bytes after its end, between header and pixels, and its colour profile.

Source: Microsoft, bitmap header types BITMAPFILEHEADER to BITMAPV5HEADER.
"""

from __future__ import annotations

from velatura.media.leaks.contents import describe
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.trace import Trace

__all__ = ["bmp_file"]

_PROFILES = (b"LINK", b"MBED")  # 'LINK' and 'MBED' as little-endian numbers are stored reversed


def bmp_file(span: Span, trace: Trace) -> None:
    """Headers, gap and tail of a BMP. Raises Damaged where the header is not one."""
    size, pixels, header = span.number(2, 4, "little"), span.number(10, 4, "little"), span.number(14, 4, "little")
    if header < 12 or 14 + header > len(span) or pixels > len(span):
        raise Damaged("media.malformed", "the header is damaged")
    if header >= 124 and span.read(14 + 56, 4)[::-1] in _PROFILES:
        trace.tell("L10", "header", "colour profile")
    if header >= 40:
        _gap(span, header, pixels, trace)
        size = max(min(size, len(span)), pixels + _pixel_bytes(span)) if not span.number(30, 4, "little") else size
    rest = span.clipped(size, len(span)) if size >= pixels else span.clipped(len(span), 0)
    if not rest.is_filler():
        trace.tell("L09", "after the end of the picture", describe(rest))


def _gap(span: Span, header: int, pixels: int, trace: Trace) -> None:
    depth, used = span.number(28, 2, "little"), span.number(46, 4, "little")
    palette = 4 * (min(used, 256) or (1 << depth if depth <= 8 else 0))
    start = 14 + header + palette + (16 if span.number(30, 4, "little") in (3, 6) and header == 40 else 0)
    gap = span.clipped(start, max(0, pixels - start))
    if not gap.is_filler():
        trace.tell("L09", "before the pixels", describe(gap))


def _pixel_bytes(span: Span) -> int:
    """Of an uncompressed picture: rows of whole four bytes."""
    width, height = span.number(18, 4, "little"), span.number(22, 4, "little")
    height = min(height, (1 << 32) - height)  # negative: top row first
    return (width * span.number(28, 2, "little") + 31) // 32 * 4 * height
