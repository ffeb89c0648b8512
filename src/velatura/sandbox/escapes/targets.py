"""Throw-away targets: a folder, sockets and a process that exist to be attacked."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from velatura.sandbox.linux import prctl
from velatura.sandbox.privileges import NOBODY

__all__ = ["Targets", "targets", "targets_in"]

_SECRET = b"victim-secret"
_SET_PTRACER, _ANYONE, _PDEATHSIG = 0x59616D61, (1 << 64) - 1, 1
_VICTIM_LIVES_S = 550


@dataclass(frozen=True, slots=True)
class Targets:
    """Where the targets are. `scratch`: of the guest, "" for none; `memory_mb`: granted to the guest."""

    folder: str
    host: str
    tag: str
    tcp: int
    udp: int
    victim: int
    secret_at: int
    scratch: str = ""
    memory_mb: int = 1024

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Targets:
        return cls(**raw)


@contextlib.contextmanager
def targets() -> Iterator[Targets]:
    """Targets in a folder of their own that anyone may enter; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="velatura-probe-"))
    try:
        with targets_in(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def targets_in(folder: Path) -> Iterator[Targets]:
    """Targets in an empty folder that exists."""
    folder.chmod(0o777)
    for name in ("secret", "unlink", "chmod", "move"):
        (folder / name).write_text("face")
        (folder / name).chmod(0o666)
    with contextlib.ExitStack() as kept:
        tcp, udp = _sockets(folder, kept)
        victim, address = _victim()
        try:
            yield Targets(str(folder), os.uname().nodename, folder.name, tcp, udp, victim, address)
        finally:
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)


def _sockets(folder: Path, kept: contextlib.ExitStack) -> tuple[int, int]:
    """Ports of TCP and UDP on the loopback; a path and an abstract name beside them."""
    tcp = kept.enter_context(socket.create_server(("127.0.0.1", 0)))
    udp = kept.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", 0))
    for address in (str(folder / "sock"), b"\0" + folder.name.encode()):
        local = kept.enter_context(socket.socket(socket.AF_UNIX))
        local.bind(address)
        local.listen(99)
    (folder / "sock").chmod(0o777)
    return tcp.getsockname()[1], udp.getsockname()[1]


def _victim() -> tuple[int, int]:
    """A process that lets anyone attach, and the address of its secret. Root's victim is nobody, as root's guests are."""
    secret = ctypes.create_string_buffer(_SECRET)
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid, ctypes.addressof(secret)
    try:
        prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getuid() == 0 and os.getppid() == parent:
            with contextlib.suppress(OSError):  # inside a user namespace that knows one uid
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            prctl(_PDEATHSIG, signal.SIGKILL)
        prctl(4, 1)
        prctl(_SET_PTRACER, _ANYONE)
        signal.alarm(_VICTIM_LIVES_S)
        while True:
            signal.pause()
    finally:
        os._exit(0)
