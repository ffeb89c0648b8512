"""The confined decoder, as it is used: a real child, real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.media.in_thread import decoded
from tests.media.pictures import animation, photo, raw, saved, write

from velatura.errors import BadInput
from velatura.media.frame import PixelForm
from velatura.media.guest_clip import _sample
from velatura.media.picture_samples import samples
from velatura.media.reader import Limits
from velatura.media.source import _TASKS, Decoder, confinement, open_media


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(Limits(pixels=1 << 22)) as opened:
        yield opened


def test_every_format_is_decoded_inside_as_it_is_outside(tmp_path: Path, decoder: Decoder) -> None:
    for number, (kind, content) in enumerate(samples()):
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(content)
        with decoder.open(path) as reader:
            facts, frames = reader.facts, list(reader)
        outside_facts, outside = decoded(path)
        assert facts == outside_facts or facts.confined, kind
        assert len(frames) == len(outside), kind
        for one, other in zip(frames, outside, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one.planes, other.planes, strict=True)), kind


@pytest.mark.skipif(sys.platform != "linux", reason="confinement: Linux alone has it")
def test_the_decoder_is_confined(tmp_path: Path, decoder: Decoder) -> None:
    with decoder.open(saved(tmp_path / "a.png", photo(), "PNG")) as reader:
        assert reader.facts.confined is None


def test_planes_can_be_written_and_outlive_the_reader(tmp_path: Path) -> None:
    with open_media(saved(tmp_path / "a.png", photo(), "PNG")) as reader:
        [frame] = reader
    frame.blacken()
    assert not frame.planes[0].any()


def test_a_child_that_dies_is_an_error_of_its_file_alone(tmp_path: Path, decoder: Decoder) -> None:
    facts, frames = animation(PixelForm("rgb"), 900, 900, [Fraction(1, 10)] * 12)
    path = write(tmp_path / "a.png", facts, frames)
    with decoder.open(path) as reader:
        shown = iter(reader)
        next(shown)
        os.kill(_pid(reader), signal.SIGKILL)
        with pytest.raises(BadInput) as caught:
            list(shown)
    assert caught.value.code == "media.decoder-crashed" and str(path) in caught.value.sentence
    with decoder.open(path) as reader:
        assert len(list(reader)) == 12


def _pid(reader) -> int:
    return reader._child.pid


def test_two_files_may_be_open_at_once_and_one_may_be_left(tmp_path: Path, decoder: Decoder) -> None:
    one, other = saved(tmp_path / "a.png", photo(), "PNG"), saved(tmp_path / "b.tif", photo(30, 20), "TIFF")
    with decoder.open(one) as first, decoder.open(other) as second:
        assert second.facts.width == 30
        assert first.facts.width == 61
        assert len(list(second)) == 1


def test_memory_for_the_largest_picture_is_within_what_the_child_may_take(tmp_path: Path) -> None:
    limits = Limits(pixels=24_000_000)
    assert confinement(limits).memory_mb < 800
    picture = Image.new("RGBA", (6_000, 4_000), (9, 8, 7, 255))
    picture.putpixel((5_999, 3_999), (1, 2, 3, 4))
    content = raw(picture, "PNG", compress_level=1)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with Decoder(limits) as decoder, decoder.open(path) as reader:
        [frame] = reader
    assert frame.size == (6_000, 4_000) and [int(plane[-1, -1]) for plane in frame.planes] == [1, 2, 3, 4]


def test_a_scan_goes_through_the_same_door(tmp_path: Path, decoder: Decoder) -> None:
    assert any(
        "GPS" in leak.what or "comment" in leak.what.lower() for leak in decoder.scan(saved(tmp_path / "a.jpg", photo(), "JPEG", comment=b"x"))
    )


@pytest.mark.parametrize(
    ("task", "stranger"), [("clip", "PIL"), ("picture", "av"), ("heic", "velatura.media.clip_decoder"), ("scan", "velatura.media.clip_decoder")]
)
def test_a_decoder_holds_no_parser_that_its_task_does_not_need(task: str, stranger: str) -> None:
    code = f"import sys; from velatura.media.guest import MediaGuest; MediaGuest({_TASKS[task]!r}).warm(); sys.exit({stranger!r} in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False, timeout=280).returncode
        == 0
    )


def test_pictures_heic_clips_and_scans_go_to_their_own_children(tmp_path: Path) -> None:
    picture, clip = saved(tmp_path / "a.png", photo(), "PNG"), tmp_path / "b.avi"
    clip.write_bytes(_sample("avi", "rawvideo", "bgr24", "pcm_s16le"))
    heic = tmp_path / "c.heic"
    heic.write_bytes(dict(samples())["heic"])
    with Decoder(Limits(pixels=1 << 22)) as decoder:
        for path in (picture, clip, heic, picture):
            with decoder.open(path) as reader:
                assert list(reader) and (reader.facts.kind == "clip") == (path == clip)
        assert not decoder.scan(picture)
        assert set(decoder._warm) == {"picture", "heic", "clip", "scan"}
