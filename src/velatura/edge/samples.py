"""Frames in every codec that vision decodes, kept as a file: what it tries once before it is locked.

Written by tools/codec_samples.py in the wire format of `feed`, so that no encoder runs when a camera starts: coding them anew took a third of a
second and 10 MB, and x265 and SVT-AV1 write to stderr past FFmpeg's log.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from velatura.edge.feed import Message, unpack

__all__ = ["SAMPLES", "samples"]

SAMPLES = Path(__file__).with_name("samples.feed")
_LENGTH = struct.Struct("<I")


def samples() -> Iterator[Message]:
    """A header and its packets for one codec after the other."""
    raw = memoryview(SAMPLES.read_bytes())
    while raw:
        end = _LENGTH.size + _LENGTH.unpack_from(raw)[0]
        message = unpack(bytes(raw[_LENGTH.size : end]))
        assert message is not None, "the file is one of ours"
        yield message
        raw = raw[end:]
