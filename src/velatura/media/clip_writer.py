"""Writes a clip: the pictures that we give it, at the very times that the source gave them, and nothing else.

Planes are copied once into the coder's frame; coding and muxing run in a thread of their own behind a short queue, so that decoding, detection
and coding overlap. Ticks are those of the source's time base, so a variable rate stays as it was; Matroska and WebM count in milliseconds and
round to them. A clip's display turn and colour tags are kept as tags. No metadata, no coder's signature, no index of anything else is written.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

from velatura.errors import VelaturaError
from velatura.media.clip_encoding import Encoding, encoding_for
from velatura.media.clip_filling import filled
from velatura.media.display_matrix import matrix_for
from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts
from velatura.media.sound import SoundQueue
from velatura.media.sound_writer import SoundWriter

__all__ = ["ClipWriter"]

_WAITING = 3  # frames between the caller and the coder: enough to smooth out a slow one, 9 MiB at 1080p
_FULL, _STUDIO = 2, 1  # AVCOL_RANGE_JPEG, AVCOL_RANGE_MPEG
_MATRIX = {"bt709": 1, "bt601": 6, "bt2020": 9}
_DEN_LIMIT = (1 << 31) - 1  # of a time base in MP4


class ClipWriter:
    """A `Writer` of clips. A frame given to `write` belongs to the writer from then on.

    Args:
        path: the file to fill; what it held is lost.
        facts: of the source; `width`, `height` and `orientation` describe the output too.
        suffix: what the finished file will be called, where `path` is a temporary name.
        lossless: every sample as given.
        preset, quality: of the coder; see `clip_encoding`.
        sound: where the samples wait that are to be kept.
        threads: of the coder. One: the least CPU time in all, and the same bytes on every machine.

    Raises:
        BadSpec: `media.unknown-output`.
        Unsupported: `media.no-encoder`.
    """

    def __init__(
        self,
        path: Path,
        facts: Facts,
        *,
        suffix: str = "",
        lossless: bool = False,
        preset: str = "veryfast",
        quality: int = 23,
        sound: SoundQueue | None = None,
        threads: int = 1,
    ) -> None:
        self.path, self._facts, self._threads = path, facts, threads
        size = (facts.height, facts.width) if facts.orientation >= 5 else (facts.width, facts.height)
        self._size = size
        self.encoding = encoding_for(suffix or path.suffix, facts.form, size, lossless=lossless, preset=preset, quality=quality)
        self._sound = sound
        self._frames: queue.Queue[Frame | None] = queue.Queue(_WAITING)
        self._failure: BaseException | None = None
        self._stopped = self._finished = False
        self._open()
        self._coder = threading.Thread(target=self._run, name="velatura-coder", daemon=True)
        self._coder.start()

    def write(self, frame: Frame) -> None:
        """Queue a frame; waits while the coder is behind. An earlier failure of the coder is raised here."""
        if frame.form != self._facts.form or frame.stored_size != self._size:
            raise ValueError(f"a frame of {frame.stored_size} in {frame.form} is not of this clip: {self._size} in {self._facts.form}")
        self._put(frame)

    def finish(self) -> None:
        """Code what waits, complete the file."""
        self._put(None)
        self._coder.join()
        self._raise_failure()
        self._finished = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._finished:
            return
        self._stopped = True
        while self._coder.is_alive():
            try:
                self._frames.put(None, timeout=0.05)
            except queue.Full:
                continue
            self._coder.join()
        self.path.unlink(missing_ok=True)

    def _put(self, frame: Frame | None) -> None:
        while True:
            self._raise_failure()
            try:
                return self._frames.put(frame, timeout=0.2)
            except queue.Full:
                continue

    def _raise_failure(self) -> None:
        if self._failure is not None:
            self._stopped = True
            raise self._failure

    def _open(self) -> None:
        self._file = self.path.open("wb")
        try:
            self._container = av.open(self._file, "w", format=self.encoding.muxer, options=self._muxing())
            self._stream = self._picture_stream()
            self._sound_writer = SoundWriter(self._container, self._sound) if self._sound else None
            self._container.start_encoding()
            self._strip = BitStreamFilterContext(self.encoding.strip, self._stream) if self.encoding.strip else None
        except (av.error.FFmpegError, OSError) as error:
            self._abandon()
            raise _refusal(error, self.encoding) from error

    def _picture_stream(self) -> VideoStream:
        stream = self._container.add_stream(self.encoding.codec)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *self._size, self.encoding.pixel_format
        stream.time_base = self._facts.time_base
        context = stream.codec_context
        context.time_base = self._facts.time_base
        context.framerate = Fraction(self._facts.rate or 25).limit_denominator(1001)
        context.sample_aspect_ratio = self._facts.sample_aspect
        context.thread_count = self._threads
        context.flags |= av.codec.context.Flags.bitexact
        context.options = self.encoding.options
        _tag(context, self.encoding.form, self._facts)
        if self._facts.orientation != 1:
            stream.set_display_matrix(matrix_for(self._facts.orientation))
        return stream

    def _muxing(self) -> dict[str, str]:
        options = {"fflags": "+bitexact"}
        if self.encoding.muxer in ("mp4", "mov") and self._facts.time_base.denominator <= _DEN_LIMIT:
            # The movie's own scale too: it counts the delay before a first frame that is not at 0, by default in milliseconds.
            options["video_track_timescale"] = options["movie_timescale"] = str(self._facts.time_base.denominator)
        return options

    def _run(self) -> None:
        """The coder's thread."""
        try:
            track = _Track(self)
            while (frame := self._frames.get()) is not None and not self._stopped:
                track.add(frame)
            if not self._stopped:
                track.end()
                self._container.close()
            self._file.close()
        except BaseException as error:  # handed to the caller's thread, which raises it
            self._failure = _refusal(error, self.encoding) if isinstance(error, av.error.FFmpegError) else error
            self._abandon()

    def _abandon(self) -> None:
        """After a first failure: what the buffer holds may fail to be written once more, and says nothing new."""
        with contextlib.suppress(OSError):
            self._file.close()


