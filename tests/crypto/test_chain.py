"""An account that only grows: what a crash leaves, what is refused, and a process that is killed while it writes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.crypto.chain import ChainedFile
from velatura.errors import VelaturaError


def made(path: Path, count: int = 3) -> Path:
    with ChainedFile(path, new=True) as account:
        for number in range(count):
            account.append({"number": number})
    return path


def events(path: Path) -> list[int]:
    with ChainedFile(path) as account:
        return [event["number"] for event in account.events]


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    path = made(tmp_path / "a")
    with ChainedFile(path) as account:
        account.append({"number": 3})
    assert events(path) == [0, 1, 2, 3]
    assert path.stat().st_mode & 0o777 == 0o600


@given(cut=st.integers(min_value=1, max_value=60))
def test_a_line_that_a_crash_cut_off_was_never_there(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = made(tmp_path_factory.mktemp("a") / "a")
    path.write_bytes(path.read_bytes()[:-cut])
    assert events(path) == [0, 1]
    with ChainedFile(path) as account:
        account.append({"number": 9})
    assert events(path) == [0, 1, 9]


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0], lines[2]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[0], *lines[1:]],
        lambda lines: [lines[0].replace(b"0}", b"7}"), *lines[1:]],
        lambda lines: [b"{}\n", *lines[1:]],
        lambda lines: [b"\xff\n", *lines],
        lambda lines: [b"[" * 100_000 + b"\n", *lines],
    ],
)
def test_damage_is_refused(tmp_path: Path, damage: object) -> None:
    path = made(tmp_path / "a")
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))  # type: ignore[operator]
    with pytest.raises(VelaturaError) as caught:
        ChainedFile(path)
    assert caught.value.code == "crypto.chain-damaged"


def test_one_process_at_a_time_and_no_other_file(tmp_path: Path) -> None:
    path = made(tmp_path / "a")
    for attempt, code in (
        (lambda: ChainedFile(path, new=True), "crypto.chain-there"),
        (lambda: ChainedFile(tmp_path / "b"), "crypto.chain-missing"),
    ):
        with pytest.raises(VelaturaError) as caught:
            attempt()
        assert caught.value.code == code
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(VelaturaError):
        ChainedFile(tmp_path / "link")
    with ChainedFile(path), pytest.raises(VelaturaError) as busy:
        ChainedFile(path)
    assert busy.value.code == "crypto.chain-busy"


WRITER = """
import sys
from pathlib import Path
from velatura.crypto.chain import ChainedFile
with ChainedFile(Path(sys.argv[1]), new=True) as account:
    for number in range(100_000):
        account.append({"number": number})
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


def test_what_was_done_is_in_the_account_of_a_process_that_was_killed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "a")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().splitlines() if line]
    process.wait(timeout=60)
    found = events(tmp_path / "a")
    assert found == list(range(len(found)))
    assert len(found) >= told[-1] + 1


def test_a_line_says_what_it_follows(tmp_path: Path) -> None:
    first, *_ = made(tmp_path / "a").read_bytes().splitlines()
    assert json.loads(first) == {"before": "0" * 64, "event": {"number": 0}}
