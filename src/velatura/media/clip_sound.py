"""The sound track of a clip as plain samples, decoded in the child beside the pictures.

It reads the file a second time through a container of its own, so that sound and pictures stay in step however they lie in the file, and
nothing has to be kept. Everything becomes 48,000 samples a second of 16 bits, one or two channels: what AAC and Opus both take.
Damaged packets leave a gap; the samples after it keep their time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, groupby

import av
from av.stream import Discard

from velatura.errors import BadInput
from velatura.media.boxes import Source
from velatura.media.clip_decoder import open_container
from velatura.media.clip_streams import sound_stream

__all__ = ["RATE", "ClipSound"]

RATE = 48_000
_CHUNK = 1 << 18  # bytes handed over at once: well under the limit of a message


class ClipSound:
    """Samples in order.

    Args:
        file: positioned reading, used by this track alone.
        start: seconds of the container's clock at which the clip's own starts.
    """

    def __init__(self, file: Source, start: Fraction) -> None:
        self._container = open_container(file)
        stream = sound_stream(self._container)
        if stream is None:
            raise BadInput("media.malformed", "has a sound track at one reading and none at the next")
        self._stream = stream
        stream.codec_context.thread_count = 1
        self.channels = 1 if stream.codec_context.channels == 1 else 2
        for other in self._container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        self._start = start
        self._chunks = self._resampled()
        self._next: tuple[Fraction, bytes] | None = None

    def until(self, second: Fraction | None) -> Iterator[tuple[Fraction, bytes]]:
        """(time, interleaved little-endian samples) of all that start before `second`; None: the rest."""
        while True:
            self._next = self._next or next(self._chunks, None)
            if self._next is None or (second is not None and self._next[0] >= second):
                return
            chunk, self._next = self._next, None
            yield chunk

    def _resampled(self) -> Iterator[tuple[Fraction, bytes]]:
        # Broadcasts change their sound's layout in the middle; a resampler takes one form only.
        for _, frames in groupby(self._decoded(), key=lambda frame: (frame.format.name, frame.layout.name, frame.sample_rate)):
            resampler = av.AudioResampler(format="s16", layout="stereo" if self.channels == 2 else "mono", rate=RATE)
            for frame in chain(frames, (None,)):
                for part in resampler.resample(frame):
                    yield from self._placed(part)

    def _placed(self, part: av.AudioFrame) -> Iterator[tuple[Fraction, bytes]]:
        """The part at its time; what lies before the clip's start is cut off."""
        time = Fraction(part.pts or 0) * (part.time_base or Fraction(1, RATE)) - self._start
        samples = bytes(part.planes[0])[: part.samples * self.channels * 2]
        if time < 0:
            early = min(part.samples, round(-time * RATE))
            samples, time = samples[early * self.channels * 2 :], Fraction(0)
        for at in range(0, len(samples), _CHUNK):
            yield time + Fraction(at // (2 * self.channels), RATE), samples[at : at + _CHUNK]

    def _decoded(self) -> Iterator[av.AudioFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                return  # the pictures' own reading meets the same damage and judges it
            if packet is None:
                return
            with contextlib.suppress(av.error.FFmpegError):
                yield from self._stream.codec_context.decode(packet if packet.size else None)
