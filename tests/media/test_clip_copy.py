"""A clip through guest, wire, reader and writer, end to end in one process; the confined child is tested in test_source.py."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from tests.media.clip_makers import make_clip, moving, open_clip
from tests.media.in_thread import reader, refused
from tests.media.test_guest_clip import with_sound

from velatura.errors import BadInput
from velatura.media.clip_writer import ClipWriter
from velatura.media.sound import SoundQueue


def copy(tmp_path, data, suffix=".mp4", *, audio=False, **how):
    source, target = tmp_path / "in.bin", tmp_path / f"out{suffix}"
    source.write_bytes(data)
    with reader(source, audio=audio) as clip, ClipWriter(target, clip.facts, sound=clip.sound if audio else None, **how) as writer:
        for frame in clip:
            writer.write(frame)
        writer.finish()
        return target.read_bytes(), clip


def test_a_copy_has_every_frame_at_its_time(tmp_path):
    ticks = (0, 1500, 9000, 9001, 30_000, 61_000, 90_000, 180_000)
    data = make_clip(ticks=ticks, base=Fraction(1, 90_000), muxing={"video_track_timescale": "90000", "movie_timescale": "90000"}, paint=moving)
    result, _ = copy(tmp_path, data)
    assert [frame.ticks for frame in open_clip(result).frames()] == list(ticks)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuv444p12le", "gray"])
def test_a_lossless_copy_is_the_clip(tmp_path, pixels):
    data = make_clip("matroska", "ffv1", pixels=pixels, size=(51, 37), ticks=range(0, 400, 40), base=Fraction(1, 1000))
    result, _ = copy(tmp_path, data, ".mkv", lossless=True)
    before, after = open_clip(data), open_clip(result)
    assert before.facts.form == after.facts.form
    for ours, theirs in zip(after.frames(), before.frames(), strict=True):
        assert (ours.ticks, ours.length) == (theirs.ticks, theirs.length)
        for plane, reference in zip(ours.planes, theirs.planes, strict=True):
            np.testing.assert_array_equal(plane, reference)


def tone_of(data):
    """Samples of a sound track, mono, and when they start."""
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        frames = list(container.decode(audio=0))
        parts = [part.to_ndarray()[0] for frame in [*frames, None] for part in resampler.resample(frame)]
        return np.concatenate(parts).astype(float), float(frames[0].pts * frames[0].time_base)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mkv", "aac"), (".webm", "opus")])
def test_kept_sound_is_encoded_anew_and_stays_in_step(tmp_path, suffix, codec):
    data = with_sound(late=22_050)
    result, clip = copy(tmp_path, data, suffix, audio=True)
    assert "sound track (aac)" not in clip.facts.dropped
    facts = open_clip(result).facts
    assert facts.audio == codec
    (before, start), (after, began) = tone_of(data), tone_of(result)
    assert began == pytest.approx(start, abs=0.03)
    length = min(len(before), len(after)) - 6000
    likeness = [np.corrcoef(before[3000 : 3000 + length], after[3000 + shift : 3000 + shift + length])[0, 1] for shift in range(-480, 481, 8)]
    assert max(likeness) > 0.98


def test_sound_is_dropped_unless_asked_for(tmp_path):
    result, clip = copy(tmp_path, with_sound())
    assert clip.facts.audio == "aac"
    assert "sound track (aac)" in clip.facts.dropped
    assert open_clip(result).facts.audio == ""


def test_a_damaged_frame_arrives_flagged(tmp_path):
    data = bytearray(make_clip("matroska", "ffv1", paint=moving, options={"level": "3", "slicecrc": "1", "g": "1"}))
    data[len(data) // 2] ^= 1
    (tmp_path / "in.mkv").write_bytes(bytes(data))
    with reader(tmp_path / "in.mkv") as clip:
        assert sum(frame.corrupt for frame in clip) == 1
        assert clip.notes == ("1 damaged frames",)


def test_refusals_name_the_file(tmp_path):
    path = tmp_path / "in.mp4"
    path.write_bytes(make_clip()[:-5])
    assert refused(path) == "media.truncated"
    path.write_bytes(make_clip(muxing={"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16, "encryption_kid": "11" * 16}))
    assert refused(path) == "media.encrypted"
    path.write_bytes(make_clip("mpegts") + make_clip("mpegts", size=(96, 64)))
    assert refused(path) == "media.size-changed"


def test_half_a_sample_and_endless_sound_are_refused(monkeypatch):
    queue = SoundQueue(48_000, 2)
    with pytest.raises(BadInput, match=r"media\.malformed"):
        queue.put(Fraction(0), bytes(6))
    monkeypatch.setattr("velatura.media.sound._MOST_BYTES", 4096)
    queue.put(Fraction(0), bytes(4000))
    assert [samples.values.shape for samples in queue.take()] == [(1000, 2)]
    with pytest.raises(BadInput, match=r"media\.too-large"):
        for _ in range(3):
            queue.put(Fraction(0), bytes(2000))


def test_a_real_cameras_clip_is_copied_without_its_telemetry(tmp_path, shared):
    data = (shared / "data/clips/walk_gopro.mp4").read_bytes()
    with av.open(io.BytesIO(data)) as whole:
        count = whole.streams.video[0].frames
    result, clip = copy(tmp_path, data, preset="ultrafast")
    assert clip.facts.frames == count
    assert not any(word in result for word in (b"GoPro", b"GPS5", b"gpmd", b"+33.1", b"2019"))
    copied = open_clip(result)
    assert copied.facts.dropped == ()
    assert sum(1 for _ in copied.frames()) == count
