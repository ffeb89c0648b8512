"""The outbox: whole ticks or nothing, through power loss, a full disk, two writers, damage; bounded, and never silently shorter."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.edge.chains import CAMERA, SIGNER, chain_of, lines_of

from velatura.edge.chain_audit import audit
from velatura.edge.events import Chain, Link, digest, follow, parse
from velatura.edge.outbox import Outbox
from velatura.errors import BadSpec, VelaturaError, Withheld

ROOT = Path(__file__).parents[2]


def merger(chain: Chain):
    return lambda lines: chain.aggregate(lines, ["in", "out"])


def kept(outbox: Outbox, lines: list[bytes], chain: Chain) -> None:
    for line in lines:
        outbox.commit([line], Link(parse(line).seq + 1, digest(line)), {"bucket": parse(line).seq}, aggregate=merger(chain))


def whole(lines: list[bytes]) -> Link:
    """Where a chain stands after lines that follow each other from its start."""
    at = Link()
    for line in lines:
        _, at = follow(line, at, SIGNER.verifier)
    return at


def test_what_is_committed_comes_back(tmp_path: Path) -> None:
    path, lines, chain = tmp_path / "state" / "outbox.sqlite", lines_of(20), chain_of()
    outbox = Outbox(path)
    outbox.subscribe("a")
    kept(outbox, lines, chain)
    outbox.close()
    assert path.stat().st_mode & 0o777 == 0o600
    again = Outbox(path)
    assert again.link == Link(21, digest(lines[-1]))
    assert again.read("bucket") == 20 and again.read("unknown") is None
    assert again.pending("a", 100) == list(enumerate(lines))
    assert audit(path, verifier=SIGNER.verifier).events == 21
    again.close()


def test_what_every_sink_has_is_deleted(tmp_path: Path) -> None:
    outbox, lines = Outbox(tmp_path / "o"), lines_of(10)
    outbox.subscribe("a")
    outbox.subscribe("b")
    kept(outbox, lines, chain_of())
    outbox.acknowledge("a", 7)
    assert [seq for seq, _ in outbox.pending("a")] == [8, 9, 10]
    assert [seq for seq, _ in outbox.pending("b")][:2] == [0, 1]
    outbox.acknowledge("b", 4)
    outbox.acknowledge("b", 2)
    outbox.acknowledge("b", 99)
    assert [seq for seq, _ in outbox.pending("b")] == list(range(5, 11))
    assert [seq for seq, _ in outbox.pending("b", 2, after=6)] == [7, 8]
    outbox.unsubscribe("b")
    outbox.acknowledge("a", 8)
    assert [seq for seq, _ in outbox.pending("new")] == [9, 10]
    outbox.close()


def test_it_is_bounded_and_the_chain_stays_whole(tmp_path: Path) -> None:
    path, chain = tmp_path / "o", chain_of()
    outbox, lines = Outbox(path, most_rows=20), lines_of(300)
    kept(outbox, lines, chain)
    here = [line for _, line in outbox.pending("late", 1000)]
    assert len(here) <= 20
    assert whole(here) == whole(lines)
    told = [event.record for event in map(parse, here) if event.record is not None]
    assert sum(record["in"] for record in told) == sum(event.record["in"] for event in map(parse, lines) if event.record)
    assert audit(path, verifier=SIGNER.verifier).aggregates >= 1
    outbox.close()


def test_two_writers_are_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    with pytest.raises(BadSpec, match=r"edge\.outbox-busy"):
        Outbox(tmp_path / "o")
    outbox.close()
    Outbox(tmp_path / "o").close()


@pytest.mark.parametrize("damage", ["overwritten", "cut", "no database"])
def test_a_damaged_file_is_moved_aside(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "o"
    outbox = Outbox(path)
    kept(outbox, lines_of(200), chain_of())
    outbox.close()
    raw = bytearray(path.read_bytes())
    if damage == "overwritten":
        raw[4096:12288] = os.urandom(8192)
    path.write_bytes({"overwritten": bytes(raw), "cut": bytes(raw[:6000]), "no database": b"hello" * 100}[damage])
    again = Outbox(path)
    assert again.aside is not None and again.aside.exists()
    assert again.link == Link()
    kept(again, lines_of(3), chain_of())
    again.close()


def test_an_older_copy_is_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    kept(outbox, lines_of(5), chain_of())
    outbox.check_ahead(5)
    with pytest.raises(Withheld, match=r"edge\.outbox-behind"):
        outbox.check_ahead(6)
    outbox.close()


def test_a_full_disk_stops_no_tick_and_loses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velatura.edge.outbox.MOST_WAITING", 300)
    outbox, chain, lines = Outbox(tmp_path / "o"), chain_of(), lines_of(900)
    kept(outbox, lines[:10], chain)
    (pages,) = outbox._db.execute("PRAGMA page_count").fetchone()
    outbox._db.execute(f"PRAGMA max_page_count={pages}")
    kept(outbox, lines[10:], chain)
    assert outbox.state == "disk-full"
    sent = outbox.pending("a", 100_000)
    assert len(sent) < 200 and sent == list(enumerate(lines))[: len(sent)], "what is not on disk is not sent"
    assert len(outbox._waiting) <= 300
    outbox._db.execute("PRAGMA max_page_count=1000000")
    more = lines_of(901)[-1:]
    kept(outbox, more, chain)
    assert outbox.state == "ok"
    here = [line for _, line in outbox.pending("a", 100_000)]
    assert whole(here) == whole([*lines, *more])
    outbox.close()


WRITER = """
    import sys
    from pathlib import Path
    from tests.edge.chains import chain_of, values_of, CAMERA
    from tests.edge.test_outbox import merger
    from velatura.edge.outbox import Outbox
    outbox = Outbox(Path(sys.argv[1]))
    chain = chain_of(boot=sys.argv[2])
    chain.at = outbox.link
    tick = outbox.read("tick") or 0
    while True:
        tick += 1
        line = chain.record(tick, values_of(CAMERA, tick))
        outbox.commit([line], chain.at, {"tick": tick}, aggregate=merger(chain))
        print(tick, flush=True)
