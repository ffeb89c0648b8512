"""User data inside an H.264 or H.265 stream: supplemental messages (SEI) that every player skips.

x264 writes its settings there, phones and drones positions and time codes, broadcasters captions. Packets are looked at until enough were
seen: what a camera writes, it writes from the first seconds on.
Source: ITU-T H.264 annex D and clause 7.3.2.3; H.265 annex D and clause 7.3.1.2; ATSC A/53 part 4 (captions).
"""

from __future__ import annotations

from collections.abc import Iterator

from velatura.media.leaks.span import Span
from velatura.media.leaks.trace import Trace

__all__ = ["Watch"]

_PACKETS = 4_000
_BYTES = 64 << 20
_NAL = 1 << 20
_MESSAGES = 64
_TIME_CODES = {"h264": frozenset[int](), "hevc": frozenset({136})}  # H.264 has its time codes in the timing of pictures, beside what players need


class Watch:
    """Looks at packets of one video stream, and tells of each kind of user data once."""

    def __init__(self, trace: Trace, where: str, codec: str = "h264") -> None:
        self._trace, self._where, self._codec = trace, where, codec
        self._packets = self._bytes = 0

    @property
    def enough(self) -> bool:
        return self._packets >= _PACKETS or self._bytes >= _BYTES

    def prefixed(self, packet: Span, size: int) -> None:
        """A packet as MP4 and Matroska store it: each unit after its length in `size` bytes."""
        self._packets += 1
        at = 0
        while at + size < len(packet) and not self.enough:
            length = packet.number(at, size)
            self._unit(packet.some(at + size, min(length, _NAL)) if self._is_sei(packet.some(at + size, 1)) else b"")
            at += size + length
        self._bytes += len(packet) // 16  # only heads are read

    def annex_b(self, packet: Span) -> None:
        """A packet, or the start of a raw stream, whose units follow 00 00 01."""
        self._packets += 1
        self.raw(packet.some(0, 8 << 20))

    def raw(self, raw: bytes) -> None:
        """Bytes of a stream whose units follow 00 00 01."""
        self._bytes += len(raw)
        for start, end in _units(raw):
            if self._is_sei(raw[start : start + 1]):
                self._unit(raw[start : min(end, start + _NAL)])

    def configured(self, body: Span) -> None:
        """Units that an H.265 configuration (hvcC) carries: x265 puts its settings there. Raises Damaged."""
        at = 23
        for _ in range(min(body.number(22, 1), 32)):
            count = body.number(at + 1, 2)
            at += 3
            for _ in range(min(count, 64)):
                raw = body.read(at + 2, body.number(at, 2))
                at += 2 + len(raw)
                if self._is_sei(raw[:1]):
                    self._unit(raw)

    def _is_sei(self, head: bytes) -> bool:
        if not head:
            return False
        return head[0] & 0x1F == 6 if self._codec == "h264" else (head[0] >> 1) & 0x3F in (39, 40)

    def _unit(self, raw: bytes) -> None:
        header = 1 if self._codec == "h264" else 2
        for kind, body in _messages(_unescaped(raw[header:])):
            if kind == 5:
                self._trace.tell("L31", self._where, "user data (SEI 5): encoder, position or time code")
            elif kind == 4 and b"GA94" in body[:16]:
                self._trace.tell("L27", self._where, "captions inside the video stream (SEI 4)")
            elif kind == 4:
                self._trace.tell("L31", self._where, "registered user data (SEI 4)")
            elif kind in _TIME_CODES[self._codec]:
                self._trace.tell("L31", self._where, "time code (SEI)")


def _units(raw: bytes) -> Iterator[tuple[int, int]]:
    at = raw.find(b"\0\0\1")
    while at >= 0:
        after = raw.find(b"\0\0\1", at + 3)
        yield at + 3, after if after >= 0 else len(raw)
        at = after


def _unescaped(raw: bytes) -> bytes:
    """Without the bytes that keep start codes out of the payload."""
    return raw.replace(b"\0\0\3", b"\0\0")


def _messages(raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    for _ in range(_MESSAGES):
        if at + 2 > len(raw) or raw[at:] == b"\x80":
            return
        kind, at = _long(raw, at)
        size, at = _long(raw, at)
        yield kind, raw[at : at + size]
        at += size


def _long(raw: bytes, at: int) -> tuple[int, int]:
    """A number written as a run of 255s and a rest."""
    value = 0
    while at < len(raw) and raw[at] == 255:
        value += 255
        at += 1
    return value + (raw[at] if at < len(raw) else 0), at + 1
