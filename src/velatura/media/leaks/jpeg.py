"""Segments of a JPEG file, and what follows its end.

Walks from marker to marker; coded data are skipped by searching for the next marker. What hides inside the coded pixels themselves is not seen.
Source: ITU-T T.81 annex B; JFIF 1.02; CIPA DC-007 (MPF); XMP specification part 3 section 1.1.3.
"""

from __future__ import annotations

from collections.abc import Callable

from velatura.media.leaks.contents import describe
from velatura.media.leaks.photoshop import photoshop
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.tiff import Tree, exif
from velatura.media.leaks.trace import Trace, counted
from velatura.media.leaks.xmp import describe_xmp

__all__ = ["jpeg_file"]

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"


def jpeg_file(span: Span, trace: Trace) -> None:
    """All segments of a JPEG.

    Raises:
        Damaged: `media.truncated`: it has no end.
    """
    at = 2
    while True:
        at, stray = _next_marker(span, at)
        if stray:
            trace.tell("L09", "between segments", counted(stray, "byte"))
        marker = span.number(at + 1, 1)
        if marker == _EOI:
            break
        at += 2
        if marker in _ALONE or marker == _SOI:
            continue
        length = span.number(at, 2)
        if length < 2:
            raise Damaged("media.malformed", "a segment is shorter than its own length")
        _segment(marker, span.part(at + 2, length - 2), trace)
        at += length
        if marker == _SOS:
            at = _after_coded(span, at)
    rest = span.part(at + 2)
    if not rest.is_filler():
        trace.tell("L09", "after the end of the picture", describe(rest))


def _next_marker(span: Span, at: int) -> tuple[int, int]:
    """Where the next marker stands, past fill bytes, and how many bytes before it belong to nothing."""
    stray, begin = 0, at
    if span.read(at, 1) != b"\xff":
        at = span.find(b"\xff", at)
        if at < 0:
            raise Damaged("media.truncated", "the picture has no end")
        stray = at - begin
    while (code := span.read(at, 2))[1] == 0xFF:
        at += 1
    return (at, stray) if code[1] else (_after_coded(span, at), stray + 2)


def _after_coded(span: Span, at: int) -> int:
    """The first marker after coded data: FF followed by neither 00 nor a restart marker."""
    pending = False
    for chunk in span.chunks(at):
        if pending and _is_marker(chunk[0]):
            return at - 1
        found = chunk.find(b"\xff")
        while 0 <= found < len(chunk) - 1:
            if _is_marker(chunk[found + 1]):
                return at + found
            found = chunk.find(b"\xff", found + 1)
        pending = chunk.endswith(b"\xff")
        at += len(chunk)
    raise Damaged("media.truncated", "the picture has no end")


def _is_marker(code: int) -> bool:
    return code not in (0x00, 0xFF) and not 0xD0 <= code <= 0xD7


def _segment(marker: int, body: Span, trace: Trace) -> None:
    if marker == _COM and not body.is_filler():
        trace.tell("L07", "COM", "comment")
    if not 0xE0 <= marker <= 0xEF:
        return
    name = f"APP{marker - 0xE0}"
    head = body.some(0, 40)
    for start, read in _KNOWN.get(name, {}).items():
        if head.startswith(start):
            with trace.block("L03", name):
                read(body.part(len(start)), name, trace)
            return
    if not body.is_filler():
        trace.tell("L02", name, "a vendor's own segment" + (", a picture in it" if "picture" in describe(body) else ""))


def _jfif(body: Span, name: str, trace: Trace) -> None:
    if len(body) >= 9 and body.number(7, 1) * body.number(8, 1):
        trace.tell("L01", f"{name} JFIF", f"thumbnail {body.number(7, 1)}x{body.number(8, 1)} of the clear picture")
    elif len(body) > 9 and not body.part(9).is_filler():
        trace.tell("L02", f"{name} JFIF", counted(len(body) - 9, "byte") + " after the header")


def _jfxx(body: Span, name: str, trace: Trace) -> None:
    trace.tell("L01", f"{name} JFXX", "thumbnail of the clear picture")


def _exif(body: Span, name: str, trace: Trace) -> None:
    exif(body, name, trace)


def _xmp(body: Span, name: str, trace: Trace) -> None:
    trace.tell("L05", name, describe_xmp(body))


def _more_xmp(body: Span, name: str, trace: Trace) -> None:
    trace.tell("L08", f"{name} extended", describe_xmp(body))


def _mpf(body: Span, name: str, trace: Trace) -> None:
    tree = Tree(body)
    entries, _ = tree.directory(tree.root)
    pictures = next((tree.first(entry) for entry in entries if entry.tag == 0xB001), 0)
    if pictures > 1:
        trace.tell("L04", f"{name} MPF", counted(pictures - 1, "further picture") + " in the file")


def _profile(body: Span, name: str, trace: Trace) -> None:
    trace.tell("L10", f"{name} ICC", "colour profile")


def _flashpix(body: Span, name: str, trace: Trace) -> None:
    trace.tell("L02", f"{name} FlashPix", "a vendor's own segment")


def _credentials(body: Span, name: str, trace: Trace) -> None:
    trace.tell("L08", f"{name} JUMBF", "content credentials: who made and edited it")


def _adobe(body: Span, name: str, trace: Trace) -> None:
    if len(body) > 7:
        trace.tell("L02", name, counted(len(body) - 7, "byte") + " after the header")


_KNOWN: dict[str, dict[bytes, Callable[[Span, str, Trace], None]]] = {
    "APP0": {b"JFIF\0": _jfif, b"JFXX\0": _jfxx},
    "APP1": {b"Exif\0": lambda body, name, trace: _exif(body.part(1), name, trace), _XMP: _xmp, _MORE_XMP: _more_xmp},
    "APP2": {b"MPF\0": _mpf, b"ICC_PROFILE\0": _profile, b"FPXR\0": _flashpix},
    "APP11": {b"JP": _credentials},
    "APP13": {b"Photoshop 3.0\0": photoshop},
    "APP14": {b"Adobe": _adobe},
}
