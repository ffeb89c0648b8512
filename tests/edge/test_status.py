"""The status file: whole, stale when its process is gone, in place on a full disk; every state has a meaning; clocks that jump are noticed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from velatura.edge.board import Board, CameraStates
from velatura.edge.clocks import Clocks, Readings
from velatura.edge.ingest import STATES as INGEST
from velatura.edge.schema import HEALTH
from velatura.edge.sinks.sink import STATES as SINKS
from velatura.edge.states import AREAS
from velatura.edge.status import FILE, facts, life_of, read_status
from velatura.errors import BadInput, Missing


def states(**words: str) -> CameraStates:
    return CameraStates("door", {"camera": "streaming", "vision": "running", "health": "ok", "outbox": "ok", **words}, {"mqtts://b/velatura": "ok"})


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = Readings(1_000_000.0, 50.0, 50.0)

    def __call__(self) -> Readings:
        return self.at

    def go(self, seconds: float) -> None:
        self.at = Readings(*(value + seconds for value in (self.at.wall_s, self.at.awake_s, self.at.up_s)))


def words_of(folder: Path) -> dict[tuple[str, str], str]:
    read = read_status(folder)
    return {(fact.of, fact.what): fact.word for fact in facts(read, life_of(read, folder))}


def test_states_come_and_go_with_the_time_since_when(tmp_path: Path) -> None:
    now, clock = [states()], Hand()
    board = Board(tmp_path, "dev", lambda: now, clock=clock)
    board.look()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    first = (tmp_path / FILE).read_bytes()
    clock.go(2)
    board.look()
    assert (tmp_path / FILE).read_bytes() == first, "nothing new is not written"
    now[0] = states(camera="stalled")
    clock.go(1)
    board.look()
    (camera,) = read_status(tmp_path).cameras
    assert (camera.words["camera"].word, camera.words["camera"].since_s) == ("stalled", 1_000_003)
    assert camera.words["vision"].since_s == 1_000_000


def test_a_process_that_is_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    board = Board(tmp_path, "dev", lambda: [states()])
    board.look()
    assert words_of(tmp_path)["", "run"] == "running"
    os.close(board._lock)  # what the kernel does when a process is killed
    assert words_of(tmp_path)["", "run"] == "died"
    with Board(tmp_path, "dev", lambda: [states()]):
        assert words_of(tmp_path)["", "run"] == "running"
    assert words_of(tmp_path)["", "run"] == "ended"


def test_a_process_that_writes_nothing_is_silent(tmp_path: Path) -> None:
    clock = Hand()
    clock.at = Readings(1_000_000.0, -600.0, -600.0)
    board = Board(tmp_path, "dev", lambda: [states()], clock=clock)
    board.look()
    assert words_of(tmp_path)["", "run"] == "silent"
    os.close(board._lock)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_is_written_over_in_place(tmp_path: Path) -> None:
    import subprocess

    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=True, timeout=280)
    try:
        now, clock = [states()], Hand()
        board = Board(tmp_path, "dev", lambda: now, clock=clock)
        board.look()
        with pytest.raises(OSError, match="No space"), (tmp_path / "filler").open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))
        now[0] = states(outbox="disk-full")
        board.look()
        assert words_of(tmp_path)["door", "outbox"] == "disk-full"
        os.close(board._lock)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True, timeout=280)


@pytest.mark.parametrize("content", [b"", b"{}", b"nothing", b'{"version": 1}'])
def test_what_is_no_status_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Missing, match=r"edge\.no-status"):
        read_status(tmp_path)
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BadInput, match=r"edge\.status"):
        read_status(tmp_path)
    board = Board(tmp_path, "dev", lambda: [states()])
    board.look()
    os.close(board._lock)
    raw = json.loads((tmp_path / FILE).read_bytes())
    raw["cameras"][0]["words"]["camera"]["word"] = "no-such-state"
    (tmp_path / FILE).write_text(json.dumps(raw))
    with pytest.raises(BadInput, match=r"edge\.status"):
        read_status(tmp_path)


@pytest.mark.parametrize(
    ("wall", "awake", "up", "word"),
    [
        (10, 10, 10, "ok"),
        (-3600, 10, 10, "clock-jumped"),
        (3600, 10, 10, "clock-jumped"),
        (610, 10, 610, "suspended"),
        (12, 10, 10, "ok"),
    ],
)
def test_a_clock_that_was_set_is_told_from_sleep(wall: float, awake: float, up: float, word: str) -> None:
    clocks = Clocks()
    assert clocks.look(Readings(1e9, 100, 100)) == "ok"
    assert clocks.look(Readings(1e9 + wall, 100 + awake, 100 + up)) == word
    assert clocks.look(Readings(1e9 + wall + 1, 101 + awake, 101 + up)) == word, "it is told for a while"
    assert clocks.look(Readings(1e9 + wall + 4001, 4101 + awake, 4101 + up)) == "ok"


def test_every_word_that_is_said_is_a_state_with_a_next_step() -> None:
    assert set(INGEST) <= set(AREAS["camera"]) and set(HEALTH) <= set(AREAS["health"]) and set(SINKS) <= set(AREAS["sink"])
    assert [name for area in AREAS.values() for name, state in area.items() if state.grade != "well" and not (state.means and state.next)] == []
