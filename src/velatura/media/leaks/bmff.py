"""Boxes of MP4, MOV, HEIC and AVIF: what stands beside the pictures, at the top of the file and in the movie's header.

Every box is either known to say nothing of the scene, or looked into, or told of. Tracks are in `tracks`, pictures of HEIC and AVIF in `items`.
Source: ISO/IEC 14496-12:2022; QuickTime file format 2012; the 3GPP, Apple and Nero forms of user data.
"""

from __future__ import annotations

from velatura.media.leaks.boxes import Box, boxes
from velatura.media.leaks.contents import describe
from velatura.media.leaks.items import items
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.tables import bytes_of_samples
from velatura.media.leaks.trace import Trace, counted, four
from velatura.media.leaks.tracks import Track, read_track, tracks
from velatura.media.leaks.user_data import user_data
from velatura.media.leaks.xmp import describe_xmp

__all__ = ["bmff_file"]

_KNOWN = frozenset((b"ftyp", b"styp", b"pdin", b"sidx", b"ssix", b"moof", b"mfra", b"mdat", b"moov", b"meta", b"free", b"skip", b"wide", b"uuid"))
_TOLD = {
    b"prft": ("L24", "wall clock of the recording"),
    b"emsg": ("L28", "timed event messages"),
    b"pnot": ("L25", "preview picture"),
    b"PICT": ("L25", "preview picture"),
}
_MOVIE = frozenset((b"mvhd", b"trak", b"iods", b"mvex", b"udta", b"meta", b"free", b"skip", b"wide", b"uuid"))
_XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_POSITIONS = frozenset((b"gps ", b"gps0", b"camm"))


def bmff_file(span: Span, trace: Trace, kind: str) -> None:
    """All boxes of a file.

    Args:
        kind: "heic", "avif" or "clip".

    Raises:
        Damaged: the movie or its pictures are cut.
    """
    case = {"heic": "L21", "avif": "L22"}.get(kind, "L24")
    found: list[Track] = []
    payload = 0
    fragments: list[Box] = []
    for box in _top(span, trace):
        if box.name == b"mdat":
            payload += len(box.body)
        elif box.name == b"moov":
            found += _movie(box.body, span, trace, case)
        elif box.name == b"meta" and kind != "clip":
            items(box.body, span, trace, case)
        elif box.name == b"moof":
            fragments.append(box)
        else:
            _beside(box, "", trace, case)
    tracks(found, fragments, span, trace, kind)
    if found and not fragments and kind == "clip":
        _unused(found, payload, trace)


def _top(span: Span, trace: Trace) -> list[Box]:
    """The boxes of the file; what follows the last known one is told of as trailing bytes."""
    found: list[Box] = []
    at = 0
    while len(span) - at >= 8:
        name = span.read(at + 4, 4)
        if found and name not in _KNOWN and name not in _TOLD and not _plausible(span, at):
            break
        box = next(boxes(span, at), None)
        if box is None:
            break
        found.append(box)
        at = box.body.end - span.start
        if len(found) > 200_000:
            raise Damaged("media.malformed", "the file has more boxes than any honest one")
    rest = span.clipped(at, len(span))
    if not rest.is_filler():
        trace.tell("L34", "after the last box", describe(rest))
    return found


def _plausible(span: Span, at: int) -> bool:
    """An unknown box: four letters, and a length that ends within the file."""
    head = span.read(at, 8)
    return head[4:].isalnum() and head[4:].isascii() and 8 <= int.from_bytes(head[:4], "big") <= len(span) - at


def _beside(box: Box, parent: str, trace: Trace, case: str) -> None:
    """A box that is neither pictures nor tables."""
    where = parent + four(box.name)
    if box.name in (b"free", b"skip", b"wide"):
        if not box.body.is_filler():
            trace.tell("L34", where, describe(box.body))
    elif box.name == b"uuid":
        known = box.body.some(0, 16) == _XMP_UUID
        trace.tell("L34", where, describe_xmp(box.body.part(16)) if known else f"private box: {describe(box.body)}")
    elif box.name in (b"udta", b"meta"):
        with trace.block(case, where):
            user_data(box.body, where, trace, case, is_meta=box.name == b"meta")
    elif box.name in _POSITIONS:
        trace.tell("L28", where, "positions of a camera")
    elif box.name in _TOLD:
        trace.tell(_TOLD[box.name][0], where, _TOLD[box.name][1])
    elif box.name not in _KNOWN and box.name not in _MOVIE:
        trace.tell("L34", where, f"private box: {describe(box.body)}")


def _movie(body: Span, span: Span, trace: Trace, case: str) -> list[Track]:
    scale = 1
    found: list[Track] = []
    for box in boxes(body):
        if box.name == b"mvhd":
            long = box.body.number(0, 1) == 1
            scale = box.body.number(20 if long else 12, 4)
            if box.body.number(4, 8 if long else 4):
                trace.tell(case, "moov/mvhd", "date and time of the recording")
        elif box.name == b"trak":
            found.append(read_track(box.body, len(found) + 1, scale))
        else:
            _beside(box, "moov/", trace, case)
    for track in found:
        for box in boxes(track.body):
            if box.name == b"meta" and case != "L24":
                items(box.body, span, trace, case)
            elif box.name in (b"udta", b"meta", b"uuid", b"free", b"skip"):
                _beside(box, f"track {track.number} ", trace, case)
    return found


def _unused(found: list[Track], payload: int, trace: Trace) -> None:
    """Bytes between the packets of all tracks, which no player reads."""
    sizes = [bytes_of_samples(track.table) if track.table is not None else -1 for track in found]
    left = payload - sum(sizes)
    if left > 0 and -1 not in sizes:
        trace.tell("L34", "mdat", counted(left, "byte") + " that belong to no track")
