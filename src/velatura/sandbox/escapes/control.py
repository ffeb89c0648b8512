"""The positive control: every probe unconfined, in throw-away namespaces, with throw-away victims, never as root in the open.

Fresh user, mount, network, IPC, UTS and PID namespaces with a /tmp, /proc and loopback of their own, as root of nobody's user namespace. What does
not work there proves nothing by being denied inside, and is named.

    python -m velatura.sandbox.escapes.control      prints {probe: outcome} as JSON; {} where no namespaces can be had
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import NoReturn

from velatura.sandbox.escapes.listed import all_probes
from velatura.sandbox.escapes.probe import OPEN, Probe, attempt
from velatura.sandbox.escapes.targets import targets_in
from velatura.sandbox.linux import check, libc
from velatura.sandbox.privileges import drop_uid

__all__ = ["control"]

_USER, _MOUNTS, _NET, _IPC, _UTS, _PID = 0x10000000, 0x00020000, 0x40000000, 0x08000000, 0x04000000, 0x20000000
_PRIVATE_REC, _SET_FLAGS, _UP = 0x44000, 0x8914, 1
_PATIENCE_S = 4  # some probes block where they work


def control() -> dict[str, str]:
    """{name: outcome}; OPEN where the control works. Forks, and must run in a process of its own (single-threaded)."""
    mine, its = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        try:
            os.close(mine)
            _keep(its)
        finally:
            os._exit(1)
    os.close(its)
    with open(mine, "rb") as pipe:
        raw = pipe.read()
    os.waitpid(keeper, 0)
    found: dict[str, str] = json.loads(raw or b"{}")
    return found


def _keep(report: int) -> None:
    """Enter the namespaces; the first process of the new PID namespace does the rest and takes all others with it."""
    if os.getuid() == 0:
        drop_uid()
    uid, gid = os.getuid(), os.getgid()
    check(libc().unshare(_USER | _MOUNTS | _NET | _IPC | _UTS | _PID), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        Path("/proc/self", name).write_text(text)
    first = os.fork()
    if first == 0:
        try:
            _furnish()
            Path("/tmp/v").mkdir()  # noqa: S108 - a tmpfs of our own
            with targets_in(Path("/tmp/v")) as at:  # noqa: S108
                os.write(report, json.dumps({probe.name: _outcome(probe) for probe in all_probes(at)}).encode())
        finally:
            os._exit(0)
    os.waitpid(first, 0)


def _furnish() -> None:
    _mount(None, "/", None, _PRIVATE_REC)
    with contextlib.suppress(OSError):  # a container whose /proc is masked: then the probes of /proc have no control
        _mount("proc", "/proc", "proc", 0)
    for path in ("/tmp", "/dev/shm"):  # noqa: S108
        _mount("none", path, "tmpfs", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        fcntl.ioctl(end, _SET_FLAGS, struct.pack("16sH22x", b"lo", _UP))


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    words = [None if text is None else text.encode() for text in (source, target, kind)]
    check(libc().mount(*words, ctypes.c_ulong(flags), None), f"mount {target}")


def _outcome(probe: Probe) -> str:
    mine, its = os.pipe()
    pid = os.fork()
    if pid == 0:
        _act(probe, its)
    os.close(its)
    with open(mine, "rb") as pipe:
        word = pipe.read(99).decode()
    status = os.waitpid(pid, 0)[1]
    return word or (OPEN if os.WIFEXITED(status) else "killed")  # no word and a regular end: it has become another program


def _act(probe: Probe, report: int) -> NoReturn:
    """In a child, with an inbox and an outbox that can be read and written."""
    try:
        signal.alarm(_PATIENCE_S)
        os.chdir("/tmp")  # noqa: S108
        near, far = socket.socketpair()
        far.sendall(b"x" * 64)
        for number in (0, 1):
            os.dup2(near.fileno(), number)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
        os.write(report, attempt(probe).encode())
    finally:
        os._exit(0)


if __name__ == "__main__":
    json.dump(control(), sys.stdout)