"""


def test_kill_9_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path, rng, last_said = tmp_path / "o", random.Random(1), 0
    for run in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(path), f"{run:016x}"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        first = int(process.stdout.readline())
        time.sleep(rng.random() * 0.15)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait(timeout=60)
        assert first > last_said, "what was said to be committed is there after the kill"
        last_said = int(rest[-1]) if rest else first
    outbox = Outbox(path)
    lines = [line for _, line in outbox.pending("a", 1_000_000)]
    outbox.close()
    whole(lines)
    ticks = [parse(line).tick for line in lines]
    assert ticks == list(range(1, len(ticks) + 1)) and len(ticks) >= last_said
    assert CAMERA.name == parse(lines[0]).camera


def test_a_disk_that_takes_nothing_is_a_state_and_no_end(tmp_path: Path) -> None:
    outbox, chain, lines = Outbox(tmp_path / "o"), chain_of(), lines_of(6)
    outbox.subscribe("sink")
    kept(outbox, lines[:2], chain)
    outbox._db.execute("PRAGMA query_only=ON")  # SQLite's own word for a file system that was remounted
    kept(outbox, lines[2:4], chain)
    outbox.acknowledge("sink", 0)
    assert outbox.state == "read-only" and [seq for seq, _ in outbox.pending("sink")] == [0, 1]
    outbox._db.execute("PRAGMA query_only=OFF")
    kept(outbox, lines[4:], chain)
    assert outbox.state == "ok" and [line for _, line in outbox.pending("sink")] == lines
    outbox.close()


def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path: Path) -> None:
    outbox, chain, lines = Outbox(tmp_path / "o"), chain_of(), lines_of(40)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    try:
        kept(outbox, lines, chain)
        assert outbox.state == "disk-full"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    kept(outbox, lines_of(41)[-1:], chain)
    assert outbox.state == "ok" and [seq for seq, _ in outbox.pending("sink", 99)] == list(range(42))
    outbox.close()


def test_a_place_where_nothing_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VelaturaError, match=r"edge\.outbox"):
        Outbox(tmp_path / "file" / "door" / "o")


def test_sinks_are_known_until_they_are_forgotten(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    for name in ("b", "a"):
        outbox.subscribe(name)
    outbox.unsubscribe("b")
    assert outbox.sinks() == ["a"]
    outbox.close()
