import io
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.clip_makers import clip_facts, decode, noise_frame, open_clip

from velatura.errors import BadSpec, Unsupported, VelaturaError
from velatura.media.clip_encoding import losses
from velatura.media.clip_writer import ClipWriter
from velatura.media.frame import PixelForm

STUDIO = PixelForm("yuv", 8, 1, 1, full_range=False)
NINETY = Fraction(1, 90_000)
VARIABLE = (0, 1500, 9000, 9001, 30_000, 30_500, 60_000, 61_000, 90_000, 180_000)


def write(path: Path, form=STUDIO, stored=(64, 48), ticks=range(0, 400, 40), *, orientation=1, base=Fraction(1, 1000), facts=None, **how):
    """Noise at those ticks, written and read back as bytes."""
    facts = facts or clip_facts(form, stored, orientation=orientation, base=base)
    frames = [noise_frame(form, stored, index, time=tick * base, orientation=orientation) for index, tick in enumerate(ticks)]
    with ClipWriter(path, facts, **how) as writer:
        for frame in frames:
            writer.write(frame)
        writer.finish()
    return path.read_bytes(), frames


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("first", [0, 2999])
def test_a_variable_rate_is_written_to_the_tick(tmp_path, suffix, first):
    ticks = [first + tick for tick in VARIABLE]
    data, _ = write(tmp_path / f"o{suffix}", ticks=ticks, base=NINETY)
    assert [frame.ticks for frame in decode(data)] == ticks


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_a_variable_rate_is_written_to_the_millisecond(tmp_path, suffix):
    data, _ = write(tmp_path / f"o{suffix}", ticks=VARIABLE)
    assert [frame.ticks for frame in decode(data)] == list(VARIABLE)


@pytest.mark.parametrize("base", [Fraction(1001, 30_000), Fraction(1, 1_000_000), Fraction(1, 7), Fraction(3_579_125, 214_748_359)])
def test_any_time_base_is_kept_exactly(tmp_path, base):
    data, frames = write(tmp_path / "o.mp4", ticks=[0, 1, 2, 5, 9], base=base)
    clip = open_clip(data)
    assert [frame.ticks * clip.facts.time_base for frame in clip.frames()] == [frame.time for frame in frames]


def test_the_last_frame_is_shown_as_long_as_it_was(tmp_path):
    frames = [noise_frame(STUDIO, (64, 48), index, time=index * 3000 * NINETY) for index in range(8)]
    for frame in frames:
        frame.duration = 3000 * NINETY
    frames[-1].duration = 777 * NINETY
    with ClipWriter(tmp_path / "o.mp4", clip_facts(STUDIO, (64, 48), base=NINETY)) as writer:
        for frame in frames:
            writer.write(frame)
        writer.finish()
    assert [frame.length for frame in decode((tmp_path / "o.mp4").read_bytes())] == [3000] * 7 + [777]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_turn_of_a_clip_is_kept(tmp_path, suffix, orientation):
    data, _ = write(tmp_path / f"o{suffix}", ticks=range(0, 80, 40), orientation=orientation)
    facts = open_clip(data).facts
    assert facts.orientation == orientation
    assert (facts.width, facts.height) == ((48, 64) if orientation >= 5 else (64, 48))


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("stored", [(641, 361), (640, 361), (641, 360), (1, 1), (2, 1)])
@pytest.mark.parametrize("form", [STUDIO, PixelForm("grey")])
def test_odd_sizes_keep_their_size(tmp_path, suffix, stored, form):
    data, _ = write(tmp_path / f"o{suffix}", form, stored, [0, 40])
    facts = open_clip(data).facts
    assert (facts.width, facts.height) == stored


def test_repeated_chroma_is_the_chroma_that_was(tmp_path):
    data, frames = write(tmp_path / "o.mp4", stored=(63, 47), ticks=[0], lossless=True)
    luma, *chroma = decode(data)[0].planes
    np.testing.assert_array_equal(luma, frames[0].planes[0])
    for ours, given_ in zip(chroma, frames[0].planes[1:], strict=True):
        np.testing.assert_array_equal(ours[::2, ::2], given_)
        np.testing.assert_array_equal(ours, given_.repeat(2, 0).repeat(2, 1)[:47, :63])


forms = st.builds(
    lambda bits, shifts, full: PixelForm("yuv", bits, *shifts, full_range=full),
    st.sampled_from([8, 10, 12]),
    st.sampled_from([(1, 1), (1, 0), (0, 0)]),
    st.booleans(),
) | st.builds(lambda bits: PixelForm("grey", bits), st.sampled_from([8, 10]))


@settings(max_examples=25)
@given(form=forms, width=st.integers(1, 70), height=st.integers(1, 70), count=st.integers(1, 3))
def test_lossless_is_lossless_to_the_sample(tmp_path_factory, form, width, height, count):
    data, frames = write(tmp_path_factory.mktemp("clip") / "o.mkv", form, (width, height), range(0, 40 * count, 40), lossless=True)
    back = decode(data)
    assert len(back) == count
    for shown, frame in zip(back, frames, strict=True):
        assert shown.form == form
        for ours, given_ in zip(shown.planes, frame.planes, strict=True):
            np.testing.assert_array_equal(ours, given_)


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_lossless_mp4_is_lossless_too(tmp_path, bits):
    data, frames = write(tmp_path / "o.mp4", PixelForm("yuv", bits, 1, 1, full_range=False), ticks=[0, 40, 80], lossless=True)
    for shown, frame in zip(decode(data), frames, strict=True):
        for ours, given_ in zip(shown.planes, frame.planes, strict=True):
            np.testing.assert_array_equal(ours, given_)


