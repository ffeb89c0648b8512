"""A clip's bytes into frames and sound, one event after the other; this is what runs on hostile bytes inside the decoder's child.

Frames come in presentation order with the container's own ticks. Frames that an edit list hides are not shown (FFmpeg drops them), so they
never reach an output. Damage is spread to all that depends on it (damage.py); a frame that could not be decoded at all comes as a black one at
its time, marked corrupt. A file that announces more than it holds, changes its picture size or is encrypted is refused by name.
Limit: an animation's or a broadcast's change of size in the middle is refused, not followed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from velatura.errors import BadInput, Unsupported
from velatura.media.boxes import Outline, Source, outline
from velatura.media.clip_packets import decoded, decoder_for, encrypted, listen_to_decoders
from velatura.media.clip_planes import Colours, colours_of, opaque, planes_of
from velatura.media.clip_streams import dropped, picture_stream, sound_stream
from velatura.media.damage import Damage, Decoded
from velatura.media.display_matrix import orientation_of, parse
from velatura.media.frame import PixelForm, Plane
from velatura.media.reader import Facts, Limits
from velatura.media.timeline import Timeline

__all__ = ["DEMUXERS", "Clip", "Shown", "open_container"]

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "mpegts",
    "mpeg",
    "flv",
    "asf",
    "ogg",
    "mxf",
    "dv",
    "nut",
    "ivf",
    "h264",
    "hevc",
    "m4v",
    "mpegvideo",
    "yuv4mpegpipe",
)
"""Containers that are opened. Not among them: those that name other files (concat, hls, dash, sdp), and pictures, which have readers of their own."""

_LONGEST_S = 10_000_000  # four months: no clip is so long, a stamp beyond it is an attack on what comes after
_MICRO = 1_000_000
# Containers whose clock starts at 0 by definition: a first frame after it stays after it. The others (broadcast) start anywhere.
_FROM_ZERO = frozenset({"mov", "matroska", "asf", "flv", "ogg", "nut", "ivf"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame as a player shows it; `planes` (views, valid until the next event) None: undecodable, show black. Times in ticks of the facts' base."""

    planes: list[Plane] | None
    form: PixelForm
    ticks: int
    length: int
    corrupt: bool


def open_container(file: Source) -> InputContainer:
    """Open `file` with the demuxer that its content asks for.

    Raises:
        BadInput: `media.malformed`.
    """
    options = {"format_whitelist": ",".join(DEMUXERS)}
    try:
        return av.open(file, "r", options=options, metadata_errors="replace", buffer_size=1 << 16)
    except (av.error.FFmpegError, ValueError) as error:
        raise BadInput("media.malformed", "cannot be opened as a clip: its container is damaged or of no known kind") from error


