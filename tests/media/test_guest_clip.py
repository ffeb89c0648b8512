from fractions import Fraction

import av
import numpy as np
import pytest
from tests.media.clip_makers import make_clip, moving

from velatura.media import guest_clip
from velatura.media.rehearsal import rehearse
from velatura.media.wire import End, Heard, Opened, Shown, fraction


def with_sound(muxer="mp4", codec="libx264", sound="aac", *, rate=44_100, layout="stereo", late=0, count=50):
    """Two seconds of picture; a tone that starts `late` samples after them."""

    def dress(container):
        container.add_stream(sound, rate=rate, layout=layout)

    def more(container):
        track = container.streams.audio[0]
        channels = track.codec_context.channels
        tone = (9000 * np.sin(np.arange(2 * rate) * 2 * np.pi * 440 / rate)).astype(np.int16)
        samples = av.AudioFrame.from_ndarray(tone.repeat(channels).reshape(1, -1), format="s16", layout=layout)
        samples.sample_rate, samples.time_base, samples.pts = rate, Fraction(1, rate), late
        container.mux([*track.encode(samples), *track.encode(None)])

    return make_clip(muxer, codec, ticks=range(count), dress=dress, more=more, paint=moving)


def said(data, **how):
    return rehearse(guest_clip.decode, data, **how)


def test_a_clip_is_told_shown_and_ended():
    opened, *shown, end = said(make_clip(ticks=[0, 2, 3, 9]))
    assert isinstance(opened, Opened)
    assert (opened.what, opened.container, opened.codec, opened.width, opened.height) == ("clip", "mov", "h264", 64, 48)
    assert all(isinstance(frame, Shown) and frame.form == opened.form for frame in shown)
    assert [fraction(frame.time) for frame in shown] == [Fraction(tick, 25) for tick in (0, 2, 3, 9)]
    assert [fraction(frame.duration) for frame in shown[:3]] == [Fraction(tick, 25) for tick in (2, 1, 6)]
    assert end == End()


def test_planes_lie_tightly_in_their_slots():
    data = make_clip("matroska", "ffv1", size=(33, 21), paint=moving, ticks=range(3))
    mapping = bytearray(1 << 16)
    opened, *shown, _ = rehearse(guest_clip.decode, data, mapping=memoryview(mapping))
    at = shown[-1].slot * opened.slot_bytes
    luma = np.frombuffer(mapping, np.uint8, 33 * 21, at).reshape(21, 33)
    frame = av.VideoFrame(33, 21, "yuv420p")
    moving(frame, 2)
    np.testing.assert_array_equal(luma, np.frombuffer(frame.planes[0], np.uint8).reshape(21, -1)[:, :33])


def test_sound_comes_only_when_asked_for():
    data = with_sound()
    quiet = said(data)
    assert not any(isinstance(answer, Heard) for answer in quiet)
    assert quiet[0].sound_rate == 0
    assert "sound track (aac)" in quiet[0].dropped
    loud = said(data, audio=True)
    assert any(isinstance(answer, Heard) for answer in loud)
    assert (loud[0].sound_rate, loud[0].sound_channels) == (48_000, 2)
    assert loud[0].dropped == ()


@pytest.mark.parametrize(
    ("muxer", "codec", "sound", "rate", "layout", "channels"),
    [
        ("mp4", "libx264", "aac", 44_100, "stereo", 2),
        ("webm", "libvpx-vp9", "libopus", 48_000, "mono", 1),
        ("avi", "mpeg4", "pcm_s16le", 8_000, "mono", 1),
        ("matroska", "libx264", "aac", 48_000, "5.1", 2),
    ],
)
def test_sound_becomes_samples_in_step_with_the_pictures(muxer, codec, sound, rate, layout, channels):
    opened, *events, _ = said(with_sound(muxer, codec, sound, rate=rate, layout=layout), audio=True)
    assert opened.sound_channels == channels
    heard = [event for event in events if isinstance(event, Heard)]
    assert fraction(heard[0].time) < Fraction(1, 20)
    total = sum(len(event.samples) for event in heard) // (2 * channels)
    assert total == pytest.approx(2 * 48_000, rel=0.05)
    reached = Fraction(0)
    for event in events:
        if isinstance(event, Heard):
            reached = fraction(event.time) + Fraction(len(event.samples), 96_000 * channels)
        elif fraction(event.time) < Fraction(3, 2):
            assert reached >= fraction(event.time)


def test_a_tone_that_starts_late_stays_late():
    _, *events, _ = said(with_sound(late=22_050), audio=True)
    parts = [(fraction(event.time), np.frombuffer(event.samples, "<i2")) for event in events if isinstance(event, Heard)]
    start = next(time + Fraction(int(np.argmax(np.abs(values) > 2000)), 96_000) for time, values in parts if (np.abs(values) > 2000).any())
    assert float(start) == pytest.approx(0.5, abs=0.03)


def test_damage_and_repairs_are_noted():
    data = bytearray(make_clip("matroska", "ffv1", paint=moving, options={"level": "3", "slicecrc": "1", "g": "1"}))
    data[len(data) // 2] ^= 1
    assert said(bytes(data))[-1].notes == ("1 damaged frames",)


def test_a_clip_without_sound_is_not_asked_for_it():
    assert said(make_clip(), audio=True)[0].sound_rate == 0