@pytest.mark.parametrize(("suffix", "bits"), [(".mp4", 8), (".mp4", 12), (".mov", 10), (".mkv", 8), (".mkv", 12), (".webm", 8)])
def test_no_coder_signs_its_work_and_nothing_is_said(tmp_path, suffix, bits):
    data, _ = write(tmp_path / f"o{suffix}", PixelForm("yuv", bits, 1, 1, full_range=False))
    assert not any(word in data for word in (b"x264", b"x265", b"Lavc", b"libx", b"options:"))
    assert open_clip(data).facts.dropped == ()


def test_no_h264_message_of_user_data_is_left(tmp_path):
    data, _ = write(tmp_path / "o.mp4")
    for packet in av.open(io.BytesIO(data)).demux(video=0):
        units, at, raw = [], 0, bytes(packet)
        while at < len(raw):
            units.append(raw[at + 4] & 31)
            at += 4 + int.from_bytes(raw[at : at + 4], "big")
        assert 6 not in units


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_the_same_frames_make_the_same_bytes(tmp_path, suffix):
    assert write(tmp_path / f"a{suffix}")[0] == write(tmp_path / f"b{suffix}")[0]


def test_colours_and_pixel_shape_are_kept(tmp_path):
    form = PixelForm("yuv", 10, 1, 1, full_range=True, matrix="bt2020")
    facts = clip_facts(form, (64, 48), colour=(9, 16, 9), sample_aspect=Fraction(4, 3))
    read = open_clip(write(tmp_path / "o.mp4", form, facts=facts)[0]).facts
    assert (read.form, read.colour, read.sample_aspect) == (form, (9, 16, 9), Fraction(4, 3))


def test_what_a_clip_cannot_hold_is_said():
    even, odd = clip_facts(STUDIO, (64, 48), base=NINETY), clip_facts(STUDIO, (63, 48))
    assert losses(even, ".mp4") == losses(even, ".MOV") == losses(odd, ".webm") == ()
    assert losses(even, ".mkv") == ("times finer than a millisecond",)
    assert "chroma" in losses(odd, ".mp4")[0]


def test_unknown_names_and_impossible_forms_are_refused(tmp_path):
    for name, form, lossless, code in (
        ("o.avi", STUDIO, False, "media.unknown-output"),
        ("o", STUDIO, False, "media.unknown-output"),
        ("o.webm", PixelForm("yuv", 10, 1, 1), False, "media.no-encoder"),
        ("o.mp4", PixelForm("grey", 16), False, "media.no-encoder"),
        ("o.mkv", PixelForm("rgb"), True, "media.no-encoder"),
        ("o.mp4", PixelForm("yuv", 8, 1, 1, alpha=True), False, "media.no-encoder"),
    ):
        with pytest.raises(BadSpec if code == "media.unknown-output" else Unsupported) as caught:
            ClipWriter(tmp_path / name, clip_facts(form, (64, 48)), lossless=lossless)
        assert caught.value.code == code


def test_a_coder_that_refuses_is_reported_and_leaves_no_thread(tmp_path):
    before = threading.active_count()
    with pytest.raises(VelaturaError) as caught:
        write(tmp_path / "o.mp4", PixelForm("yuv", 12, 0, 0, full_range=False), stored=(3, 1))
    assert caught.value.code == "media.encoder"
    assert threading.active_count() == before


def test_a_frame_of_another_size_is_a_callers_mistake(tmp_path):
    with ClipWriter(tmp_path / "o.mp4", clip_facts(STUDIO, (64, 48))) as writer, pytest.raises(ValueError, match="not of this clip"):
        writer.write(noise_frame(STUDIO, (62, 48), 0))


def test_an_abandoned_clip_is_gone(tmp_path):
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), ClipWriter(tmp_path / "o.mkv", clip_facts(STUDIO, (64, 48))) as writer:
        for index in range(20):
            writer.write(noise_frame(STUDIO, (64, 48), index, time=Fraction(index, 25)))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == before


def test_a_temporary_name_is_written_as_its_suffix_says(tmp_path):
    data, _ = write(tmp_path / ".o.mp4.3f2a.part", suffix=".mp4")
    assert open_clip(data).facts.container == "mov"


FULL_DISK = """
import resource, signal, sys
from fractions import Fraction
from pathlib import Path
from tests.media.clip_makers import clip_facts, noise_frame
from tests.media.test_clip_writer import STUDIO
from velatura.media.clip_encoding import losses
from velatura.media.clip_writer import ClipWriter
size, most = (int(sys.argv[2]), int(sys.argv[3])), int(sys.argv[4])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    with ClipWriter(Path(sys.argv[1]), clip_facts(STUDIO, size)) as writer:
        for index in range(60):
            writer.write(noise_frame(STUDIO, size, index, time=Fraction(index, 25)))
        writer.finish()
except OSError as error:
    print("refused", error.errno)
"""


# Of small frames some wait in a buffer, whose second failure must not show beside the first.
@pytest.mark.parametrize(("suffix", "size", "most"), [(".mkv", (640, 480), 200_000), (".mp4", (640, 480), 200_000), (".mp4", (64, 48), 20_000)])
def test_a_file_that_may_not_grow_is_an_error_of_the_disk_and_leaves_nothing(tmp_path, suffix, size, most):
    path = tmp_path / f"o{suffix}"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL_DISK, str(path), *map(str, (*size, most))],  # -B: no half-written .pyc under the limit
        capture_output=True,
        text=True,
        cwd=root,
        env={"PYTHONPATH": f"{root / 'src'}:{root}"},
        check=False,
        timeout=280,
    )
    assert done.stdout.startswith("refused"), done.stderr
    assert done.stderr == ""
    assert not path.exists()
