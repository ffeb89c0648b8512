"""Small clips made in memory, for the tests of clips: nothing here is read from a disk."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import av
import numpy as np

from velatura.media.clip_decoder import Clip, Shown
from velatura.media.clip_packets import listen_to_decoders
from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts, Limits

listen_to_decoders()  # and keep them quiet

Paint = Callable[[av.VideoFrame, int], None]


def shades(frame: av.VideoFrame, index: int) -> None:
    """Frame `index` in a grey of its own."""
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = (40 + 9 * index) % 200


def moving(frame: av.VideoFrame, index: int) -> None:
    """A smooth texture that moves a pixel a frame: prediction has something to carry on."""
    height, width = frame.height, frame.width
    y, x = np.mgrid[index : index + height, index : index + width]
    wave = 128 + 60 * np.sin(x / 5.0) * np.cos(y / 7.0) + 40 * np.sin((x + 2 * y) / 11.0)
    _rows(frame, 0)[...] = wave.astype(np.uint8)
    for plane in frame.planes[1:]:
        np.frombuffer(plane, np.uint8)[:] = 128


def _rows(frame: av.VideoFrame, plane: int) -> np.ndarray:
    target = frame.planes[plane]
    return np.frombuffer(target, np.uint8).reshape(target.height, target.line_size)[:, : target.width]


def make_clip(
    muxer: str = "mp4",
    codec: str = "libx264",
    *,
    size: tuple[int, int] = (64, 48),
    pixels: str = "yuv420p",
    ticks: Sequence[int] = tuple(range(12)),
    base: Fraction = Fraction(1, 25),
    paint: Paint = shades,
    options: Mapping[str, str] | None = None,
    muxing: Mapping[str, str] | None = None,
    dress: Callable[[av.container.OutputContainer], None] | None = None,
    more: Callable[[av.container.OutputContainer], None] | None = None,
) -> bytes:
    """A clip with a frame at each of `ticks`; `dress` may add streams and metadata before the header is written, `more` fills them at the end."""
    store = io.BytesIO()
    with av.open(store, "w", format=muxer, options=dict(muxing or {})) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.time_base = stream.codec_context.time_base = base
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"} | dict(options or {})
        if dress:
            dress(container)
        for index, tick in enumerate(ticks):
            frame = av.VideoFrame(*size, pixels)
            paint(frame, index)
            frame.pts, frame.time_base = tick, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if more:
            more(container)
    return store.getvalue()


def open_clip(data: bytes, limits: Limits | None = None) -> Clip:
    """`data` as the decoder's child opens it, here without a child."""
    return Clip(io.BytesIO(data), len(data), limits or Limits())


def decode(data: bytes) -> list[Shown]:
    """All frames, their planes copied."""
    return [
        Shown([plane.copy() for plane in shown.planes] if shown.planes else None, shown.form, shown.ticks, shown.length, shown.corrupt)
        for shown in open_clip(data).frames()
    ]


def clip_facts(form: PixelForm, stored: tuple[int, int], *, orientation: int = 1, base: Fraction = Fraction(1, 1000), **more: object) -> Facts:
    """Facts of a clip whose stored pictures have that size."""
    width, height = stored if orientation < 5 else stored[::-1]
    return Facts("clip", "mov", width, height, form, orientation=orientation, time_base=base, rate=25.0, **more)  # type: ignore[arg-type]


def noise_frame(form: PixelForm, stored: tuple[int, int], seed: int, *, time: Fraction = Fraction(0), orientation: int = 1) -> Frame:
    """A frame whose every sample is drawn over the whole range."""
    rng = np.random.default_rng(seed)
    planes = [rng.integers(0, form.peak + 1, shape).astype(form.dtype) for shape in form.shapes(*stored)]
    return Frame(planes, form, orientation, seed, time)
