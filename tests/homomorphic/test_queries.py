"""The count of what a key decrypted: on the disk before, right under several processes, and closed where it is in doubt."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from velatura.errors import Withheld
from velatura.homomorphic.queries import begin, path_beside, spend, spent

KEY = bytes(range(16))


@pytest.fixture
def count(tmp_path: Path) -> Path:
    path = path_beside(tmp_path / "secret.key")
    begin(path, KEY)
    return path


def refused(path: Path, key: bytes = KEY, count: int = 1, limit: int | None = None) -> str:
    with pytest.raises(Withheld) as caught:
        spend(path, key, count, limit)
    assert caught.value.exit_status == 3
    return caught.value.code


def test_it_counts_up_to_the_limit_and_not_beyond(count: Path) -> None:
    assert spend(count, KEY, 3, 5) == 3
    assert refused(count, count=3, limit=5) == "he.queries-spent"
    assert spent(count, KEY) == 3
    assert spend(count, KEY, 2, 5) == 5
    assert spend(count, KEY, 1000, None) == 1005


def test_only_the_owner_reads_it(count: Path) -> None:
    assert count.name == "secret.key.queries"
    assert stat.S_IMODE(count.stat().st_mode) == 0o600


@pytest.mark.parametrize("raw", [b"", b"velatura queries 1\n", b"x" * 89])
def test_a_damaged_count_is_spent(count: Path, raw: bytes) -> None:
    count.write_bytes(raw)
    assert refused(count) == "he.queries-lost"


def test_a_missing_or_foreign_count_is_spent(count: Path) -> None:
    assert refused(count, key=bytes(16)) == "he.queries-lost"
    count.unlink()
    assert refused(count) == "he.queries-lost"
    with pytest.raises(Withheld):
        spent(count, KEY)


def test_several_processes_lose_none(count: Path) -> None:
    code = (
        f"from pathlib import Path; from velatura.homomorphic.queries import spend\nfor _ in range(50): spend(Path({str(count)!r}), {KEY!r}, 1, None)"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert spent(count, KEY) == 150
