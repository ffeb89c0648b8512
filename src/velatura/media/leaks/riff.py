"""Chunks of a WebP picture and of an AVI clip, both RIFF.

Source: Microsoft RIFF; WebP container specification (RFC 9649 section 2); AVI with OpenDML extensions 1.02.
"""

from __future__ import annotations

from collections.abc import Iterator

from velatura.media.leaks.contents import describe
from velatura.media.leaks.h264 import Watch
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.tiff import Cases, exif
from velatura.media.leaks.trace import Trace, counted, four
from velatura.media.leaks.xmp import describe_xmp

__all__ = ["avi_file", "webp_file"]

_WEBP = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_FRAME = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_AVI = frozenset({b"avih", b"strh", b"strf", b"idx1", b"dmlh", b"indx", b"vprp", b"strd"})
_LISTS = frozenset({b"hdrl", b"strl", b"odml", b"rec "})
_STREAMS = {b"auds": ("L30", "sound: voices, spoken names"), b"txts": ("L27", "subtitles"), b"mids": ("L28", "data track (midi)")}
_MOST_CHUNKS = 200_000
_DEEPEST = 6


def _chunks(span: Span, at: int = 0, *, strict: bool = True) -> Iterator[tuple[bytes, Span]]:
    """Chunks one after the other; where not `strict`, the last may be cut."""
    for _ in range(_MOST_CHUNKS):
        if len(span) - at < 8:
            return
        name, size = span.read(at, 4), span.number(at + 4, 4, "little")
        yield name, span.part(at + 8, size) if strict else span.clipped(at + 8, size)
        at += 8 + size + size % 2
    raise Damaged("media.malformed", "the file has more chunks than any honest one")


def webp_file(span: Span, trace: Trace) -> None:
    """All chunks of a WebP. Raises Damaged where it is shorter than it says."""
    size = span.number(4, 4, "little")
    body, frames = span.part(8, size).part(4), 0
    for name, chunk in _chunks(body):
        if name == b"ANMF":
            frames += 1
            with trace.block("L19", "ANMF"):
                _webp_frame(chunk, trace)
        else:
            _webp_chunk(name, chunk, trace)
    if frames > 1:
        trace.tell("L19", "ANMF", counted(frames - 1, "further frame"))
    rest = span.clipped(8 + size + size % 2, len(span))
    if not rest.is_filler():
        trace.tell("L09", "after the end of the picture", describe(rest))


def _webp_frame(chunk: Span, trace: Trace) -> None:
    for name, body in _chunks(chunk, 16):
        if name not in _FRAME:
            trace.tell("L19", f"ANMF/{four(name)}", f"private chunk: {describe(body)}")


def _webp_chunk(name: bytes, chunk: Span, trace: Trace) -> None:
    if name == b"EXIF":
        # Some writers keep JPEG's six bytes before the TIFF header.
        exif(chunk.part(6) if chunk.some(0, 6) == b"Exif\0\0" else chunk, "EXIF", trace, Cases.all("L19"))
    elif name == b"XMP ":
        trace.tell("L19", "XMP", describe_xmp(chunk))
    elif name == b"ICCP":
        trace.tell("L10", "ICCP", "colour profile")
    elif name not in _WEBP:
        trace.tell("L19", four(name), f"private chunk: {describe(chunk)}")


def avi_file(span: Span, trace: Trace) -> None:
    """All chunks of an AVI; one of more than a gigabyte goes on in further RIFF parts. Raises Damaged where it is cut."""
    at, films = 0, 0
    watch = Watch(trace, "video stream")
    while span.some(at, 4) == b"RIFF" and span.some(at + 8, 4) in (b"AVI ", b"AVIX"):
        size = span.number(at + 4, 4, "little")
        films += _avi_list(span.part(at + 8, size).part(4), trace, watch, 0)
        at += 8 + size + size % 2
    if films > 1:
        trace.tell("L29", "streams", counted(films - 1, "further video stream"))
    rest = span.clipped(at, len(span))
    if not rest.is_filler():
        trace.tell("L34", "after the last chunk", describe(rest))


def _avi_list(span: Span, trace: Trace, watch: Watch, depth: int) -> int:
    """Looks through a list and those in it; how many video streams it announces."""
    films = 0
    for name, chunk in _chunks(span):
        if name == b"LIST" and len(chunk) >= 4:
            kind = chunk.read(0, 4)
            if kind == b"INFO":
                trace.tell("L24", "INFO", "title, names, dates or software")
            elif kind == b"movi":
                _movie(chunk.part(4), watch)
            elif kind in _LISTS and depth < _DEEPEST:
                films += _avi_list(chunk.part(4), trace, watch, depth + 1)
            else:
                trace.tell("L34", four(kind), f"private list: {describe(chunk)}")
        elif name == b"strh":
            films += _stream(chunk, trace)
        else:
            _avi_chunk(name, chunk, trace)
    return films


def _stream(chunk: Span, trace: Trace) -> int:
    kind = chunk.read(0, 4)
    if kind == b"vids":
        return 1
    case, what = _STREAMS.get(kind, ("L28", f"data track ({four(kind)})"))
    trace.tell(case, "streams", what)
    return 0


def _avi_chunk(name: bytes, chunk: Span, trace: Trace) -> None:
    if name == b"JUNK":
        if not chunk.is_filler():
            trace.tell("L34", "JUNK", describe(chunk))
    elif name == b"IDIT":
        trace.tell("L24", "IDIT", "date and time")
    elif name == b"strn":
        trace.tell("L33", "strn", "name of a track")
    elif name not in _AVI:
        trace.tell("L34", four(name), f"private chunk: {describe(chunk)}")


def _movie(span: Span, watch: Watch) -> None:
    for name, chunk in _chunks(span, strict=False):
        if watch.enough:
            return
        if name[2:] in (b"dc", b"db"):
            watch.annex_b(chunk)
