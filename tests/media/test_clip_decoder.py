import io
import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from tests.media.clip_makers import decode, make_clip, moving, open_clip

from velatura.errors import BadInput, Unsupported, VelaturaError
from velatura.media.clip_decoder import Clip
from velatura.media.frame import PixelForm
from velatura.media.reader import Limits

VARIABLE = (0, 1500, 9000, 9001, 30_000, 30_500, 60_000, 61_000, 90_000, 180_000)
NINETY = Fraction(1, 90_000)
EXACT = {"video_track_timescale": "90000", "movie_timescale": "90000"}


def silence():
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 48_000, 0
    return frame


@pytest.mark.parametrize("options", [{"bf": "0"}, {"preset": "veryfast", "bf": "3"}])
def test_a_variable_rate_keeps_every_tick(options):
    frames = decode(make_clip(ticks=VARIABLE, base=NINETY, options=options, muxing=EXACT))
    assert [frame.ticks for frame in frames] == list(VARIABLE)
    assert [frame.length for frame in frames[:-1]] == [b - a for a, b in itertools.pairwise(VARIABLE)]
    assert frames[-1].length > 0


def test_a_first_frame_after_zero_stays_after_it():
    frames = decode(make_clip(ticks=[3000, 6000, 9000], base=NINETY, muxing=EXACT))
    assert [frame.ticks for frame in frames] == [3000, 6000, 9000]


def test_a_broadcast_starts_at_zero():
    frames = decode(make_clip("mpegts", ticks=range(900, 60_000, 3600), base=NINETY, paint=moving))
    assert [frame.ticks for frame in frames] == list(range(0, 59_100, 3600))


@pytest.mark.parametrize(
    ("muxer", "codec", "pixels", "form"),
    [
        ("mp4", "libx264", "yuv420p", PixelForm("yuv", 8, 1, 1, full_range=False)),
        ("mp4", "libx264", "yuv422p", PixelForm("yuv", 8, 1, 0, full_range=False)),
        ("mp4", "libx264", "yuv444p10le", PixelForm("yuv", 10, 0, 0, full_range=False)),
        ("matroska", "ffv1", "yuv420p12le", PixelForm("yuv", 12, 1, 1, full_range=False)),
        ("matroska", "ffv1", "gray", PixelForm("grey")),
        ("avi", "mjpeg", "yuvj420p", PixelForm("yuv", 8, 1, 1, full_range=True)),
    ],
)
def test_planes_of_a_kept_format_pass_as_they_are(muxer, codec, pixels, form):
    data = make_clip(muxer, codec, pixels=pixels, ticks=range(3), options={"qp": "0"} if codec == "libx264" else {})
    clip = open_clip(data)
    assert clip.facts.form == form
    stored = list(av.open(io.BytesIO(data)).decode(video=0))
    for frame, reference in zip(clip.frames(), stored, strict=True):
        for plane, ours in zip(reference.planes, frame.planes, strict=True):
            rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size).view(form.dtype)
            np.testing.assert_array_equal(ours, rows[:, : plane.width])


@pytest.mark.parametrize(("muxer", "codec", "pixels"), [("avi", "rawvideo", "bgr24"), ("nut", "rawvideo", "nv12"), ("mov", "qtrle", "rgb24")])
def test_other_formats_become_luma_and_chroma(muxer, codec, pixels):
    def red(frame, index):
        if pixels == "nv12":
            np.frombuffer(frame.planes[0], np.uint8)[:] = 81
            np.frombuffer(frame.planes[1], np.uint8).reshape(-1, 2)[:] = (90, 240)
        else:
            rows = np.frombuffer(frame.planes[0], np.uint8).reshape(frame.height, -1)[:, : frame.width * 3]
            rows.reshape(frame.height, -1, 3)[:] = (255, 0, 0) if pixels == "rgb24" else (0, 0, 255)

    frame = decode(make_clip(muxer, codec, pixels=pixels, paint=red, ticks=range(2)))[0]
    assert [int(np.median(plane)) for plane in frame.planes] == pytest.approx([81, 90, 240], abs=2)
    assert frame.form == PixelForm("yuv", 8, 1, 1, full_range=False)


