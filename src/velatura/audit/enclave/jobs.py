"""Jobs of an attacker's, in the confined process and in a plain one: what lies outside afterwards, or in one further place (`places.py`)."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.random import Generator

from velatura.attacks.enclave.data_canary import Leak
from velatura.audit.enclave.material import small_job
from velatura.audit.enclave.places import Place, Scene
from velatura.crypto.keys import Recipient
from velatura.enclave.backends.backend import Backend
from velatura.enclave.backends.process import ProcessBackend
from velatura.enclave.backends.simulated import SimulatedBackend
from velatura.enclave.challenges import Challenges
from velatura.enclave.holder import Holder
from velatura.enclave.job import Job
from velatura.enclave.policy import parse_policy
from velatura.enclave.run_sources import one_run, sources_of
from velatura.enclave.session import run_job
from velatura.errors import Missing, VelaturaError
from velatura.progress import Progress

__all__ = ["LeakArm"]

PROC = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class LeakArm:
    """A whole run of a job on this machine: sealed, attested, released, opened inside.

    Attributes:
        confined: False: the simulated enclave, a plain process.
        place: what is looked at; None: all that lies outside afterwards.
    """

    confined: bool
    place: Place | None = None

    def __call__(self, secret: Leak, rng: Generator) -> Mapping[str, bytes]:
        """Raises Missing: no process can be confined here, or the place cannot be looked at."""
        if self.place is not None and not PROC.exists():
            raise Missing("enclave.no-proc", f"a process is looked at through {PROC.parent}, which is not here", hint="run it on Linux")
        with ExitStack() as stack:
            outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="velatura-audit-")))
            outside.chmod(0o777)  # a process without rights of its own is not to fail for that alone
            (outside / "shared").write_bytes(b"\0")
            (outside / "shared").chmod(0o666)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            listener.bind(str(outside / "listener"))
            (outside / "listener").chmod(0o666)
            listener.setblocking(False)
            port = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            port.bind(("127.0.0.1", 0))
            port.setblocking(False)
            inside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="velatura-audit-")))
            seen: dict[str, bytes] = {}
            told = self._run(secret, inside, {"folder": str(outside), "port": str(port.getsockname()[1])}, seen)
            if self.place is not None:
                return seen
            return {"what the run says": told, **_lying(outside), "a socket": _heard(listener), "a port": _heard(port)}

    def _run(self, secret: Leak, folder: Path, given: Mapping[str, str], seen: dict[str, bytes]) -> bytes:
        job = small_job(folder, code=secret.code, data=secret.word, given=given)
        backend: Backend = ProcessBackend() if self.confined else SimulatedBackend()
        if self.place is not None:
            backend = _WatchedBackend(backend, lambda pid: self.place(Scene(secret, pid, Path(given["folder"]), self.confined, seen)))  # type: ignore[misc]
        policy = parse_policy(f'version = 1\nformat = "{backend.name}"\n[reference]\nany_measurement = true\n')
        held, readable = one_run(job, policy, folder, entropy=os.urandom)
        holder = Holder(held, Challenges(os.urandom, time.monotonic), now=lambda: datetime.now(UTC))
        sources = sources_of(job, holder, list(holder.datasets), readable, {})
        try:
            ran = run_job(job, backend, sources)
        except Missing:
            raise
        except VelaturaError as error:
            return f"{error.code} {error.sentence} {error.hint}".encode()
        return b"".join(repr(one).encode() for one in ran.outputs.values())


@dataclass(frozen=True, slots=True)
class _WatchedBackend:
    """A backend whose enclave is looked at while its job runs. watch: pid -> what is done around the run."""

    backend: Backend
    watch: Callable[[int], AbstractContextManager[None]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def start(self, job: Job, *, owner: Recipient | None = None, allow_degraded: frozenset[str] = frozenset()) -> Any:
        return _WatchedEnclave(self.backend.start(job, owner=owner, allow_degraded=allow_degraded), self.watch)


class _WatchedEnclave:
    def __init__(self, enclave: Any, watch: Callable[[int], AbstractContextManager[None]]) -> None:
        self._enclave, self._watch = enclave, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._enclave, name)

    def run(self, *, deadline_s: float, progress: Progress) -> Mapping[str, bytes]:
        """Whatever it raises is raised behind the look."""
        with self._watch(self._enclave.pid):
            try:
                found: Mapping[str, bytes] = self._enclave.run(deadline_s=deadline_s, progress=progress)
            except VelaturaError as error:
                ended = error
            else:
                return found
        raise ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._enclave.close()


def _lying(folder: Path) -> dict[str, bytes]:
    """Names, links and contents."""
    found = {}
    for path in folder.iterdir():
        name = os.fsencode(path.name)
        if path.is_symlink():
            found["a link"] = os.fsencode(path.readlink())
        elif path.is_dir():
            found["a folder"] = name
        elif path.is_file():
            found[f"file {path.name[:12]}"] = path.read_bytes()
    return found


def _heard(listener: socket.socket) -> bytes:
    try:
        return listener.recv(4096)
    except OSError:
        return b""
