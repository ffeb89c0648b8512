"""Chunks of a PNG or APNG, bytes after its end, and bytes after the end of the pixels inside IDAT.

A cropped picture whose editor forgot to shorten the file keeps the old rows behind the new end (aCropalypse, CVE-2023-21036); the same can
hide inside the last IDAT, so the coded pixels are unpacked once, thrown away, and measured.
Source: PNG third edition (W3C 2025) sections 5 and 11.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from velatura.media.leaks.contents import describe
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.tiff import Cases, exif
from velatura.media.leaks.trace import Trace, counted

__all__ = ["png_file"]

_STRUCTURE = frozenset(
    b"IHDR PLTE IDAT IEND cHRM gAMA sRGB sBIT bKGD hIST tRNS pHYs acTL fcTL fdAT cICP mDCV cLLI mDCv cLLi".split(),
)
_TEXT = {b"tEXt": "text", b"zTXt": "compressed text", b"iTXt": "text", b"tIME": "time of the last change", b"sPLT": "suggested palette"}
_KEYWORDS = ("Title", "Author", "Description", "Copyright", "Creation Time", "Software", "Disclaimer", "Warning", "Source", "Comment")
_MOST_CHUNKS = 200_000
_MOST_PIXEL_BYTES = 1 << 30
_STEP = 1 << 20


def png_file(span: Span, trace: Trace) -> None:
    """All chunks of a PNG.

    Raises:
        Damaged: it has no end, or a chunk no name.
    """
    at, coded = 8, []
    frames = drawn = 0
    for name, body in _chunks(span):
        if name == b"IDAT":
            coded.append(body)
        elif name == b"acTL":
            frames = body.number(0, 4)
        elif name == b"fcTL" and not coded:
            drawn = 1
        else:
            _chunk(name, body, trace)
        at = body.end - span.start + 4
    if frames > 1:
        trace.tell("L14", "acTL", counted(frames - 1, "further frame"))
    if frames and not drawn:
        trace.tell("L14", "IDAT", "a default picture outside the animation")
    rest = span.part(at)
    if not rest.is_filler():
        trace.tell("L12", "after the end of the picture", describe(rest))
    _inside_coded(coded, trace)


def _chunks(span: Span) -> Iterator[tuple[bytes, Span]]:
    at = 8
    for _ in range(_MOST_CHUNKS):
        size, name = span.number(at, 4), span.read(at + 4, 4)
        if not name.isalpha():
            raise Damaged("media.malformed", "a chunk has no name")
        body = span.part(at + 8, size)
        span.read(at + 8 + size, 4)
        yield name, body
        if name == b"IEND":
            return
        at += 12 + size
    raise Damaged("media.malformed", "the picture has more chunks than any honest one")


def _chunk(name: bytes, body: Span, trace: Trace) -> None:
    shown = name.decode("ascii")
    if name == b"IEND" and len(body):
        trace.tell("L12", "IEND", describe(body))
    elif name == b"iCCP":
        trace.tell("L10", shown, "colour profile")
    elif name == b"eXIf":
        exif(body, shown, trace, Cases.all("L11"))
    elif name in _TEXT:
        trace.tell("L11", shown, _TEXT[name] + _keyword(name, body))
    elif name not in _STRUCTURE:
        trace.tell("L11", shown, "private chunk" + (" with a picture" if "picture" in describe(body) else ""))


def _keyword(name: bytes, body: Span) -> str:
    """The keyword, where it is one of the standard: others may be anything."""
    if name not in (b"tEXt", b"zTXt", b"iTXt"):
        return ""
    word = body.some(0, 80).partition(b"\0")[0].decode("latin-1")
    if word == "XML:com.adobe.xmp":
        return " (XMP)"
    if word.startswith("Raw profile type"):
        return " (EXIF, IPTC or profile)"
    return f" ({word})" if word in _KEYWORDS else ""


def _inside_coded(coded: list[Span], trace: Trace) -> None:
    """Bytes of the IDAT chunks that come after the end of the stream that they carry."""
    unpack, unpacked, left = zlib.decompressobj(), 0, 0
    for chunk in (part for body in coded for part in body.chunks()):
        if unpack.eof:
            left += len(chunk)
            continue
        rest = chunk
        while rest and not unpack.eof:
            try:
                unpacked += len(unpack.decompress(rest, _STEP))
            except zlib.error as error:
                raise Damaged("media.malformed", "the pixels cannot be unpacked") from error
            if unpacked > _MOST_PIXEL_BYTES:
                raise Damaged("media.too-large", "the picture unpacks to more than the limit allows")
            rest = unpack.unconsumed_tail
        left += len(unpack.unused_data) if unpack.eof else 0
    if left:
        trace.tell("L12", "IDAT", counted(left, "byte") + " after the end of the pixels")
