"""What every reader and writer of pictures and clips has in common: the facts of a source, its limits, and the two protocols.

`velatura.media.source` opens a file by its content; `velatura.media.sink` makes the writer that fits an output's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Literal, Protocol, Self

from velatura.media.frame import Frame, PixelForm

__all__ = ["Facts", "Limits", "Reader", "Writer"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one input may ask of us before it is refused (`media.too-large`). Checked before memory is taken."""

    pixels: int = 120_000_000  # of one frame: a 100-megapixel camera passes, a bomb of 65,500 x 65,500 does not
    frames: int = 2_000_000  # of one clip: 18 hours at 30/s
    pages: int = 10_000  # of one picture
    picture_bytes: int = 1 << 30  # a picture is held in memory whole; a clip is not
    wait_s: float = 60.0  # for the next frame: 100 megapixels of AVIF take 10 on one core


@dataclass(frozen=True, slots=True)
class Facts:
    """What a source is, as read by the confined decoder.

    Attributes:
        kind: "picture" (one frame), "pages" (unrelated frames: TIFF), "animation" (timed frames of a picture format) or "clip".
        container: by content: "jpeg", "png", "webp", "avif", "heic", "bmp", "tiff", "gif", "netpbm" or the demuxer's ("mov,mp4", "matroska" ...).
        codec: of the clip's video stream, else "".
        width, height: of the upright picture (first frame).
        orientation: EXIF orientation of the stored planes of a clip; 1 for pictures (they arrive upright).
        form: of the first frame.
        frames: how many, where known; for a clip an estimate.
        rate: mean frames a second of a clip, where known.
        duration_s: of a clip, where known.
        time_base: of the clip's time stamps; an output keeps it.
        sample_aspect: pixel aspect ratio of a clip, 1 where unstated.
        colour: of a clip: primaries, transfer and matrix as numbered by ITU-T H.273; 2 is unstated.
        loop: how often an animation is played; 0 for ever.
        audio: a sound track is there ("aac", ...; "" for none).
        dropped: what the output will not have, each in words a person understands ("sound track (aac)", "data track (gpmd)", "GPS position").
        confined: None if the decoder ran confined, else the sentence that says why not.
    """

    kind: Literal["picture", "pages", "animation", "clip"]
    container: str
    width: int
    height: int
    form: PixelForm
    codec: str = ""
    orientation: int = 1
    frames: int | None = None
    rate: float | None = None
    duration_s: float | None = None
    time_base: Fraction = Fraction(1, 90_000)
    sample_aspect: Fraction = Fraction(1)
    colour: tuple[int, int, int] = (2, 2, 2)
    loop: int = 0
    audio: str = ""
    dropped: tuple[str, ...] = ()
    confined: str | None = None


class Reader(Protocol):
    """Frames of one file in presentation order, once. `with` it: leaving ends the decoder's child."""

    @property
    def facts(self) -> Facts: ...
    def __iter__(self) -> Iterator[Frame]:
        """Raises BadInput: `media.truncated`, `media.malformed`, `media.too-large`, `media.decoder-crashed`, `media.decoder-hung`."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Writer(Protocol):
    """Takes frames in presentation order into a file that it makes anew. `finish` completes it; leaving `with` without it removes it."""

    def write(self, frame: Frame) -> None: ...
    def finish(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
