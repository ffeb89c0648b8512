"""Animated WebP, frame by frame: each frame is coded whole by Pillow and its data is moved into the container of an animation.

Source: RFC 9649, sections 2.5 to 2.7 (VP8X, ANIM, ANMF).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from PIL import Image

from velatura.media.animation_clock import Clock
from velatura.media.frame import Frame
from velatura.media.reader import Facts

__all__ = ["WebpAnimation"]

_ALPHA, _ANIMATION = 0x10, 0x02
_NO_BLEND = 0x02
_LONGEST = (1 << 24) - 1


class _File(Protocol):
    def write(self, raw: bytes) -> int: ...
    def seek(self, offset: int, whence: int = 0) -> int: ...
    def tell(self) -> int: ...


class WebpAnimation:
    """Frames of one size, whole, each replacing the one before."""

    def __init__(self, file: _File, facts: Facts, options: Mapping[str, Any]) -> None:
        self._file, self._options, self._clock = file, options, Clock(1000)
        self._size = _three(facts.width - 1) + _three(facts.height - 1)
        flags = _ANIMATION | (_ALPHA if facts.form.alpha else 0)
        file.write(b"RIFF\0\0\0\0WEBP")
        file.write(_chunk(b"VP8X", struct.pack("<I", flags) + self._size))
        file.write(_chunk(b"ANIM", struct.pack("<IH", 0, facts.loop)))

    def add(self, image: Image.Image, frame: Frame) -> None:
        raw = io.BytesIO()
        image.save(raw, "WEBP", **self._options)
        length = _three(min(self._clock.units(frame), _LONGEST))
        head = _three(0) + _three(0) + self._size + length + bytes([_NO_BLEND])
        self._file.write(_chunk(b"ANMF", head + b"".join(_chunk(name, data) for name, data in _chunks(raw.getvalue()))))

    def finish(self) -> None:
        end = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", end - 8))

    def close(self) -> None: ...


def _chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The coded picture within a WebP of our own making."""
    at = 12
    while at < len(webp):
        name, length = struct.unpack_from("<4sI", webp, at)
        if name in (b"VP8 ", b"VP8L", b"ALPH"):
            yield name, webp[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _three(value: int) -> bytes:
    return value.to_bytes(3, "little")
