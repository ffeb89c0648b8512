"""`tools/bootstrap.sh` on machines that are not ready, without installing anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "tools" / "bootstrap.sh"


def bootstrap(venv: Path, python: str | Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {"PATH": path or os.environ["PATH"], "HOME": str(venv.parent)}
    return subprocess.run(["/bin/sh", str(SCRIPT), str(venv), "core", str(python)], env=env, capture_output=True, text=True, check=False, timeout=120)


def fake_python(folder: Path, *, fails_at: str) -> Path:
    """A real interpreter that pretends to lack something: it fails when its `-c` code holds `fails_at`."""
    script = folder / "python-fake"
    script.write_text(f'#!/bin/sh\ncase "$*" in *"{fails_at}"*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    return script


@pytest.mark.parametrize(
    ("fails_at", "said"),
    [("ensurepip", "apt-get install python3-venv"), ("version_info", "3.11 or later is needed")],
)
def test_what_is_missing_is_named_and_nothing_is_left(tmp_path: Path, fails_at: str, said: str) -> None:
    done = bootstrap(tmp_path / "venv", fake_python(tmp_path, fails_at=fails_at))
    assert done.returncode == 4
    assert said in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["python-fake"]


def test_no_python_at_all_is_one_sentence(tmp_path: Path) -> None:
    done = bootstrap(tmp_path / "venv", "no-such-python")
    assert done.returncode == 4
    assert "Python is not installed" in done.stderr


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path: Path) -> None:
    """A complete environment (by its stamp) is left alone, even when a dead run's lock lies there."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    stamp = f'{{ "{sys.executable}" -VV; echo "core {ROOT}"; cat "{ROOT}/pyproject.toml" "{ROOT}/constraints.txt"; }} | sha256sum | cut -c1-64'
    (venv / ".stamp").write_text(subprocess.run(["/bin/sh", "-c", stamp], capture_output=True, text=True, check=True, timeout=280).stdout.strip())
    dead = subprocess.Popen(["true"])
    dead.wait(timeout=60)
    lock = tmp_path / "venv.lock"
    lock.mkdir()
    (lock / "pid").write_text(str(dead.pid))
    done = bootstrap(venv, sys.executable)
    assert done.returncode == 0, done.stderr
    assert not lock.exists()
