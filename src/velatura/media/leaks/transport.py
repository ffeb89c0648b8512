"""MPEG transport streams (broadcast, dash cameras, drones) and bare H.264 and H.265 streams.

The program table names the streams; positions of drones travel as KLV metadata in one of them. User data inside the video are looked for in
the first megabytes of its packets.
Source: ISO/IEC 13818-1:2023 sections 2.4.3 and 2.4.4; MISB ST 1402 (metadata in transport streams); H.264 and H.265 annex B.
"""

from __future__ import annotations

from velatura.errors import Unsupported
from velatura.media.leaks.h264 import Watch
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.trace import Trace, counted

__all__ = ["annex_b_file", "transport_file"]

_PACKET = 188
_LOOKED_AT = 16 << 20
_FILMS = {0x01: "", 0x02: "", 0x10: "", 0x1B: "h264", 0x24: "hevc", 0x42: "", 0x33: ""}
_SOUND = frozenset((0x03, 0x04, 0x0F, 0x11, 0x81, 0x84, 0x87))


def transport_file(span: Span, trace: Trace) -> None:
    """Streams by the program table. Raises Damaged where there is no such table in the first megabytes."""
    payloads = _payloads(span)
    streams = [stream for program in _programs(payloads.get(0, b"")) for stream in _streams(payloads.get(program, b""))]
    if not streams:
        raise Damaged("media.malformed", "the program table cannot be found")
    films = [(kind, pid) for kind, pid in streams if kind in _FILMS]
    for kind, pid in streams:
        if kind in _SOUND:
            trace.tell("L30", f"stream {pid}", "sound: voices, spoken names")
        elif kind not in _FILMS:
            trace.tell("L28", f"stream {pid}", "metadata, subtitles or private data")
    if len(films) > 1:
        trace.tell("L29", "program table", counted(len(films) - 1, "further video stream"))
    if 0x11 in payloads:
        trace.tell("L24", "service table", "names of the service and its provider")
    for kind, pid in films[:1]:
        if _FILMS[kind]:
            Watch(trace, f"stream {pid}", _FILMS[kind]).raw(payloads.get(pid, b""))


def _payloads(span: Span) -> dict[int, bytes]:
    """Payloads by stream, of the first megabytes."""
    found: dict[int, list[bytes]] = {}
    raw = b"".join(span.clipped(0, _LOOKED_AT).chunks())
    for at in range(0, len(raw) - _PACKET + 1, _PACKET):
        packet = raw[at : at + _PACKET]
        if packet[0] != 0x47:
            raise Damaged("media.malformed", "a packet does not begin where it must")
        start = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        if packet[3] & 0x10 and start < _PACKET:
            found.setdefault((packet[1] & 0x1F) << 8 | packet[2], []).append(packet[start:])
    return {pid: b"".join(parts) for pid, parts in found.items()}


def _programs(raw: bytes) -> list[int]:
    """Where the tables of the programs are sent."""
    body = _section(raw, 0x00, 8)
    rows = [body[at : at + 4] for at in range(0, len(body) - 3, 4)]
    return [(row[2] & 0x1F) << 8 | row[3] for row in rows if row[:2] != b"\0\0"]


def _streams(raw: bytes) -> list[tuple[int, int]]:
    """Kind and number of each stream of a program."""
    body = _section(raw, 0x02, 8)
    if len(body) < 4:
        return []
    found, at = [], 4 + ((body[2] & 0x0F) << 8 | body[3])
    while at + 5 <= len(body):
        found.append((body[at], (body[at + 1] & 0x1F) << 8 | body[at + 2]))
        at += 5 + ((body[at + 3] & 0x0F) << 8 | body[at + 4])
    return found


def _section(raw: bytes, table: int, header: int) -> bytes:
    """What a table holds after its header and before its checksum; empty where there is none."""
    start = 1 + raw[0] if raw else 0
    head = raw[start : start + 3]
    if len(head) < 3 or head[0] != table:
        return b""
    length = (head[1] & 0x0F) << 8 | head[2]
    return raw[start + header : start + 3 + max(0, length - 4)]


def annex_b_file(span: Span, head: bytes, trace: Trace) -> None:
    """A bare stream; which of the two it is, its first unit says."""
    unit = head[head.index(b"\0\0\1") + 3] if len(head) > 4 else 0x80  # bit 7 is 0 in every unit
    if unit & 0x80 or (unit & 0x1F not in (1, 5, 6, 7, 8, 9) and (unit >> 1) & 0x3F not in (32, 33, 34, 35, 39)):
        raise Unsupported("media.unsupported", "is no container whose insides are read here")
    codec = "h264" if unit & 0x1F in (6, 7, 8, 9) and (unit >> 1) & 0x3F not in (32, 33, 34, 35) else "hevc"
    Watch(trace, "video stream", codec).annex_b(span.clipped(0, _LOOKED_AT))
