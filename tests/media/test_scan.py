"""`scan` through the real confined decoder: bytes, name and folder of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.leakcases import CASES
from benchmarks.leakcases.face import portrait
from benchmarks.leakcases.jpegs import XMP, jpeg

import velatura
from velatura.errors import BadInput
from velatura.media.scan import scan, scan_each
from velatura.media.sink import create
from velatura.media.source import Decoder

BY_NAME = {case.case: case for case in CASES}


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    with Decoder() as made:
        yield made


def told(path: Path, decoder: Decoder) -> set[str]:
    return {leak.case for leak in scan(path, decoder=decoder)}


@pytest.mark.parametrize("case", [case for case in CASES if case.found and case.run == ""], ids=lambda case: case.case)
def test_the_confined_scan_names_the_case(case: object, tmp_path: Path, decoder: Decoder) -> None:
    case.make(path := tmp_path / case.name)
    assert case.case in told(path, decoder)


def test_the_same_is_found_outside_the_cell(tmp_path: Path, decoder: Decoder) -> None:
    from tests.media.leaks.told import found

    BY_NAME["L11"].make(path := tmp_path / "a.png")
    assert [(one.case, one.where, one.what) for one in scan(path, decoder=decoder)] == [tuple(one.values()) for one in found(path.read_bytes())]


def test_side_files_are_named_and_others_are_not(tmp_path: Path, decoder: Decoder) -> None:
    (tmp_path / "GX010001.jpg").write_bytes(jpeg())
    for name in ("GX010001.xmp", "gx010001.JPG.aae", "GL010001.LRV", "GX010002.xmp", "GX010001.txt"):
        (tmp_path / name).write_bytes(XMP)
    leaks = scan(tmp_path / "GX010001.jpg", decoder=decoder)
    assert {leak.where for leak in leaks if leak.case == "L37"} == {"beside the file: .xmp", "beside the file: .aae", "beside the file: .lrv"}
    assert len(leaks) == 3


def test_the_rest_of_a_killed_run_is_named(tmp_path: Path, decoder: Decoder) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / ".a.jpg.0123456789ab.part").write_bytes(b"rest")
    assert told(tmp_path / "a.jpg", decoder) == {"L38"}


def test_a_name_that_lies_is_told_and_the_content_read(tmp_path: Path, decoder: Decoder) -> None:
    portrait().save(tmp_path / "a.png", "JPEG", comment=b"hello")
    assert told(tmp_path / "a.png", decoder) == {"L23", "L07"}


def test_a_clean_file_has_nothing(tmp_path: Path, decoder: Decoder) -> None:
    portrait().save(tmp_path / "a.png")
    assert scan(tmp_path / "a.png", decoder=decoder) == ()


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "cut.jpg").write_bytes(jpeg()[:500])
    (tmp_path / "good.jpg").write_bytes(jpeg(comment=b"hello"))
    paths = [tmp_path / name for name in ("empty.jpg", "absent.jpg", "cut.jpg", "good.jpg")]
    codes = [item.error.code if item.error else [leak.case for leak in item.findings] for item in scan_each(paths)]
    assert codes == ["media.empty", "media.missing", "media.truncated", ["L07"]]


def test_the_door_offers_it(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(comment=b"hello"))
    assert [leak.case for leak in velatura.scan(tmp_path / "a.jpg")] == ["L07"]
    with pytest.raises(BadInput):
        velatura.scan(tmp_path)


def test_real_telemetry_is_found(shared: Path, decoder: Decoder) -> None:
    leaks = scan(shared / "data" / "clips" / "walk_gopro.mp4", decoder=decoder)
    assert {"L24", "L28", "L30"} <= {leak.case for leak in leaks}
    assert "telemetry (gpmd)" in {leak.what for leak in leaks}


WRITTEN = {
    "picture": ("L11", [".jpg", ".png", ".webp", ".avif", ".bmp", ".tif", ".gif"]),
    "transparent": ("L13", [".png", ".webp", ".avif", ".tif"]),
    "animation": ("L14", [".png", ".gif", ".webp", ".avif"]),
    "pages": ("L16", [".tif"]),
    "clip": ("L31", [".mp4", ".mov", ".mkv"]),
    "clip with subtitles": ("L27", [".mp4"]),
    "clip with attachments": ("L26", [".mkv"]),
    "clip with telemetry": ("L28", [".mp4"]),
    "hidden lead-in": ("L32", [".mp4"]),
}
FRAMES = {"L14", "L15", "L16", "L19", "L22"}
"""Further frames are told of; that they were treated, a file does not say."""


@pytest.mark.parametrize(("case", "suffix"), [(case, suffix) for case, suffixes in WRITTEN.values() for suffix in suffixes])
def test_what_we_write_has_nothing_beside_its_frames(case: str, suffix: str, tmp_path: Path, decoder: Decoder) -> None:
    BY_NAME[case].make(source := tmp_path / f"in{Path(BY_NAME[case].name).suffix}")
    written = tmp_path / f"out{suffix}"
    with decoder.open(source) as reader, create(written, reader.facts) as writer:
        for frame in reader:
            writer.write(frame)
        writer.finish()
    leaks = scan(written, decoder=decoder)
    assert [leak for leak in leaks if not (leak.case in FRAMES and "further" in leak.what)] == []
