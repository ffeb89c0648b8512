"""Encodes a kept sound track anew beside the pictures: AAC in MP4, MOV and Matroska, Opus in WebM."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer

from velatura.media.sound import Samples, SoundQueue

__all__ = ["SoundWriter"]

_BITS_A_CHANNEL = 64_000


class SoundWriter:
    """Adds a sound track to an open container; `drain` writes what waits in the queue."""

    def __init__(self, container: OutputContainer, queue: SoundQueue) -> None:
        self._container, self._queue = container, queue
        codec = "libopus" if container.format.name == "webm" else "aac"
        self._layout = "stereo" if queue.channels == 2 else "mono"
        stream = container.add_stream(codec, rate=queue.rate, layout=self._layout)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._stream.codec_context.bit_rate = _BITS_A_CHANNEL * queue.channels
        self._stream.codec_context.flags |= av.codec.context.Flags.bitexact
        self._next = 0

    def drain(self) -> None:
        """Encode and write all that waits."""
        for samples in self._queue.take():
            self._container.mux(self._stream.encode(self._frame(samples)))

    def end(self) -> None:
        """Write the rest, then what the coder still holds."""
        self.drain()
        self._container.mux(self._stream.encode(None))

    def _frame(self, samples: Samples) -> av.AudioFrame:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.values).reshape(1, -1), format="s16", layout=self._layout)
        frame.sample_rate = self._queue.rate
        frame.time_base = Fraction(1, self._queue.rate)
        frame.pts = max(self._next, round(samples.time * self._queue.rate))
        self._next = frame.pts + samples.values.shape[0]
        return frame
