"""Words that name a source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from velatura.edge.login import Login
from velatura.edge.sources import redacted, source_of
from velatura.errors import BadInput, BadSpec


@pytest.mark.parametrize(
    ("word", "kind", "shown", "port"),
    [
        ("rtsp://cam/one", "rtsp", "rtsp://cam/one", 554),
        ("rtsp://a:b@cam:8554/one", "rtsp", "rtsp://cam:8554/one", 8554),
        ("rtsps://cam/one", "rtsp", "rtsps://cam/one", 322),
        ("https://a:b@[::1]:99/x", "http", "https://[::1]:99/x", 99),
        ("/dev/video3", "v4l2", "/dev/video3", None),
    ],
)
def test_cameras(word: str, kind: str, shown: str, port: int | None) -> None:
    source = source_of(word)
    assert (source.kind, source.word, source.port, source.live) == (kind, shown, port, True)
    assert "b@" not in repr(source.word)


def test_a_password_comes_back_quoted() -> None:
    source = source_of("rtsp://cam/x", login=Login("a b", "p@:/w"))
    assert source.address == "rtsp://a%20b:p%40%3A%2Fw@cam/x"
    assert "p@" not in repr(source)


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "b.MP4").write_bytes(b"x")
    (tmp_path / "a.mkv").write_bytes(b"x")
    (tmp_path / "c.txt").write_bytes(b"x")
    (tmp_path / "d.mp4").symlink_to("nowhere.mp4")
    (tmp_path / "e.mp4").mkdir()
    folder = source_of(str(tmp_path))
    assert [path.name for path in folder.clips()] == ["a.mkv", "b.MP4", "d.mp4"], "what cannot be opened is missed, not passed over"
    assert folder.others() == ["c.txt", "e.mp4"]
    assert source_of(str(tmp_path / "a.mkv"), live=True).live
    assert source_of(str(tmp_path / "a.mkv")).others() == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"edge\.no-clips"):
        source_of(str(tmp_path / "empty")).clips()


@pytest.mark.parametrize("word", ["ftp://cam/x", "rtsp://", "file:///etc/passwd", "concat://a|b"])
def test_other_addresses_are_refused(word: str) -> None:
    with pytest.raises(BadSpec, match=r"edge\.source"):
        source_of(word)


def test_what_is_not_there_and_two_users() -> None:
    with pytest.raises(BadInput, match=r"edge\.no-source"):
        source_of("/nowhere/x.mp4")
    with pytest.raises(BadSpec, match="so does the login"):
        source_of("rtsp://a:b@cam/", login=Login("c", "d"))


def test_passwords_are_taken_out_of_messages() -> None:
    assert redacted("cannot open rtsp://u:p@w@cam/x: failed") == "cannot open rtsp://cam/x: failed"
    assert redacted("no address") == "no address"


@pytest.mark.parametrize(
    "word",
    [
        "rtsp://zofia:Q7/W8@cam/x",
        "rtsp://zofia:Q7?W8@cam/x",
        "rtsp://zofia:Q7#W8@cam/x",
        "rtsp://zofia:12/W8@cam/x",
        "rtsp://zofia:Q7W8@cam/stream@1",
        "rtsp://zofia:Q7／W8@cam/x",
        "rtsp://[zofia:Q7W8@cam/x",
        "ftp://zofia:Q7/W8@cam/x",
        "rtsp:zofia:Q7W8@cam/x",
        "rtsp://zofia:Q7W8@",
        "rtsp://zofia:Q7W8@cam:0/x",
        "rtsp://zofia:Q7W8/x",
        "rtsp://zofia:Q7 W8@ca m/x",
    ],
)
def test_a_password_that_cannot_be_told_from_the_address_is_refused_and_not_shown(word: str) -> None:
    with pytest.raises(BadSpec, match=r"edge\.source") as refused:
        source_of(word)
    assert not any(part in str(refused.value) for part in ("zofia", "Q7", "W8"))


def test_a_quoted_password_is_the_one_that_was_meant() -> None:
    source = source_of("rtsp://an%40na:ge%2Fhe%23im@cam/x")
    assert source.login is not None and (source.login.user, source.login.password) == ("an@na", "ge/he#im")
    assert source.address == "rtsp://an%40na:ge%2Fhe%23im@cam/x" and source.shown == source.word == "rtsp://cam/x"
    assert source_of("rtsp://anna:ge@heim@cam/x").address == "rtsp://anna:ge%40heim@cam/x"


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("http://cam/video.cgi?user=anna&pwd=geheim", "http://cam/video.cgi?..."),
        ("rtsp://cam/user=anna&password=geheim&channel=1/x", "rtsp://cam/user=.../x"),
        ("rtsp://cam/live/password=geheim", "rtsp://cam/live/password=..."),
        ("rtsp://cam:8554/channel=1", "rtsp://cam:8554/channel=1"),
    ],
)
def test_queries_and_secrets_of_a_path_are_opened_and_not_shown(word: str, shown: str) -> None:
    source = source_of(word)
    assert (source.address, source.shown) == (word, shown)


@pytest.mark.parametrize("word", ["rtsp://cam:99999/", "rtsp://cam:x/", "rtsp://[::1/", "rtsp://c am/", "rtsp://cam\n/", "rtsp://\udcff/"])
def test_addresses_that_cannot_be_are_refused(word: str) -> None:
    with pytest.raises(BadSpec, match=r"edge\.source"):
        source_of(word)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"edge\.unreadable"):
        source_of("x" * 5000)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BadInput, match=r"is no plain file .*edge\.no-source"):
        source_of(str(tmp_path / "fifo"))
