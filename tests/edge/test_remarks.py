"""What a person is told of a file that was read."""

from __future__ import annotations

from velatura.edge.remarks import missed, notes
from velatura.edge.sources import Source

CLIP, CAMERA = Source("file", "a.mp4", False), Source("rtsp", "rtsp://a/b", True)


def test_a_whole_file_is_no_word_worth() -> None:
    counts = {"packets": 10, "dropped": 0, "malformed": 0, "cut": 0, "gaps": 0, "left_out_s": 0}
    assert missed(CLIP, counts) == notes(CLIP, counts) == missed(CLIP, {}) == notes(CLIP, {}) == []


def test_what_was_not_read_is_counted() -> None:
    (cut,) = missed(CLIP, {"cut": 1})
    assert cut.startswith("a.mp4: it ends before")
    told = missed(Source("folder", "clips", False), {"cut": 3, "malformed": 2})
    assert len(told) == 2 and "3 clips" in told[0] and "2 places" in told[1]
    (jump,) = notes(CLIP, {"gaps": 2, "left_out_s": 31_536_000})
    assert "2 times" in jump and "31,536,000 s" in jump


def test_of_a_camera_the_states_tell() -> None:
    assert missed(CAMERA, {"malformed": 5, "cut": 1}) == notes(CAMERA, {"gaps": 3}) == []
