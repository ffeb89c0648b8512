"""The backend `process`: the job in a confined process of this machine, with evidence that the machine's root could have written.

It exists so that the whole workflow runs on any Linux machine, and keeps out everybody but root and who stands above root. What it does not protect
from stands in `limits.py`, under `process`.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

import velatura
from velatura.crypto.keys import Entropy, Recipient, Signer
from velatura.crypto.secret import Secret
from velatura.enclave.assurance import Assurance
from velatura.enclave.backends import memfd_secret
from velatura.enclave.backends.backend import Collected
from velatura.enclave.backends.cell import CALLS, SECRETMEM, Cell
from velatura.enclave.backends.measurement import Measured, measure
from velatura.enclave.evidence.process_document import INSECURE_TEST, Claims, measurement_of, signed
from velatura.enclave.job import Job
from velatura.progress import Progress
from velatura.sandbox import landlock
from velatura.sandbox.layers import layers

__all__ = ["ProcessBackend", "ProcessEnclave", "SigningKey"]


@dataclass(frozen=True, slots=True)
class ProcessBackend:
    """
    Attributes:
        clock: seconds since 1970.
        entropy: of the signing key where there is no memory for it that root cannot read.
    """

    clock: Callable[[], float] = time.time
    entropy: Entropy = os.urandom
    name: str = "process"
    assurance: Assurance = Assurance.PROCESS

    def lacking(self) -> tuple[str, ...]:
        found = {layer.value: word for layer, word in layers().items()} | {SECRETMEM: memfd_secret.why_absent()}
        return tuple(f"{layer}: {word}" for layer, word in found.items() if word)

    def start(self, job: Job, *, owner: Recipient | None = None, allow_degraded: frozenset[str] = frozenset()) -> ProcessEnclave:
        """Raises as `Cell`."""
        cell = Cell(job, allow_degraded)
        return ProcessEnclave(cell, SigningKey(self.entropy), self.clock, named="process")


class SigningKey:
    """Ed25519, made at the start of an enclave, in memory that root cannot read where the kernel has it."""

    def __init__(self, entropy: Entropy) -> None:
        self._memory = None if memfd_secret.why_absent() else memfd_secret.SecretMemory(32)
        self._plain = entropy(32) if self._memory is None else b""
        if self._memory is not None:
            self._memory.draw()

    def signer(self) -> Signer:
        """For one signature: it holds a copy in ordinary memory."""
        return Signer(Secret(self._memory.reveal() if self._memory is not None else self._plain))

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()
        self._memory, self._plain = None, b""


class ProcessEnclave:
    """An `Enclave`. `key` None: signed with INSECURE-TEST."""

    def __init__(self, cell: Cell, key: SigningKey | None, clock: Callable[[], float], *, named: str) -> None:
        self._cell, self._key, self._clock, self._named = cell, key, clock, named
        self.recipient, self.job_digest = cell.told.recipient, cell.job.digest
        self.pid = cell.pid

    @cached_property
    def measured(self) -> Measured:
        """Read when it is first asked for."""
        return measure(self._cell.told.loaded)

    def evidence(self, report_data: bytes, nonce: bytes) -> Collected:
        """As of `Enclave.evidence`. Raises Missing `enclave.measured`."""
        signer = INSECURE_TEST if self._key is None else self._key.signer()
        document = signed(self._claims(report_data, nonce), signer, named=self._named)
        return Collected(document, self._named, {"files": msgspec.json.encode(self.measured.files)})

    def take(self, name: str, box: bytes, info: bytes, purpose: bytes, sealed: BinaryIO) -> None:
        self._cell.take(name, box, info, purpose, sealed)

    def take_state(self, box: bytes, info: bytes, sealed: BinaryIO) -> None:
        self._cell.take_state(box, info, sealed)

    def run(self, *, deadline_s: float, progress: Progress) -> Mapping[str, bytes]:
        return self._cell.run(deadline_s=deadline_s, progress=progress)

    def close(self) -> None:
        self._cell.close()
        if self._key is not None:
            self._key.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _claims(self, report_data: bytes, nonce: bytes) -> Claims:
        job, told = self._cell.job, self._cell.told
        claims = Claims(
            nonce=nonce.hex(),
            report_data=report_data.hex(),
            recipient=told.recipient.raw.hex(),
            job=job.digest,
            model=job.terms.model or "",
            measurement="",
            interpreter=self.measured.interpreter,
            packages=self.measured.packages,
            environment=dict(told.environment),
            calls=tuple(sorted(CALLS)),
            layers=self._cell.layers,
            threads=job.threads,
            memory_mb=job.memory_mb,
            uid=self._cell.uid,
            kernel=platform.release(),
            landlock_abi=_landlock_abi(),
            boot_id=_boot_id(),
            hwmodel=f"{platform.system()} {platform.machine()}",
            iat=int(self._clock()),
            swname="velatura",
            swversion=velatura.__version__,
        )
        return msgspec.structs.replace(claims, measurement=measurement_of(claims))


def _landlock_abi() -> int:
    try:
        return landlock.abi()
    except (OSError, AttributeError):  # elsewhere than on Linux the C library has no such call
        return 0


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