def test_grey_of_studio_range_gets_chroma_that_says_so():
    frame = decode(make_clip(pixels="gray", ticks=range(2)))[0]
    assert frame.form.colour == "yuv"
    assert not frame.form.full_range
    assert all((plane == 128).all() for plane in frame.planes[1:])


def test_colours_hidden_under_transparency_are_black():
    def secret(frame, index):
        for plane, value in zip(frame.planes, (200, 60, 200, 0), strict=True):
            np.frombuffer(plane, np.uint8)[:] = value
        alpha = np.frombuffer(frame.planes[3], np.uint8).reshape(frame.height, -1)
        alpha[:, :32] = 255

    for data in (
        make_clip("webm", "libvpx-vp9", pixels="yuva420p", paint=secret, ticks=range(2), options={"lossless": "1"}),
        make_clip("matroska", "ffv1", pixels="yuva420p", paint=secret, ticks=range(2)),
    ):
        frame = decode(data)[0]
        assert [int(plane[:, -4:].max()) for plane in frame.planes] == [16, 128, 128]
        assert [int(plane[0, 0]) for plane in frame.planes] == pytest.approx([200, 60, 200], abs=3)
        assert not frame.form.alpha


def test_what_is_dropped_is_named_and_no_value_is():
    def dress(container):
        container.metadata.update({"title": "Anna at home", "location": "+48.1+11.5/", "comment": "secret"})
        second = container.add_stream("libx264", rate=25)
        second.width, second.height = 32, 32
        container.add_stream("aac", rate=48_000, layout="mono")

    def more(container):
        _, second, sound = container.streams
        picture = av.VideoFrame(32, 32, "yuv420p")
        picture.pts = 0
        container.mux([*second.encode(picture), *second.encode(None), *sound.encode(silence()), *sound.encode(None)])

    facts = open_clip(make_clip(dress=dress, more=more, muxing={"movflags": "use_metadata_tags"})).facts
    assert "another picture stream (h264)" in facts.dropped
    assert "sound track (aac)" in facts.dropped
    assert facts.audio == "aac"
    assert "GPS position" in facts.dropped
    assert any("title" in name for name in facts.dropped)
    assert "Anna" not in repr(facts)
    assert "48.1" not in repr(facts)


