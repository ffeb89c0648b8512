"""Tracks of MP4, MOV and image sequences: one video track is the clip, everything else is told of.

Source: ISO/IEC 14496-12:2022 sections 8.3 to 8.6, 12; QuickTime (chapter and time code tracks); 14496-15 (avcC, hvcC).
"""

from __future__ import annotations

from dataclasses import dataclass

from velatura.media.leaks.boxes import boxes, child
from velatura.media.leaks.h264 import Watch
from velatura.media.leaks.span import Span
from velatura.media.leaks.tables import codec, hidden_samples, samples
from velatura.media.leaks.trace import Trace, counted, four

__all__ = ["Track", "read_track", "tracks"]

_TEXT = frozenset((b"text", b"sbtl", b"subt", b"clcp", b"subp"))
_NAMES = frozenset(
    (b"", b"VideoHandler", b"SoundHandler", b"SubtitleHandler", b"DataHandler", b"TextHandler", b"PictureHandler", b"Core Media Video")
)
_HEVC = frozenset((b"hvc1", b"hev1", b"dvh1", b"dvhe"))
_AVC = frozenset((b"avc1", b"avc3", b"dva1", b"dvav"))
_DATA = {b"gpmd": "telemetry (gpmd)", b"tmcd": "time code (tmcd)", b"camm": "positions of a camera (camm)", b"mebx": "timed metadata (mebx)"}
_PACKETS = 4_000


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


def tracks(found: list[Track], whole: Span, trace: Trace, kind: str) -> None:
    """Tell of every track but the first video, and of what hides in that one."""
    chapters = {identity for track in found for identity in track.refers(b"chap")}
    films = 0
    for track in found:
        _header(track, trace)
        if track.handler in (b"vide", b"pict") and track.identity not in chapters:
            films += 1
            _film(track, whole, trace, kind, first=films == 1)
        else:
            _other(track, trace, chapters)


def _header(track: Track, trace: Trace) -> None:
    if track.name not in _NAMES:
        trace.tell("L33", track.where, "name of a track")
    header = child(track.body, b"tkhd")
    if header is not None and header.number(4, 8 if header.number(0, 1) == 1 else 4):
        trace.tell("L24", track.where, "date and time of the recording")


def _film(track: Track, whole: Span, trace: Trace, kind: str, *, first: bool) -> None:
    if not first:
        trace.tell("L29" if kind == "clip" else "L21" if kind == "heic" else "L22", track.where, "a further video stream")
    if track.table is None:
        return
    with trace.block("L32", track.where):
        if hidden := hidden_samples(track.body, track.table, track.scale):
            trace.tell("L32", track.where, counted(hidden, "frame") + " that the edit list hides")
    if kind != "clip":
        frames = child(track.table, b"stsz")
        if first and frames is not None and frames.number(8, 4) > 1:
            trace.tell("L21" if kind == "heic" else "L22", track.where, counted(frames.number(8, 4) - 1, "further frame"))
    with trace.block("L31", track.where):
        _stream(track, whole, trace)


def _stream(track: Track, whole: Span, trace: Trace) -> None:
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
            _listed(box.body, watch)
    for packet in samples(track.table, whole, _PACKETS):
        if watch.enough:
            return
        watch.prefixed(packet, size)


def _listed(body: Span, watch: Watch) -> None:
    """Units that an H.265 configuration carries: x265 puts its settings there."""
    at = 23
    for _ in range(min(body.number(22, 1), 32)):
        count = body.number(at + 1, 2)
        at += 3
        for _ in range(min(count, 64)):
            size = body.number(at, 2)
            watch.unit(body.read(at + 2, size))
            at += 2 + size


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
