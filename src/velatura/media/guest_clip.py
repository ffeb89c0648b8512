"""Decodes clips in the decoder's child: frames in their own planes and at their own times, and on request the sound beside them."""

from __future__ import annotations

import io
from fractions import Fraction
from importlib import import_module

import av
import numpy as np

from velatura.media.clip_decoder import Clip, Shown
from velatura.media.clip_packets import listen_to_decoders
from velatura.media.clip_sound import RATE, ClipSound
from velatura.media.frame import Plane
from velatura.media.outlet import Outlet, frame_bytes
from velatura.media.reader import Limits
from velatura.media.rehearsal import rehearse

__all__ = ["decode", "warm"]

_AHEAD = Fraction(1, 2)  # seconds that the sound runs before the pictures, so that a muxer never waits for it


def decode(outlet: Outlet) -> None:
    """Answer one request for a clip. Raises BadInput."""
    request = outlet.request
    limits = Limits(pixels=request.pixels, frames=request.frames)
    clip = Clip(outlet.file, outlet.file.size, limits, sound=request.audio)
    base = clip.facts.time_base
    sound = ClipSound(outlet.file.again(), clip.start * base) if request.audio and clip.facts.audio else None
    size = frame_bytes(clip.facts.form, *clip.stored_size)
    outlet.open(clip.facts, slot_bytes=size, sound_rate=RATE if sound else 0, sound_channels=sound.channels if sound else 0)
    for shown in clip.frames():
        if sound:
            _hand_over_sound(outlet, sound, shown.ticks * base + _AHEAD)
        planes = _black(clip) if shown.planes is None else shown.planes
        _hand_over(outlet, clip, shown, planes)
    if sound:
        _hand_over_sound(outlet, sound, None)
    outlet.end(*_notes(clip))


def _hand_over(outlet: Outlet, clip: Clip, shown: Shown, planes: list[Plane]) -> None:
    base = clip.facts.time_base
    outlet.frame(planes, shown.form, time=shown.ticks * base, duration=shown.length * base, orientation=clip.facts.orientation, corrupt=shown.corrupt)


def _hand_over_sound(outlet: Outlet, sound: ClipSound, second: Fraction | None) -> None:
    for time, samples in sound.until(second):
        outlet.sound(time, samples)


def _black(clip: Clip) -> list[Plane]:
    form = clip.facts.form
    return [np.full(shape, value, form.dtype) for shape, value in zip(form.shapes(*clip.stored_size), form.black(), strict=True)]


def _notes(clip: Clip) -> list[str]:
    notes = [f"{clip.damaged} damaged frames"] if clip.damaged else []
    return notes + ([f"{clip.repaired} time stamps that could not be meant, put right"] if clip.repaired else [])


def warm() -> None:
    """Decode a sample with each path that imports or allocates once: demuxers, decoders, swscale, transparency, the resampler."""
    for module in ("av.subtitles.codeccontext", "av.subtitles.subtitle"):  # PyAV imports them at the first subtitle track that it meets
        import_module(module)
    listen_to_decoders()
    for muxer, codec, pixels, sound in (
        ("mp4", "libx264", "yuv420p", "aac"),
        ("webm", "libvpx-vp9", "yuva420p", "libopus"),
        ("avi", "rawvideo", "bgr24", "pcm_s16le"),
    ):
        rehearse(decode, _sample(muxer, codec, pixels, sound), pixels=64 * 64, audio=True)


def _sample(muxer: str, codec: str, pixels: str, sound: str) -> bytes:
    store = io.BytesIO()
    with av.open(store, "w", format=muxer) as container:
        picture = container.add_stream(codec, rate=25)
        track = container.add_stream(sound, rate=RATE, layout="stereo")
        assert isinstance(picture, av.VideoStream) and isinstance(track, av.AudioStream)
        picture.width = picture.height = 16
        picture.pix_fmt = pixels
        picture.codec_context.thread_count = 1
        for index in range(2):
            frame = av.VideoFrame(16, 16, pixels)
            frame.pts = index
            container.mux(picture.encode(frame))
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 2048), np.int16), format="s16", layout="stereo")
        samples.sample_rate, samples.pts = RATE, 0
        container.mux([*track.encode(samples), *track.encode(None), *picture.encode(None)])
    return store.getvalue()