def test_frames_that_an_edit_list_hides_are_cut_and_named():
    data = make_clip(ticks=range(-5, 15), options={"bf": "0"}, muxing={"avoid_negative_ts": "disabled"})
    clip = open_clip(data)
    frames = [int(frame.planes[0][0, 0]) for frame in clip.frames()]
    assert len(frames) == 15
    assert frames[0] == pytest.approx(40 + 9 * 5, abs=3)
    assert "hidden frames (cut off by an edit list)" in clip.facts.dropped


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_damage_is_flagged_up_to_the_next_key_frame(codec):
    data = make_clip(codec=codec, paint=moving, ticks=range(36), size=(160, 96), options={"g": "12", "bf": "0"})
    sound = decode(data)
    where = [packet.pos + packet.size // 3 for packet in av.open(io.BytesIO(data)).demux(video=0) if packet.size]
    hurt = bytearray(data)
    hurt[where[15] : where[15] + 12] = bytes(12)
    frames = decode(bytes(hurt))
    assert len(frames) == 36
    assert [frame.ticks for frame in frames] == [frame.ticks for frame in sound]
    assert [index for index, frame in enumerate(frames) if frame.corrupt] == list(range(15, 24))
    for index in (*range(15), *range(24, 36)):
        np.testing.assert_array_equal(frames[index].planes[0], sound[index].planes[0])


def test_a_checksum_that_does_not_fit_is_damage():
    data = make_clip("matroska", "ffv1", paint=moving, options={"level": "3", "slicecrc": "1", "g": "1"})
    middle = [packet for packet in av.open(io.BytesIO(data)).demux(video=0) if packet.size][5]
    hurt = bytearray(data)
    hurt[middle.pos + middle.size // 2] ^= 1
    assert [index for index, frame in enumerate(decode(bytes(hurt))) if frame.corrupt] == [5]


def refused(data, kind=BadInput, **limits):
    with pytest.raises(kind) as caught:
        list(open_clip(data, Limits(**limits)).frames())
    return caught.value.code


def test_hostile_clips_are_refused_by_name():
    whole = make_clip()
    assert refused(b"") == "media.malformed"
    assert refused(b"not a clip at all" * 100) == "media.malformed"
    assert refused(whole[:-1]) == "media.truncated"
    assert refused(whole[: len(whole) // 2]) == "media.truncated"
    assert refused(whole, pixels=64 * 48 - 1) == "media.too-large"
    assert refused(whole, frames=11) == "media.too-large"
    locked = make_clip(muxing={"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16, "encryption_kid": "11" * 16})
    assert refused(locked, Unsupported) == "media.encrypted"
    assert refused(make_clip("mpegts") + make_clip("mpegts", size=(96, 64)), Unsupported) == "media.size-changed"


def test_a_clip_of_sound_alone_has_no_pictures():
    store = io.BytesIO()
    with av.open(store, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        container.mux(stream.encode(silence()))
        container.mux(stream.encode(None))
    assert refused(store.getvalue(), Unsupported) == "media.no-picture"


def test_a_picture_file_and_a_playlist_are_no_clips():
    assert refused(b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n") == "media.malformed"
    assert refused(b"ffconcat version 1.0\nfile /etc/passwd\n") == "media.malformed"


def test_a_declared_size_beyond_all_memory_is_refused():
    data = make_clip("avi", "mjpeg", pixels="yuvj420p", ticks=range(2))
    sides = b"\xff\xc0\x00\x11\x08" + (48).to_bytes(2, "big") + (64).to_bytes(2, "big")
    assert sides in data
    assert refused(data.replace(sides, sides[:5] + (60_000).to_bytes(2, "big") * 2)) in ("media.malformed", "media.too-large")


@pytest.mark.parametrize("size", [(1, 1), (641, 361), (2, 2)])
def test_one_frame_of_any_size_is_a_clip(size):
    frames = decode(make_clip("matroska", "ffv1", size=size, ticks=[0]))
    assert len(frames) == 1
    assert frames[0].planes[0].shape == size[::-1]


@pytest.mark.parametrize(("muxer", "codec"), [("mp4", "libx264"), ("matroska", "libvpx-vp9"), ("avi", "mpeg4"), ("mpegts", "mpeg2video")])
def test_a_changed_clip_is_decoded_or_refused_and_nothing_else(muxer, codec):
    data = make_clip(muxer, codec, paint=moving, ticks=range(16), options={"g": "6", "deadline": "realtime"})
    rng = np.random.default_rng(12)
    outcomes = set()
    for _ in range(40):
        changed = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 12)):
            changed[at] = rng.integers(256)
        try:
            times = [frame.ticks for frame in Clip(io.BytesIO(bytes(changed)), len(data), Limits()).frames()]
            assert times == sorted(set(times))
            outcomes.add("decoded")
        except VelaturaError:
            outcomes.add("refused")
    assert "decoded" in outcomes


def test_a_real_cameras_clip_names_its_telemetry(shared):
    path = shared / "data/clips/walk_gopro.mp4"
    with path.open("rb") as file:
        clip = Clip(file, path.stat().st_size, Limits())
        assert {"data track (gpmd)", "data track (tmcd)", "sound track (aac)", "GPS position"} <= set(clip.facts.dropped)
        assert (clip.facts.width, clip.facts.height, clip.facts.frames, clip.facts.colour) == (848, 480, 315, (1, 1, 1))
        assert clip.facts.form.full_range
        assert [frame.ticks for frame, _ in zip(clip.frames(), range(3), strict=False)] == [0, 3003, 6006]
