"""A state folder is one run's alone, for as long as its process lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from velatura.edge.state_folder import KEY, LOCK, held
from velatura.errors import BadSpec, VelaturaError

HOLDER = """
import sys, time
from pathlib import Path
from velatura.edge.state_folder import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    with held(tmp_path / "a" / "state") as first:
        assert (tmp_path / "a" / "state").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "a" / "state" / KEY).stat().st_mode & 0o777 == 0o600
    with held(tmp_path / "a" / "state") as second:
        assert first.verifier.id == second.verifier.id


def test_a_second_run_is_refused_by_the_number_of_the_first_and_kill_9_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(BadSpec, match=rf"process {holder.pid} runs with this folder \[edge\.state-busy\]"), held(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=60)
    with held(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"


def test_a_lock_that_is_no_number_of_ours_is_not_repeated(tmp_path: Path) -> None:
    with held(tmp_path):
        (tmp_path / LOCK).write_text("\x1b[31m; rm -rf /\n")
        with pytest.raises(BadSpec, match="another process runs with this folder"), held(tmp_path):
            pass


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_cannot_be_used_is_one_line(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    if kind == "file":
        folder.write_text("")
    else:
        folder.mkdir()
        if kind == "link":
            (folder / LOCK).symlink_to(tmp_path / "elsewhere")
        else:
            (folder / LOCK).mkdir()
    with pytest.raises(VelaturaError, match=r"edge\.state\]"), held(folder):
        pass
    assert not (tmp_path / "elsewhere").exists()
