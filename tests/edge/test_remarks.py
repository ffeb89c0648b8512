"""What a person is told of files that were read."""

from __future__ import annotations

from pathlib import Path

from velatura.edge.remarks import FAULTS, left_alone, missed, notes, unread
from velatura.edge.sources import Source

CLIP, FOLDER, CAMERA = Source("file", "a.mp4", False), Source("folder", "clips", False), Source("rtsp", "rtsp://a/b", True)


def test_a_whole_file_is_no_word_worth() -> None:
    counts = {"packets": 10, "dropped": 0, "malformed": 0, "gaps": 0, "left_out_s": 0}
    assert missed(CLIP, []) == notes(CLIP, counts) == notes(CLIP, {}) == left_alone(CLIP) == []


def test_each_clip_that_was_not_read_is_named_with_why() -> None:
    told = missed(FOLDER, [(Path("clips/a.mp4"), "codec"), (Path("clips/b.mp4"), "damaged"), (Path("clips/b.mp4"), "cut")])
    assert [sentence.partition(": ")[0] for sentence in told] == ["clips/a.mp4", "clips/b.mp4", "clips/b.mp4"]
    assert "skipped: its codec" in told[0] and "skipped" not in told[1] + told[2] and "cut off" in told[2]
    assert len(missed(FOLDER, [(Path("a"), word) for word in FAULTS])) == len(FAULTS)


def test_a_jump_is_a_note() -> None:
    (jump,) = notes(CLIP, {"gaps": 2, "left_out_s": 31_536_000})
    assert "2 times" in jump and "31,536,000 s" in jump


def test_what_is_played_as_a_camera_may_end_anywhere() -> None:
    live = Source("folder", "clips", True)
    assert missed(live, [(Path("a"), "damaged"), (Path("a"), "cut")]) == notes(live, {"gaps": 3}) == notes(CAMERA, {"gaps": 3}) == []
    assert len(missed(live, [(Path("a"), "codec")])) == 1


def test_why_nothing_came() -> None:
    assert unread(CLIP, []) == FAULTS["no-video"] and unread(CLIP, [(Path("a.mp4"), "codec")]) == FAULTS["codec"]
    told = unread(FOLDER, [(Path(f"clips/{name}.mp4"), "malformed") for name in "abcde"])
    assert told.startswith("a.mp4: its container") and told.endswith("; and 2 more") and "d.mp4" not in told


def test_what_is_no_clip_by_its_name_is_told(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.txt", ".hidden", "c.srt", "d.json", "e.csv"):
        (tmp_path / name).touch()
    (told,) = left_alone(Source("folder", str(tmp_path), False))
    assert "4 more in it" in told and told.endswith("b.txt, c.srt, d.json, ...")