class _Track:
    """One pass of frames through coder, filter and muxer; lives in the coder's thread."""

    def __init__(self, writer: ClipWriter) -> None:
        self._writer = writer
        self._base = writer._facts.time_base
        self._stream, self._container = writer._stream, writer._container
        self._last = -1
        self._lengths: dict[int, int] = {}

    def add(self, frame: Frame) -> None:
        picture = filled(frame, self._writer.encoding)
        picture.time_base = self._base
        ticks = max(round(frame.time / self._base), self._last + 1)
        length = round(frame.duration / self._base) if frame.duration else ticks - max(self._last, 0)
        self._lengths[ticks] = max(1, length)
        picture.pts = self._last = ticks
        self._mux(self._stream.encode(picture))
        if self._writer._sound_writer:
            self._writer._sound_writer.drain()

    def end(self) -> None:
        self._mux(self._stream.encode(None))
        if self._writer._strip:
            self._container.mux(self._writer._strip.filter(None))
        if self._writer._sound_writer:
            self._writer._sound_writer.end()

    def _mux(self, packets: list[av.Packet[VideoStream]]) -> None:
        for packet in packets:
            # The muxer takes the last frame's length from here: with none the edit list of an MP4 would end before it and hide it.
            packet.duration = self._lengths.pop(packet.pts, 1) if packet.pts is not None else 1
            self._container.mux(self._writer._strip.filter(packet) if self._writer._strip else [packet])


def _tag(context: av.VideoCodecContext, form: PixelForm, facts: Facts) -> None:
    primaries, transfer, matrix = facts.colour
    context.color_range = _FULL if form.full_range else _STUDIO
    context.color_primaries, context.color_trc = primaries, transfer
    context.colorspace = matrix if facts.form.colour == "yuv" else _MATRIX[form.matrix]


def _refusal(error: OSError | av.error.FFmpegError, encoding: Encoding) -> BaseException:
    """A coder's refusal in our words; what Python's own file raised (a full disk) stays what it is."""
    if isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError):
        return error
    return VelaturaError(
        "media.encoder", f"the coder {encoding.codec} refuses {encoding.pixel_format}: {error.strerror}", hint="choose another output format"
    )
