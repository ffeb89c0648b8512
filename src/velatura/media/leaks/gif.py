"""Blocks of a GIF: further frames, comments, application blocks, bytes after the end, pixels outside the canvas.

Source: GIF89a specification; the NETSCAPE2.0 and XMP application blocks as browsers and Adobe write them.
"""

from __future__ import annotations

from velatura.media.leaks.contents import describe
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.trace import Trace, counted

__all__ = ["gif_file"]

_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
_MOST_BLOCKS = 200_000


def gif_file(span: Span, trace: Trace) -> None:
    """All blocks of a GIF.

    Raises:
        Damaged: it has no end, or a block that does not exist.
    """
    canvas = span.number(6, 2, "little"), span.number(8, 2, "little")
    at, frames = 13 + _table(span.number(10, 1)), 0
    for _ in range(_MOST_BLOCKS):
        kind = span.number(at, 1)
        if kind == 0x3B:
            break
        if kind == 0x2C:
            frames += 1
            _placed(span.part(at + 1, 8), canvas, trace)
            at = _past(span, at + 11 + _table(span.number(at + 9, 1)))
        elif kind == 0x21:
            at = _extension(span, at + 1, trace)
        else:
            raise Damaged("media.malformed", "the picture has a block that does not exist")
    else:
        raise Damaged("media.malformed", "the picture has more blocks than any honest one")
    if frames > 1:
        trace.tell("L15", "images", counted(frames - 1, "further frame"))
    rest = span.part(at + 1)
    if not rest.is_filler():
        trace.tell("L09", "after the end of the picture", describe(rest))


def _table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _placed(box: Span, canvas: tuple[int, int], trace: Trace) -> None:
    x, y, width, height = (box.number(at, 2, "little") for at in (0, 2, 4, 6))
    if canvas[0] and canvas[1] and (x + width > canvas[0] or y + height > canvas[1]):
        trace.tell("L15", "images", "a frame reaches over the canvas: pixels that are not shown")


def _past(span: Span, at: int) -> int:
    """The place after a chain of sub-blocks."""
    while size := span.number(at, 1):
        at += 1 + size
    return at + 1


def _extension(span: Span, at: int, trace: Trace) -> int:
    label = span.number(at, 1)
    end = _past(span, at + 1)
    if label == 0xFE and end > at + 2:
        trace.tell("L07", "comment", "comment")
    elif label == 0x01:
        trace.tell("L07", "plain text", "text")
    elif label == 0xFF:
        _application(span.read(at + 2, 11), end - (at + 2 + 11), trace)
    elif label != 0xF9:
        trace.tell("L07", f"block 0x{label:02X}", "a block that is not in the standard")
    return end


def _application(name: bytes, size: int, trace: Trace) -> None:
    if name in _LOOPS and size <= 12:
        return
    if name == b"XMP DataXMP":
        trace.tell("L05", "application block", "XMP")
    elif name == b"ICCRGBG1012":
        trace.tell("L10", "application block", "colour profile")
    else:
        trace.tell("L07", "application block", counted(max(size, 0), "byte") + " of a program's own")
