"""An AVIF sequence. libavif wants to know how many frames will come, so they wait in a file without a name until the last one is there.

Pillow asks a picture of several frames to `seek` to each; `_Replay` answers from that file, one frame in memory at a time.
"""

from __future__ import annotations

import io
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from velatura.media.animation_clock import Clock
from velatura.media.avif_times import without_times
from velatura.media.frame import Frame
from velatura.media.reader import Facts

__all__ = ["AvifAnimation"]


class _File(Protocol):
    def write(self, raw: bytes) -> int: ...


class AvifAnimation:
    """Frames of one size and mode. `beside`: the folder for the file without a name; it holds output, never input."""

    def __init__(self, file: _File, facts: Facts, options: Mapping[str, Any], beside: Path) -> None:
        self._file, self._options, self._clock = file, options, Clock(1000)
        self._waiting = tempfile.TemporaryFile(dir=beside)  # noqa: SIM115  # closed by `close`
        self._places: list[tuple[int, int]] = []
        self._lengths: list[int] = []
        self._size, self._mode = (facts.width, facts.height), ""

    def add(self, image: Image.Image, frame: Frame) -> None:
        packed = zlib.compress(image.tobytes(), 1)
        self._places.append((self._waiting.tell(), len(packed)))
        self._waiting.write(packed)
        self._lengths.append(self._clock.units(frame))
        self._mode = image.mode

    def finish(self) -> None:
        replay = _Replay(self)
        raw = io.BytesIO()
        replay.save(raw, "AVIF", save_all=True, duration=self._lengths, **self._options)
        self._file.write(without_times(raw.getvalue()))

    def close(self) -> None:
        self._waiting.close()

    def frame(self, number: int) -> Image.Image:
        place, length = self._places[number]
        self._waiting.seek(place)
        return Image.frombytes(self._mode, self._size, zlib.decompress(self._waiting.read(length)))

    @property
    def count(self) -> int:
        return len(self._places)


class _Replay(Image.Image):
    """A picture of several frames, as Pillow's coders expect one."""

    def __init__(self, animation: AvifAnimation) -> None:
        super().__init__()
        self._animation = animation
        self.n_frames, self.is_animated = animation.count, animation.count > 1
        self.encoderinfo: dict[str, Any] = {}
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame >= self.n_frames:
            raise EOFError("no frame beyond the last")
        shown = self._animation.frame(frame)
        self.im, self._mode, self._size = shown.im, shown.mode, shown.size
        self._number = frame

    def tell(self) -> int:
        return self._number
