"""What ingest hands to vision: still encoded, one message a packet, framed as a guest's inbox reads them (4 bytes of length, little-endian).

    header  b"H"  codec name, size, time base, extradata      begins a stream: at the start, at every clip of a folder, at a change of codec
    packet  b"P"  stamp, key flag, the packet's bytes
    end     b"E"  nothing comes after

The pipe has no name and one reader. Whoever writes here saw the network and no picture; what reads here is confined. Neither trusts the other:
sizes are bounded, and a message that does not parse ends the stream.
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass

__all__ = ["CODECS", "MOST_PACKET", "End", "Feed", "Header", "Message", "Packet", "pack", "unpack"]

CODECS = ("h264", "hevc", "mjpeg", "vp8", "vp9", "av1", "mpeg4", "msmpeg4v2", "msmpeg4v3")
"""What vision decodes; each is tried once before the lock. The last two are Microsoft's kin of MPEG-4 part 2, in AVI of old cameras."""
MOST_PACKET, MOST_EXTRADATA = 8 << 20, 1 << 16
_LENGTH = struct.Struct("<I")
_HEADER = struct.Struct("<cB16sHHII")  # kind, version, codec, width, height, time base
_PACKET = struct.Struct("<cBddqq")  # kind, key, monotonic s, clip s, pts, dts
_NO_TIME = -(1 << 63)


@dataclass(frozen=True, slots=True)
class Header:
    """A stream begins. codec: of CODECS; width, height: as the container says, 0 unknown; time_base: seconds a tick, as (numerator, denominator)."""

    codec: str
    width: int = 0
    height: int = 0
    time_base: tuple[int, int] = (1, 90_000)
    extradata: bytes = b""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet.

    Attributes:
        came_s: seconds of the monotonic clock of this machine, when it was read.
        stamp_s: its place in the source: of a file, seconds from the first clip's start; of a camera, `came_s`.
        pts, dts: ticks of the header's time base; None: the container does not say.
    """

    came_s: float
    stamp_s: float
    is_key: bool
    data: bytes
    pts: int | None = None
    dts: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The source is over; of a camera it never is."""


Message = Header | Packet | End


def pack(message: Message) -> bytes:
    """A message without its length. Raises ValueError: larger than may be."""
    if isinstance(message, Packet):
        if not 0 < len(message.data) <= MOST_PACKET:
            raise ValueError(f"a packet has 1 to {MOST_PACKET} bytes, not {len(message.data)}")
        pts, dts = (_NO_TIME if time is None else time for time in (message.pts, message.dts))
        return _PACKET.pack(b"P", message.is_key, message.came_s, message.stamp_s, pts, dts) + message.data
    if isinstance(message, Header):
        if message.codec not in CODECS or len(message.extradata) > MOST_EXTRADATA:
            raise ValueError(f"a header names one of {', '.join(CODECS)}, with at most {MOST_EXTRADATA} bytes of extradata")
        size = (min(message.width, 0xFFFF), min(message.height, 0xFFFF))
        return _HEADER.pack(b"H", 1, message.codec.encode(), *size, *message.time_base) + message.extradata
    return b"E"


def unpack(raw: bytes) -> Message | None:
    """None: no message of ours."""
    kind = raw[:1]
    if kind == b"P" and _PACKET.size < len(raw) <= _PACKET.size + MOST_PACKET:
        _, key, came_s, stamp_s, pts, dts = _PACKET.unpack_from(raw)
        times = (None if time == _NO_TIME else time for time in (pts, dts))
        return Packet(came_s, stamp_s, bool(key), raw[_PACKET.size :], *times)
    if kind == b"H" and _HEADER.size <= len(raw) <= _HEADER.size + MOST_EXTRADATA:
        _, version, codec, width, height, numerator, denominator = _HEADER.unpack_from(raw)
        name = codec.rstrip(b"\0").decode("ascii", "replace")
        if version == 1 and name in CODECS and numerator and denominator:
            return Header(name, width, height, (numerator, denominator), raw[_HEADER.size :])
        return None
    return End() if raw == b"E" else None


class Feed:
    """The writing end. Args: descriptor: of the pipe; its mode (blocking or not) is left as it is."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._left = memoryview(b"")

    @property
    def is_idle(self) -> bool:
        """No message is half-written."""
        return not self._left

    @property
    def left(self) -> int:
        """Bytes of a message that is half-written."""
        return len(self._left)

    def offer(self, message: Message) -> bool:
        """Write as much as the pipe takes; False: an earlier message is not out yet, and this one was not taken.

        A message once begun is finished by later calls, so that the reader never sees a torn one.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        if not self.flush():
            return False
        raw = pack(message)
        self._left = memoryview(_LENGTH.pack(len(raw)) + raw)
        self.flush()
        return True

    def flush(self) -> bool:
        """Go on with what is left; whether all is out. Raises BrokenPipeError."""
        while self._left:
            try:
                self._left = self._left[os.write(self._descriptor, self._left) :]
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
                return False
        return True
