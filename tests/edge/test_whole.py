"""Whether a clip is as long as it says, by real containers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edge.cameras import clip

from velatura.edge.whole import is_cut


@pytest.mark.parametrize("kind", ["mp4", "mkv", "avi"])
def test_a_clip_that_was_cut_is_told_from_a_whole_one(tmp_path: Path, kind: str) -> None:
    path = clip(tmp_path / f"a.{kind}", frames=10)
    raw = path.read_bytes()
    assert not is_cut(path)
    path.write_bytes(raw + bytes(100))
    assert not is_cut(path), "what somebody put behind it cuts nothing"
    for share in (0.5, 0.95):
        path.write_bytes(raw[: int(share * len(raw))])
        assert is_cut(path)


UNKNOWN = bytes.fromhex("1a45dfa3801853806701ffffffffffffff")  # a segment without a length


@pytest.mark.parametrize("raw", [b"", b"\0" * 7, b"ftyp", UNKNOWN[:4], UNKNOWN, b"RIFF\0\0\0\0AVI ", b"\0" * 4096])
def test_what_says_no_length_is_not_called_cut(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(raw)
    assert not is_cut(path)
