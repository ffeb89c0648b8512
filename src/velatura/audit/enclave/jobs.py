"""Jobs of an attacker's, in the confined process and in a plain one: what lies outside afterwards."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from numpy.random import Generator

from velatura.attacks.enclave.data_canary import Leak
from velatura.audit.enclave.material import small_job
from velatura.enclave.backends.backend import Backend
from velatura.enclave.backends.process import ProcessBackend
from velatura.enclave.backends.simulated import SimulatedBackend
from velatura.enclave.challenges import Challenges
from velatura.enclave.holder import Holder
from velatura.enclave.policy import parse_policy
from velatura.enclave.run_sources import one_run, sources_of
from velatura.enclave.session import run_job
from velatura.errors import Missing, VelaturaError

__all__ = ["LeakArm"]


@dataclass(frozen=True, slots=True)
class LeakArm:
    """A whole run of a job on this machine: sealed, attested, released, opened inside. confined: False: the simulated enclave, a plain process."""

    confined: bool

    def __call__(self, secret: Leak, rng: Generator) -> Mapping[str, bytes]:
        """Raises Missing: no process can be confined here."""
        with ExitStack() as stack:
            outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="velatura-audit-")))
            outside.chmod(0o777)  # a process without rights of its own is not to fail for that alone
            (outside / "shared").write_bytes(b"\0")
            (outside / "shared").chmod(0o666)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            listener.bind(str(outside / "listener"))
            (outside / "listener").chmod(0o666)
            listener.setblocking(False)
            inside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="velatura-audit-")))
            seen = {"what the run says": self._run(secret, inside, outside)}
            return seen | _lying(outside) | {"a socket": _heard(listener)}

    def _run(self, secret: Leak, folder: Path, outside: Path) -> bytes:
        job = small_job(folder, code=secret.code, data=secret.word, given={"folder": str(outside)})
        backend: Backend = ProcessBackend() if self.confined else SimulatedBackend()
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
