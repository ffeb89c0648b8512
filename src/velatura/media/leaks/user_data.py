"""User data of MP4 and MOV: iTunes' list, QuickTime's and 3GPP's boxes, Apple's keys, Nero's chapters.

Values are never shown; of names only those in the tables below.
"""

from __future__ import annotations

from velatura.media.leaks.boxes import boxes
from velatura.media.leaks.contents import describe
from velatura.media.leaks.span import Span
from velatura.media.leaks.trace import Trace, four

__all__ = ["user_data"]

_PLACES = frozenset((b"\xa9xyz", b"loci", b"\xa9gps", b"GPSF", b"gps "))
_DEVICES = frozenset((b"\xa9mak", b"\xa9mod", b"\xa9swr", b"\xa9too", b"\xa9enc", b"manu", b"modl", b"FIRM", b"LENS", b"CAME", b"SDLN", b"smta"))
_SKIPPED = frozenset((b"free", b"skip", b"wide", b"hdlr", b"\0\0\0\0"))
_CHAPTERS = frozenset((b"chpl", b"kind", b"name", b"tnam"))
_KEYS = {
    b"location": "place of the recording",
    b"creationdate": "date and time",
    b"make": "make of the device",
    b"model": "model of the device",
    b"software": "software",
    b"artist": "names",
    b"author": "names",
    b"title": "a title",
    b"comment": "a comment",
    b"description": "a description",
    b"content.identifier": "identity of a live photo",
}


def user_data(body: Span, where: str, trace: Trace, case: str, *, is_meta: bool, depth: int = 0) -> None:
    """Tell of each entry of a `udta` or `meta` box."""
    start = 4 if is_meta and body.some(4, 4) != b"hdlr" and body.some(8, 4) == b"hdlr" else 0
    for box in boxes(body, start):
        place = f"{where}/{four(box.name)}"
        if box.name == b"meta" and depth < 2:
            user_data(box.body, place, trace, case, is_meta=True, depth=depth + 1)
        elif box.name == b"ilst":
            _items(box.body, place, trace, case)
        elif box.name == b"keys":
            _keys(box.body, place, trace, case)
        elif box.name in _SKIPPED:
            if box.name != b"hdlr" and not box.body.is_filler():
                trace.tell("L34", place, describe(box.body))
        else:
            trace.tell(_case(box.name, case), place, _what(box.name, box.body))


def _case(name: bytes, case: str) -> str:
    return "L33" if name in _CHAPTERS else "L28" if name in (b"GPMF", b"gps ") else case


def _what(name: bytes, body: Span) -> str:
    if name in _PLACES:
        return "place of the recording"
    if name in _DEVICES:
        return "make, model, software or serial number"
    if name == b"chpl":
        return "chapters"
    if name in (b"name", b"tnam", b"kind"):
        return "name or kind of a track"
    if name in (b"GPMF", b"XMP_"):
        return "telemetry and settings of a camera" if name == b"GPMF" else "XMP"
    if name in (b"thmb", b"THMB", b"PRVW", b"CNTH"):
        return "thumbnail of the clear picture"
    return "a title, name or comment" if name[:1] == b"\xa9" else f"private entry: {describe(body)}"


def _items(body: Span, where: str, trace: Trace, case: str) -> None:
    for box in boxes(body):
        if box.name == b"covr":
            trace.tell("L25", f"{where}/covr", f"cover art: {describe(box.body.part(min(16, len(box.body))))}")
        elif box.name[:3] != b"\0\0\0":  # numbers refer to `keys`
            trace.tell(case, f"{where}/{four(box.name)}", _what(box.name, box.body))


def _keys(body: Span, where: str, trace: Trace, case: str) -> None:
    for box in boxes(body, 8):
        raw = box.body.some(0, 200).lower()
        trace.tell(case, where, next((what for word, what in _KEYS.items() if word in raw), "an entry of its own"))
