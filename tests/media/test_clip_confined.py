"""Clips through the real confined child: every decoder must work after the lock, where nothing can be imported, opened or started."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media.clip_makers import make_clip, moving
from tests.media.test_guest_clip import with_sound

from velatura.errors import VelaturaError
from velatura.media.reader import Limits
from velatura.media.source import Decoder


@pytest.fixture(scope="module")
def decoder():
    with Decoder(Limits(pixels=1 << 20)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("muxer", "codec", "pixels", "read_as"),
    [
        ("mp4", "libx264", "yuv422p10le", "h264"),
        ("mp4", "libx265", "yuv420p12le", "hevc"),
        ("webm", "libvpx", "yuv420p", "vp8"),
        ("webm", "libvpx-vp9", "yuva420p", "libvpx-vp9"),
        ("matroska", "ffv1", "yuv444p12le", "ffv1"),
        ("matroska", "libsvtav1", "yuv420p", "libdav1d"),
        ("avi", "mjpeg", "yuvj420p", "mjpeg"),
        ("mov", "prores_ks", "yuv422p10le", "prores"),
        ("mov", "png", "rgba", "png"),
        ("mpegts", "mpeg2video", "yuv420p", "mpeg2video"),
        ("asf", "wmv2", "yuv420p", "wmv2"),
        ("flv", "flv", "yuv420p", "flv"),
        ("nut", "rawvideo", "nv12", "rawvideo"),
    ],
)
def test_every_decoder_works_behind_the_lock(tmp_path, decoder, muxer, codec, pixels, read_as):
    path = tmp_path / "clip.bin"
    path.write_bytes(make_clip(muxer, codec, pixels=pixels, size=(96, 64), ticks=range(4), options={"preset": "12"} if "svt" in codec else None))
    with decoder.open(path) as clip:
        frames = list(clip)
        assert clip.facts.codec == read_as
    assert len(frames) == 4
    assert not any(frame.corrupt for frame in frames)
    assert all(frame.planes[0].shape == (64, 96) for frame in frames)


@pytest.mark.parametrize(
    ("muxer", "codec", "sound"),
    [("mp4", "libx264", "aac"), ("avi", "mpeg4", "libmp3lame"), ("matroska", "mpeg4", "flac"), ("mpegts", "mpeg2video", "ac3")],
)
def test_every_sound_works_behind_the_lock(tmp_path, decoder, muxer, codec, sound):
    path = tmp_path / "clip.bin"
    path.write_bytes(with_sound(muxer, codec, sound))
    with decoder.open(path, audio=True) as clip:
        heard = sum(len(samples.values) for _ in clip if clip.sound for samples in clip.sound.take())
        heard += sum(len(samples.values) for samples in clip.sound.take())
    assert heard == pytest.approx(2 * 48_000, rel=0.05)


def test_times_survive_the_wire(tmp_path, decoder):
    path = tmp_path / "clip.mkv"
    path.write_bytes(make_clip("matroska", "ffv1", ticks=[0, 7, 8, 1000], base=Fraction(1, 1000)))
    with decoder.open(path) as clip:
        assert [frame.time * 1000 for frame in clip] == [0, 7, 8, 1000]


def test_a_clip_left_early_ends_its_child(tmp_path, decoder):
    path = tmp_path / "clip.mp4"
    path.write_bytes(make_clip(ticks=range(60)))
    for _ in range(3):
        with decoder.open(path) as clip:
            next(iter(clip))
            child = Path(f"/proc/{clip._child.pid}")
            assert child.exists()
        assert not child.exists()


def test_a_hundred_changed_clips_stop_neither_decoder_nor_us(tmp_path, decoder):
    data = make_clip(paint=moving, ticks=range(16), options={"g": "6"})
    rng = np.random.default_rng(99)
    path, good = tmp_path / "clip.mp4", 0
    for _ in range(100):
        changed = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 12)):
            changed[at] = rng.integers(256)
        path.write_bytes(bytes(changed))
        try:
            with decoder.open(path) as clip:
                good += bool(list(clip))
        except VelaturaError as error:
            assert error.code.startswith("media.")
            assert error.code not in ("media.decoder-crashed", "media.decoder-hung")
    assert good
