"""Elements of Matroska and WebM: attachments, tags, chapters, further tracks, what hides in Void and after the end.

Source: RFC 9559 (Matroska), RFC 8794 (EBML).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from velatura.errors import BadInput
from velatura.media.leaks.contents import describe
from velatura.media.leaks.h264 import Watch
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.trace import Trace, counted

__all__ = ["matroska_file"]

_EBML, _SEGMENT, _CLUSTER, _VOID, _CRC = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xEC, 0xBF
_INFO, _TRACKS, _CHAPTERS, _TAGS, _ATTACHMENTS, _SEEK, _CUES = 0x1549A966, 0x1654AE6B, 0x1043A770, 0x1254C367, 0x1941A469, 0x114D9B74, 0x1C53BB6B
_TOP = frozenset((_INFO, _TRACKS, _CHAPTERS, _TAGS, _ATTACHMENTS, _SEEK, _CUES, _CLUSTER))
_INFO_TOLD = {
    0x7BA9: ("L24", "a title"),
    0x4461: ("L24", "date and time of the recording"),
    0x73A4: ("L24", "identity of the file"),
    0x7384: ("L24", "name of a file"),
    0x3CB923: ("L24", "identity of a file"),
    0x3EB923: ("L24", "identity of a file"),
    0x3C83AB: ("L24", "name of a file"),
    0x3E83BB: ("L24", "name of a file"),
    0x4444: ("L24", "identity of a family of files"),
}
_PROGRAMS = (0x4D80, 0x5741)
_PLAIN_PROGRAMS = (b"", b"Lavf")  # what a writer that is asked to be exact leaves
_KINDS = {
    2: ("L30", "sound: voices, spoken names"),
    17: ("L27", "subtitles"),
    18: ("L28", "buttons"),
    32: ("L28", "control data"),
    33: ("L28", "timed metadata"),
}
_COUNTS = frozenset((b"DURATION", b"BPS", b"NUMBER_OF_FRAMES", b"NUMBER_OF_BYTES", b"_STATISTICS_TAGS"))
_MOST_ELEMENTS = 2_000_000
_BLOCKS = frozenset((0xA3, 0xA0))


@dataclass(frozen=True, slots=True)
class _Element:
    name: int
    body: Span
    open: bool = False  # its size is unknown: it ends where its parent's next child begins


@dataclass(frozen=True, slots=True)
class _Film:
    """The first video track: its number, codec, bytes of a unit's length, and the decoder's configuration."""

    number: int
    codec: bytes
    size: int
    configuration: Span | None


def matroska_file(span: Span, trace: Trace) -> None:
    """All elements of a file.

    Raises:
        Damaged: the segment is cut, or there is none.
    """
    at, segments = 0, 0
    while at < len(span):
        rest = span.part(at)
        if rest.is_filler():
            break
        try:
            element = next(_elements(rest))
        except Damaged:
            if not segments:
                raise
            trace.tell("L34", "after the last element", describe(rest))
            return
        if element.name == _SEGMENT:
            segments += 1
            _segment(element.body, trace)
        elif element.name != _EBML and not (element.name in (_VOID, _CRC) and element.body.is_filler()):
            trace.tell("L34", "after the last element" if segments else "before the segment", describe(rest))
            if segments:
                return
        at = element.body.end - span.start
    if not segments:
        raise Damaged("media.malformed", "there is no segment in the file")


def _elements(span: Span) -> Iterator[_Element]:
    """Children one after the other.

    Raises:
        Damaged: one reaches over the end or has no name.
    """
    at = 0
    for _ in range(_MOST_ELEMENTS):
        if at >= len(span):
            return
        head = span.some(at, 12)
        name, after = _number(head, 0, keep=True)
        size, after = _number(head, after, keep=False)
        if name is None:
            raise Damaged("media.malformed", "an element has no name")
        at += after
        yield _Element(name, span.part(at, size), size is None)
        at += size or 0  # an open one: its children follow as if they were its siblings
    raise BadInput("media.too-large", "the file has more elements than any honest one")


def _number(raw: bytes, at: int, *, keep: bool) -> tuple[int | None, int]:
    """A variable-length number and the place after it; None where all its bits are set. `keep` the length marker: names have it."""
    length = 9 - raw[at].bit_length() if at < len(raw) and raw[at] else 9
    if at + length > len(raw) or (keep and length > 4):
        raise Damaged("media.malformed", "an element is damaged")
    value = int.from_bytes(raw[at : at + length], "big")
    plain = value & ((1 << 7 * length) - 1)
    return (None if plain == (1 << 7 * length) - 1 else value if keep else plain), at + length


def _segment(span: Span, trace: Trace) -> None:
    film: _Film | None = None
    watch: Watch | None = None
    for element in _elements(span):
        if element.name == _TRACKS:
            film = _tracks(element.body, trace)
            watch = _watch(film, trace) if film else None
        elif element.name == _CLUSTER or element.name in _BLOCKS:
            if film and watch and not watch.enough:
                with trace.block("L31", "clusters"):
                    _cluster(element, film, watch)
        else:
            with trace.block("L34", f"element 0x{element.name:X}"):
                _beside(element, trace)


def _watch(film: _Film, trace: Trace) -> Watch | None:
    if film.codec not in (b"V_MPEG4/ISO/AVC", b"V_MPEGH/ISO/HEVC"):
        return None
    hevc = b"HEVC" in film.codec
    watch = Watch(trace, f"track {film.number}", "hevc" if hevc else "h264")
    if hevc and film.configuration is not None:
        with trace.block("L31", f"track {film.number}"):
            watch.configured(film.configuration)
    return watch


def _beside(element: _Element, trace: Trace) -> None:
    if element.name == _INFO:
        _info(element.body, trace)
    elif element.name == _ATTACHMENTS:
        _attachments(element.body, trace)
    elif element.name == _CHAPTERS:
        trace.tell("L33", "Chapters", "chapters")
    elif element.name == _TAGS:
        _tags(element.body, trace)
    elif element.name == _VOID:
        if not element.body.is_filler():
            trace.tell("L34", "Void", describe(element.body))
    elif element.name not in _TOP and element.name not in _INSIDE_CLUSTER:
        trace.tell("L34", f"element 0x{element.name:X}", f"private element: {describe(element.body)}")


_INSIDE_CLUSTER = frozenset((_CRC, 0xE7, 0xA7, 0xAB, 0x5854))


def _info(body: Span, trace: Trace) -> None:
    for element in _elements(body):
        if element.name in _INFO_TOLD:
            trace.tell(_INFO_TOLD[element.name][0], "Info", _INFO_TOLD[element.name][1])
        elif element.name in _PROGRAMS and element.body.some(0, 64).strip(b"\0") not in _PLAIN_PROGRAMS:
            trace.tell("L24", "Info", "programs that wrote the file")
        elif element.name == _VOID and not element.body.is_filler():
            trace.tell("L34", "Info/Void", describe(element.body))


def _attachments(body: Span, trace: Trace) -> None:
    for element in _elements(body):
        if element.name != 0x61A7:
            continue
        held = next((part.body for part in _elements(element.body) if part.name == 0x465C), None)
        what = describe(held) if held is not None else "nothing in it"
        trace.tell("L25" if "picture" in what else "L26", "Attachments", f"attachment: {what}")
        if "picture" in what:
            trace.tell("L26", "Attachments", f"attachment: {what}")


def _tags(body: Span, trace: Trace) -> None:
    for tag in (element for element in _elements(body) if element.name == 0x7373):
        for simple in (part for part in _elements(tag.body) if part.name == 0x67C8):
            name = next((part.body.some(0, 64).strip(b"\0") for part in _elements(simple.body) if part.name == 0x45A3), b"")
            if name.upper() not in _COUNTS:
                what = {b"ENCODER": "encoder", b"TITLE": "a title", b"LOCATION": "place of the recording"}.get(
                    name.upper(), "names, dates or comments"
                )
                trace.tell("L24", "Tags", what)


def _tracks(body: Span, trace: Trace) -> _Film | None:
    film: _Film | None = None
    films = 0
    for entry in (element for element in _elements(body) if element.name == 0xAE):
        parts = {part.name: part.body for part in _elements(entry.body)}
        number, kind = (_value(parts.get(name)) for name in (0xD7, 0x83))
        if 0x536E in parts and not parts[0x536E].is_filler():
            trace.tell("L33", f"track {number}", "name of a track")
        if kind == 1:
            films += 1
            film = film or _film(number, parts)
        else:
            trace.tell(*_on_track(_KINDS.get(kind, ("L28", "data track")), number))
    if films > 1:
        trace.tell("L29", "Tracks", counted(films - 1, "further video stream"))
    return film


def _on_track(told: tuple[str, str], number: int) -> tuple[str, str, str]:
    return told[0], f"track {number}", told[1]


def _value(body: Span | None) -> int:
    return 0 if body is None else int.from_bytes(body.some(0, 8), "big")


def _film(number: int, parts: dict[int, Span]) -> _Film:
    codec = parts[0x86].some(0, 40).strip(b"\0") if 0x86 in parts else b""
    private = parts.get(0x63A2)
    at = 4 if b"AVC" in codec else 21
    size = 1 + (private.number(at, 1) & 3) if private is not None and len(private) > at else 4
    return _Film(number, codec, size, private)


def _cluster(element: _Element, film: _Film, watch: Watch) -> None:
    """Packets of the film in a cluster, or in a block that an open cluster has left among its siblings."""
    if element.open:
        return  # its children come next
    for part in iter((element,)) if element.name in _BLOCKS else _elements(element.body):
        blocks = [inside for inside in _elements(part.body) if inside.name == 0xA1] if part.name == 0xA0 else [part]
        for block in blocks:
            if block.name in (0xA3, 0xA1) and not watch.enough:
                _block(block.body, film, watch)


def _block(body: Span, film: _Film, watch: Watch) -> None:
    number, at = _number(body.some(0, 8), 0, keep=False)
    laced = body.number(at + 2, 1) & 6
    if number == film.number and not laced:
        watch.prefixed(body.part(at + 3), film.size)
