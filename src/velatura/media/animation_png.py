"""Animated PNG, frame by frame: each frame is coded whole by Pillow and its data is moved into the chunks of an animation.

Source: PNG third edition, W3C 2025, section 11.3.6 (acTL, fcTL, fdAT).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Protocol

from PIL import Image

from velatura.media.frame import Frame
from velatura.media.reader import Facts

__all__ = ["PngAnimation"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = (b"IHDR", b"IDAT")


class _File(Protocol):
    def write(self, raw: bytes) -> int: ...
    def seek(self, offset: int, whence: int = 0) -> int: ...


class PngAnimation:
    """Frames of one size and mode, whole, each replacing the one before."""

    def __init__(self, file: _File, facts: Facts, options: Mapping[str, Any]) -> None:
        self._file, self._options = file, options
        self._size = facts.width, facts.height
        self._plays = facts.loop
        self._frames = self._number = 0

    def add(self, image: Image.Image, frame: Frame) -> None:
        raw = io.BytesIO()
        image.save(raw, "PNG", **self._options)
        chunks = list(_chunks(raw.getvalue()))
        if not self._frames:
            self._file.write(_SIGNATURE + _chunk(*chunks[0]) + self._control(0))
        self._file.write(_chunk(b"fcTL", self._frame_control(frame)))
        for name, data in chunks[1:]:
            self._file.write(_chunk(name, data) if not self._frames else _chunk(b"fdAT", struct.pack(">I", self._next()) + data))
        self._frames += 1

    def finish(self) -> None:
        self._file.write(_chunk(b"IEND", b""))
        self._file.seek(len(_SIGNATURE) + 25)  # behind IHDR: now the number of frames is known
        self._file.write(self._control(self._frames))

    def close(self) -> None: ...

    def _control(self, frames: int) -> bytes:
        return _chunk(b"acTL", struct.pack(">II", frames, self._plays))

    def _frame_control(self, frame: Frame) -> bytes:
        delay = _delay(frame.duration)
        return struct.pack(">IIIIIHHBB", self._next(), *self._size, 0, 0, delay.numerator, delay.denominator, 0, 0)

    def _next(self) -> int:
        self._number += 1
        return self._number - 1


def _delay(duration: Fraction | None) -> Fraction:
    """As a quotient of 16-bit numbers: exact where that is possible."""
    value = Fraction(1, 10) if duration is None else min(duration, Fraction(65_535))
    close = value.limit_denominator(65_535)
    return close if close.numerator <= 65_535 else Fraction(round(value * 100), 100).limit_denominator(max(1, int(65_535 / value)))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Header and data of a PNG of our own making."""
    at = len(_SIGNATURE)
    while at < len(png):
        length, name = struct.unpack_from(">I4s", png, at)
        if name in _KEPT:
            yield name, png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
