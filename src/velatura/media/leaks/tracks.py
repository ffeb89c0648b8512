"""Tracks of MP4, MOV and image sequences: one video track is the clip, everything else is told of.

Source: ISO/IEC 14496-12:2022 sections 8.3 to 8.6, 12; QuickTime (chapter and time code tracks); 14496-15 (avcC, hvcC).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from velatura.media.leaks.boxes import Box, boxes, child
from velatura.media.leaks.contents import describe
from velatura.media.leaks.fragments import fragment_samples
from velatura.media.leaks.h264 import Watch
from velatura.media.leaks.span import Span
from velatura.media.leaks.tables import codec, hidden_samples, samples
from velatura.media.leaks.trace import Trace, counted, four

__all__ = ["Track", "read_track", "tracks"]

_TEXT = frozenset((b"text", b"sbtl", b"subt", b"clcp", b"subp"))
# What common writers call every track.
_HANDLERS = frozenset(
    b"|VideoHandler|SoundHandler|SubtitleHandler|DataHandler|TextHandler|PictureHandler|VideoHandle|SoundHandle|Core Media Video|Core Media Audio|"
    b"Core Media Metadata".split(b"|")
)
_HEVC = frozenset((b"hvc1", b"hev1", b"dvh1", b"dvhe"))
_AVC = frozenset((b"avc1", b"avc3", b"dva1", b"dvav"))
_DATA = {b"gpmd": "telemetry (gpmd)", b"tmcd": "time code (tmcd)", b"camm": "positions of a camera (camm)", b"mebx": "timed metadata (mebx)"}
_PACKETS = 4_000
_FRAGMENTS = 200
_INSIDE = frozenset((b"mdia", b"minf", b"stbl", b"edts"))
_TABLES = frozenset(
    b"tkhd tref trgr mdhd hdlr elng vmhd smhd nmhd hmhd gmhd sthd dinf stsd stts ctts cslg stsc stsz stz2 stco co64 stss stps sdtp sbgp sgpd subs "
    b"saiz saio padb stdp elst tapt txas load".split()
)
_ELSEWHERE = frozenset((b"udta", b"meta", b"uuid", b"free", b"skip", b"wide"))
_CASES = {"heic": "L21", "avif": "L22", "clip": "L24"}


@dataclass(frozen=True, slots=True)
class Track:
    """One track: `handler` says what it is, `coded` how; `table` is its sample table; `scale` the movie's clock."""

    number: int
    body: Span
    handler: bytes
    name: bytes
    coded: bytes
    table: Span | None
    scale: int

    @property
    def where(self) -> str:
        return f"track {self.number}"

    def refers(self, kind: bytes) -> list[int]:
        """Identities of the tracks that it refers to."""
        body = child(self.body, b"tref", kind)
        return [body.number(at, 4) for at in range(0, min(len(body), 4_000) - 3, 4)] if body is not None else []

    @property
    def identity(self) -> int:
        header = child(self.body, b"tkhd")
        return 0 if header is None else header.number(20 if header.number(0, 1) == 1 else 12, 4)


def read_track(body: Span, number: int, scale: int) -> Track:
    """Raises Damaged where its boxes are cut."""
    handler = child(body, b"mdia", b"hdlr")
    table = child(body, b"mdia", b"minf", b"stbl")
    kind = handler.some(8, 4) if handler is not None else b""
    name = handler.some(24, 200).strip(b"\0") if handler is not None else b""
    if name and name[0] == len(name) - 1:  # QuickTime counts first
        name = name[1:]
    return Track(number, body, kind, name, codec(table)[0] if table is not None else b"", table, scale)


def tracks(found: list[Track], fragments: list[Box], whole: Span, trace: Trace, kind: str) -> None:
    """Tell of every track but the first video, and of what hides in that one.

    Args:
        fragments: the `moof` boxes of the file.
        kind: "clip", "heic" or "avif".
    """
    chapters = {identity for track in found for identity in track.refers(b"chap")}
    films = 0
    for track in found:
        _header(track, trace, _CASES[kind])
        _unknown(track.body, track.where, trace)
        if track.handler in (b"vide", b"pict") and track.identity not in chapters:
            films += 1
            _film(track, fragments, whole, trace, kind, first=films == 1)
        else:
            _other(track, trace, chapters)


def _header(track: Track, trace: Trace, case: str) -> None:
    if track.name not in _HANDLERS:
        trace.tell("L33", track.where, "name of a track")
    header = child(track.body, b"tkhd")
    if header is not None and header.number(4, 8 if header.number(0, 1) == 1 else 4):
        trace.tell(case, track.where, "date and time of the recording")


def _unknown(body: Span, where: str, trace: Trace, depth: int = 0) -> None:
    """Boxes of a track that are in no table of the standard."""
    for box in boxes(body):
        if box.name in _INSIDE and depth < 4:
            _unknown(box.body, where, trace, depth + 1)
        elif box.name not in _TABLES and box.name not in _ELSEWHERE:
            trace.tell("L34", f"{where} {four(box.name)}", f"private box: {describe(box.body)}")


def _film(track: Track, fragments: list[Box], whole: Span, trace: Trace, kind: str, *, first: bool) -> None:
    if not first:
        trace.tell("L29" if kind == "clip" else _CASES[kind], track.where, "a further video stream")
    if track.table is None:
        return
    with trace.block("L32", track.where):
        if hidden := hidden_samples(track.body, track.table, track.scale):
            trace.tell("L32", track.where, counted(hidden, "frame") + " that the edit list hides")
    if kind != "clip":
        frames = child(track.table, b"stsz")
        if first and frames is not None and frames.number(8, 4) > 1:
            trace.tell(_CASES[kind], track.where, counted(frames.number(8, 4) - 1, "further frame"))
    with trace.block("L31", track.where):
        _stream(track, fragments, whole, trace)


def _stream(track: Track, fragments: list[Box], whole: Span, trace: Trace) -> None:
    if track.table is None or track.coded not in _AVC | _HEVC:
        return
    watch = Watch(trace, track.where, "hevc" if track.coded in _HEVC else "h264")
    description = codec(track.table)[1]
    assert description is not None, "a track whose codec has a name has a description"
    size = 4
    for box in boxes(description, 78):
        if box.name == b"avcC":
            size = 1 + (box.body.number(4, 1) & 3)
        elif box.name == b"hvcC":
            size = 1 + (box.body.number(21, 1) & 3)
            watch.configured(box.body)
    in_fragments = (packet for box in fragments[:_FRAGMENTS] for packet in fragment_samples(box, track.identity, whole))
    for packet in chain(samples(track.table, whole, _PACKETS), in_fragments):
        if watch.enough:
            return
        watch.prefixed(packet, size)


def _other(track: Track, trace: Trace, chapters: set[int]) -> None:
    if track.identity in chapters:
        trace.tell("L33", track.where, "chapters")
    elif track.handler == b"soun":
        trace.tell("L30", track.where, "sound: voices, spoken names")
    elif track.handler in _TEXT:
        trace.tell("L27", track.where, f"subtitles ({four(track.coded)})")
    elif track.handler == b"auxv":
        trace.tell("L29", track.where, "auxiliary video: depth or alpha")
    elif track.handler != b"hint":
        trace.tell("L28", track.where, _DATA.get(track.coded, f"data track ({four(track.coded or track.handler)})"))
