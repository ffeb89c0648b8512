"""A packet of coded bytes as FFmpeg's decoders want it: with zeros behind its end, up to which they read.

`av.Packet(coded)` lends the decoder a Python object as it is: what lies behind is read as well, and where nothing lies the process ends (shown by
a page behind the packet that may not be read). `av_new_packet` makes room for the zeros.
Source: FFmpeg, libavcodec/defs.h, AV_INPUT_BUFFER_PADDING_SIZE (64 bytes).
"""

from __future__ import annotations

from typing import Any

import av

__all__ = ["padded"]


def padded(coded: bytes) -> av.Packet[Any]:
    """A copy of one packet's bytes, 1 or more, to be decoded."""
    packet = av.Packet(len(coded))
    packet.update(coded)
    return packet
