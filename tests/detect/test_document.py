"""The regions document: written, edited, read back, and never a row lost without a word."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.detect.document import Item, RegionsDocument, Result, Row, Sheet, read_regions, rows, sheet_for
from velatura.detect.region import Region
from velatura.errors import BadInput, BadSpec
from velatura.media.frame import Frame, PixelForm

BOX = (10.0, 20.0, 60.5, 80.25)


def frame(index: int, time: Fraction, duration: Fraction | None = None) -> Frame:
    return Frame([np.zeros((2, 2), np.uint8)], PixelForm("grey"), index=index, time=time, duration=duration)


def document(*regions: dict[str, Any], file: str = "a.mp4", **more: Any) -> bytes:
    item = {"file": file, "width": 640, "height": 360, "regions": list(regions), **more}
    return json.dumps({"schema": "velatura/1", "result": {"items": [item]}}).encode()


def sheet(*regions: dict[str, Any], **more: Any) -> Sheet:
    item = msgspec.convert({"file": "a", "width": 1, "height": 1, "regions": list(regions), **more}, Item)
    return Sheet(item)


FRACTIONS = st.lists(st.sampled_from([Fraction(1, 25), Fraction(1, 30), Fraction(1001, 30000), Fraction(1, 3)]), min_size=1, max_size=40)


@given(FRACTIONS, st.data())
def test_what_is_written_comes_back_on_the_same_frames(steps: list[Fraction], data: st.DataObject) -> None:
    time, written, frames, wanted = Fraction(0), [], [], []
    for index, step in enumerate(steps):
        one = frame(index, time)
        found = [Region((float(k), 0.0, k + 5.0, 9.5), "plate", 0.5, float(time), k) for k in range(data.draw(st.integers(0, 3)))]
        written += rows(found, one)
        frames.append(one)
        wanted.append(found)
        time += step
    raw = msgspec.json.encode(RegionsDocument("velatura/1", Result((Item("a", 9, 9, tuple(written)),))))
    back = Sheet(msgspec.json.decode(raw, type=RegionsDocument).result.items[0])
    assert [list(back.at(one)) for one in frames] == wanted
    assert not back.unmet()


def test_a_row_by_time_alone_meets_the_frame_that_is_shown_then() -> None:
    page = sheet({"box": BOX, "time": 0.1}, {"box": BOX, "time": 0.12}, {"box": BOX, "time": 0.2399})
    met = [len(page.at(frame(k, Fraction(k, 25), Fraction(1, 25)))) for k in range(6)]
    assert met == [0, 0, 1, 1, 0, 1]
    assert not page.unmet()


def test_a_row_without_time_and_frame_is_on_every_frame() -> None:
    page = sheet({"box": BOX})
    assert all(len(page.at(frame(k, Fraction(k, 25)))) == 1 for k in range(5))


def test_a_row_that_meets_no_frame_is_named() -> None:
    page = sheet({"box": BOX, "frame": 7}, {"box": BOX, "time": 9.0}, {"box": BOX, "time": -1.0}, {"box": BOX, "frame": 0})
    for k in range(3):
        page.at(frame(k, Fraction(k, 25)))
    assert len(page.unmet()) == 3


def test_someone_may_be_left_as_he_is_by_row_or_by_track() -> None:
    page = sheet({"box": BOX, "clear": True}, {"box": BOX, "track": 3}, {"box": BOX, "track": 4}, {"box": BOX}, clear=[3])
    assert [region.clear for region in page.at(frame(0, Fraction(0)))] == [True, True, False, False]


def test_what_detect_prints_is_read(tmp_path: Path) -> None:
    path = tmp_path / "regions.json"
    path.write_bytes(document({"box": BOX, "label": "face", "score": 0.9, "track": 0, "time": 0.04}))
    found = sheet_for(read_regions(path), Path("/elsewhere/a.mp4"))
    assert found is not None
    assert found.item.regions == (Row(BOX, "face", 0.9, 0, 0.04),)


def test_a_file_that_is_not_listed_has_no_sheet_and_a_name_listed_twice_is_refused() -> None:
    items = (Item("x/a.mp4", 1, 1, ()), Item("y/a.mp4", 1, 1, ()), Item("b.mp4", 1, 1, ()))
    listed = RegionsDocument("velatura/1", Result(items))
    assert sheet_for(listed, Path("c.mp4")) is None
    assert sheet_for(listed, Path("b.mp4")) is not None
    assert sheet_for(listed, Path("y/a.mp4")) is not None
    with pytest.raises(BadSpec, match=r"regions\.twice"):
        sheet_for(listed, Path("z/a.mp4"))


def test_a_name_alone_never_takes_a_file_of_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.mp4").write_bytes(b"")
    x, y = tmp_path / "x" / "a.mp4", tmp_path / "y" / "a.mp4"

    def of(file: str) -> RegionsDocument:
        return RegionsDocument("velatura/1", Result((Item(file, 1, 1, ()),)))

    assert sheet_for(of("x/a.mp4"), x) is not None and sheet_for(of("x/../x/a.mp4"), Path("x/a.mp4")) is not None
    assert sheet_for(of("x/a.mp4"), y) is None, "its path leads to another file"
    assert sheet_for(of("gone/a.mp4"), y) is not None, "it was moved"
    assert sheet_for(of("gone/a.mp4"), y, (x, y)) is None, "which of the two was moved is not known"
    assert sheet_for(of("a.mp4"), y) is not None
    with pytest.raises(BadSpec, match=r"regions\.twice"):
        sheet_for(of("a.mp4"), y, (x, y))


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"box": [1, 2, 3]}, "spec.wrong"),
        ({"box": [1, 2, 1, 4]}, "regions.box"),
        ({"box": [5, 2, 1, 4]}, "regions.box"),
        ({"box": [0, 0, 1e9, 4]}, "regions.box"),
        ({"box": ["a", 0, 1, 4]}, "spec.wrong"),
        ({"box": BOX, "time": "soon"}, "spec.wrong"),
        ({"box": BOX, "frame": -1}, "regions.row"),
        ({"box": BOX, "label": ""}, "regions.row"),
        ({"box": BOX, "lable": "face"}, "spec.unknown-key"),
        ({}, "spec.wrong"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused(tmp_path: Path, row: dict[str, Any], code: str) -> None:
    path = tmp_path / "regions.json"
    path.write_bytes(document(row))
    with pytest.raises(BadSpec) as refused:
        read_regions(path)
    assert refused.value.code == code


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": "velatura/1", "result": {"items": [{"box": NaN}]}}', b"[" * 100_000])
def test_what_is_no_document_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "regions.json"
    path.write_bytes(raw)
    with pytest.raises((BadSpec, BadInput)):
        read_regions(path)


def test_a_later_schema_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "regions.json"
    path.write_bytes(document().replace(b"velatura/1", b"velatura/9"))
    with pytest.raises(BadSpec, match="velatura/9"):
        read_regions(path)