class Clip:
    """One open clip: `facts` after construction, then `frames()` once.

    Args:
        file: positioned reading, e.g. a feed; used by this clip alone.
        size: of the file in bytes.
        limits: what the clip may ask of us.
        sound: its sound track is kept (ClipSound reads it): it is not among what is dropped.

    Raises:
        BadInput: `media.truncated`, `media.malformed`, `media.too-large`, `media.no-frames`.
        Unsupported: `media.encrypted`, `media.no-picture`, `media.no-decoder`, `media.size-changed`.
    """

    def __init__(self, file: Source, size: int, limits: Limits, *, sound: bool = False) -> None:
        listen_to_decoders()
        self._limits = limits
        self._outline = _outline(file, size)
        file.seek(0)
        self._container = open_container(file)
        stream = picture_stream(self._container)
        if stream is None:
            raise Unsupported("media.no-picture", "has no picture stream that a decoder exists for")
        self._stream = stream
        self._codec = decoder_for(stream, limits)
        self._checked_size(self._codec.width, self._codec.height)
        self._waiting = self._decoded()
        self._before: list[Decoded[av.VideoFrame]] = []
        first = self._first_picture()
        self.colours = colours_of(first, self._codec.name)
        self.start = _start(self._container, stream, self._before[-1].pts)
        self._timeline = Timeline(self.start, _step(stream))
        self.stored_size = (first.width, first.height)
        self.facts = self._facts(first, keep_sound=sound)
        self.damaged = 0

    @property
    def repaired(self) -> int:
        """How many time stamps were put right so far."""
        return self._timeline.repaired

    def frames(self) -> Iterator[Shown]:
        """Every frame that the container shows; each knows its length once the next one is there."""
        last: Shown | None = None
        for count, frame in enumerate(self._all(), 1):
            if count > self._limits.frames:
                raise BadInput("media.too-large", f"has more than {self._limits.frames} frames")
            shown = self._shown(frame)
            if last is not None:
                yield replace(last, length=shown.ticks - last.ticks)
            last = shown
        if last is not None:
            yield replace(last, length=self._last_length(last))

    def _all(self) -> Iterator[Decoded[av.VideoFrame]]:
        yield from self._before
        self._before.clear()
        yield from self._waiting

    def _shown(self, frame: Decoded[av.VideoFrame]) -> Shown:
        ticks = self._timeline.place(frame.pts, frame.length)
        if abs(ticks * self.facts.time_base) > _LONGEST_S:
            raise BadInput("media.malformed", f"a frame's time stamp lies beyond {_LONGEST_S} seconds")
        self.damaged += frame.corrupt
        form = opaque(self.colours.form)
        if frame.picture is None:
            return Shown(None, form, ticks, 0, corrupt=True)
        if (frame.picture.width, frame.picture.height) != self.stored_size:
            raise Unsupported("media.size-changed", "its pictures change their size in the middle", hint="cut it where the size changes")
        if colours_of(frame.picture, self._codec.name).name != self.colours.name:
            raise Unsupported("media.size-changed", "its pictures change their pixel format in the middle", hint="cut it where the format changes")
        return Shown(_planes(frame.picture, self.colours), form, ticks, 0, frame.corrupt)

    def _last_length(self, last: Shown) -> int:
        """The end of the only track ends the last frame; beside a sound track its own length must do."""
        if len(self._container.streams) == 1 and self._container.duration:
            end = Fraction(self._container.duration + (self._container.start_time or 0), _MICRO) / self.facts.time_base
            if (length := round(end) - self.start - last.ticks) > 0:
                return length
        return self._timeline.step

    def _first_picture(self) -> av.VideoFrame:
        for frame in self._waiting:
            self._before.append(frame)
            if frame.picture is not None:
                return frame.picture
            if len(self._before) > 10_000:
                break
        if self._before:
            raise BadInput("media.malformed", "none of its pictures can be decoded")
        raise BadInput("media.no-frames", "has no frame")

    def _decoded(self) -> Iterator[Decoded[av.VideoFrame]]:
        damage: Damage[av.VideoFrame] = Damage()
        for frame in decoded(self._container, self._stream, self._codec):
            if isinstance(frame, Decoded) and frame.picture is not None:
                self._checked_size(frame.picture.width, frame.picture.height)
            yield from damage.put(frame, reorder=min(16, self._codec.reorder_depth))
        yield from damage.drain()

    def _checked_size(self, width: int, height: int) -> None:
        if width * height > self._limits.pixels:
            raise BadInput("media.too-large", f"{width} x {height} is more than {self._limits.pixels} pixels")

    def _facts(self, first: av.VideoFrame, *, keep_sound: bool) -> Facts:
        orientation, exact = _orientation(first)
        width, height = self.stored_size if orientation < 5 else self.stored_size[::-1]
        sound = sound_stream(self._container)
        kept = [self._stream, sound] if keep_sound and sound else [self._stream]
        names = list(dropped(self._container, kept, self._outline))
        names += [] if exact else ["a turn between the right angles"]
        names += ["marks of interlaced fields (the lines stay woven)"] if first.interlaced_frame else []
        names += ["transparency (laid over black)"] if self.colours.form.alpha else []
        rate = _rate(self._stream)
        seconds = (self._container.duration or 0) / _MICRO
        return Facts(
            kind="clip",
            container=self._container.format.name.split(",")[0],
            codec=self._codec.name,
            width=width,
            height=height,
            form=opaque(self.colours.form),
            orientation=orientation,
            frames=self._stream.frames or (round(seconds * rate) if rate else 0) or None,
            rate=rate,
            duration_s=seconds if seconds > 0 else None,
            time_base=self._stream.time_base or Fraction(1, 1000),
            sample_aspect=_aspect(self._stream),
            colour=self.colours.tags,
            audio=sound.codec_context.name if sound else "",
            dropped=tuple(names),
        )


def _outline(file: Source, size: int) -> Outline:
    found = outline(file, size)
    if found.encrypted:
        raise encrypted()
    if found.cut:
        raise BadInput("media.truncated", "ends before its container says: the end is missing", hint="copy it again")
    return found


def _planes(frame: av.VideoFrame, colours: Colours) -> list[Plane]:
    try:
        return planes_of(frame, colours)
    except (ValueError, av.error.FFmpegError) as error:
        raise Unsupported("media.no-decoder", f"its pixel format {frame.format.name} is not treated") from error


def _orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    stored: Any = frame.side_data.get("DISPLAYMATRIX")
    matrix = parse(bytes(stored)) if stored is not None else None
    return orientation_of(matrix) if matrix else (1, True)


def _start(container: InputContainer, stream: VideoStream, first: int | None) -> int:
    """Where the clip's clock starts, in ticks of the picture stream."""
    if container.format.name == "avi":
        return first or 0
    if container.format.name.split(",")[0] in _FROM_ZERO or not container.start_time or not stream.time_base:
        return 0
    return math.floor(Fraction(container.start_time, _MICRO) / stream.time_base + Fraction(1, 2))


def _rate(stream: VideoStream) -> float | None:
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate and 0 < rate <= 100_000 else None


def _step(stream: VideoStream) -> int:
    rate = _rate(stream)
    return round(1 / (rate * stream.time_base)) if rate and stream.time_base else 1


def _aspect(stream: VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio
    return aspect if aspect and Fraction(1, 100) < aspect < 100 else Fraction(1)
