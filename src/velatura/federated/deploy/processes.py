"""Processes of a federation: started in sessions of their own, known by a mark in their environment, ended to the last child.

Flower's SuperLink and SuperNodes start helpers in sessions of *their* own, which outlive a parent that is killed; so a process group does not hold
them all. Each inherits the mark, and on Linux /proc shows who carries it. Elsewhere the group is all there is, and helpers end when they miss
their parent.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from velatura.errors import Missing

__all__ = ["MARK", "alive", "end", "environment", "marked", "past_proxies", "program", "start"]

MARK = "VELATURA_FEDERATION"
POLL_S = 0.1
PROC = Path("/proc")
_STARTED: list[subprocess.Popen[bytes]] = []


def program(name: str) -> str:
    """A command that came with Flower, beside this Python. Raises Missing `extra.fl`, `federated.platform`."""
    if os.name != "posix":
        raise Missing("federated.platform", "Flower's processes are run on Linux and macOS alone", hint="--engine local")
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise Missing("extra.fl", f"{name} is not installed", hint="pip install 'velatura[fl,train]'")
    return found


def environment(instance: str, switches: Mapping[str, str], *, direct: str) -> dict[str, str]:
    """For a child: the mark, Flower's switches, this Python's programs first, and no proxy on the way to `direct`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLWR_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)])
    return {**inherited, **switches, **past_proxies(direct), MARK: instance, "PATH": path, "PYTHONUNBUFFERED": "1"}


def past_proxies(host: str) -> dict[str, str]:
    """Variables with which HTTP clients go straight to `host`: a proxy of the house would see who trains with whom, or not let it through."""
    known = os.environ.get("NO_PROXY") or os.environ.get("no_proxy", "")
    past = ",".join(dict.fromkeys([*filter(None, known.split(",")), host]))
    return {"NO_PROXY": past, "no_proxy": past}


def start(command: Sequence[str], *, log: Path, env: Mapping[str, str], folder: Path) -> int:
    """Its process id. What it writes goes to `log` (0600), which begins anew."""
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        begun = subprocess.Popen(
            command, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    _STARTED.append(begun)  # or Python warns of a child that outlives its object, which is the point
    return begun.pid


def alive(pid: int | None, instance: str) -> bool:
    """Whether it runs and is this federation's: a process id alone may be somebody else's by now."""
    if pid is None:
        return False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # our own child, ended, would stand there as a zombie
    if PROC.is_dir():
        return _carries(pid, instance)
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def marked(instance: str) -> list[int]:
    """Every process that carries the mark, but this one; nothing where there is no /proc."""
    if not PROC.is_dir():
        return []
    return [pid for pid in (int(path.name) for path in PROC.iterdir() if path.name.isdecimal()) if pid != os.getpid() and _carries(pid, instance)]


def end(pids: Sequence[int], instance: str, *, limit_s: float) -> int:
    """SIGTERM, and SIGKILL after `limit_s`, to processes and their groups. Returns how many had to be killed."""
    _signal(pids, instance, signal.SIGTERM)
    if _gone(lambda: not any(alive(pid, instance) for pid in pids), limit_s):
        return 0
    rest = [pid for pid in pids if alive(pid, instance)]
    _signal(rest, instance, signal.SIGKILL)
    _gone(lambda: not any(alive(pid, instance) for pid in rest), limit_s)
    return len(rest)


def _carries(pid: int, instance: str) -> bool:
    try:
        return f"{MARK}={instance}".encode() in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _signal(pids: Sequence[int], instance: str, number: signal.Signals) -> None:
    for pid in pids:
        if not alive(pid, instance):
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == pid:  # leads a group: all of it
                os.killpg(pid, number)
            else:
                os.kill(pid, number)


def _gone(done: Callable[[], bool], limit_s: float) -> bool:
    until_s = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > until_s:
            return False
        time.sleep(POLL_S)
    return True
