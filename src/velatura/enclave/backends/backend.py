"""The two protocols behind which every place to run a job stands: a `Backend` starts an `Enclave` for one job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from velatura.crypto.keys import Recipient
from velatura.enclave.assurance import Assurance
from velatura.enclave.job import Job
from velatura.progress import Progress

__all__ = ["Backend", "Collected", "Enclave"]


@dataclass(frozen=True, slots=True)
class Collected:
    """Evidence, and what came with it.

    Attributes:
        evidence: the document.
        format: as a policy names it.
        companions: by the names of `companions.Companions` (leaf, chain, eventlog); `process`: the process document below hardware evidence;
            `files`: every file that was measured, as JSON.
    """

    evidence: bytes
    format: str
    companions: Mapping[str, bytes] = field(default_factory=dict)


class Enclave(Protocol):
    """One started job; a context manager. Its key pair was made inside and never leaves.

    Attributes:
        recipient: what a data set's key is sealed to.
        job_digest: of the job that it was started for, hex.
    """

    @property
    def recipient(self) -> Recipient: ...

    @property
    def job_digest(self) -> str: ...

    def evidence(self, report_data: bytes, nonce: bytes) -> Collected:
        """Fresh evidence that binds 64 bytes, for who gave 32 bytes of nonce."""
        ...

    def take(self, name: str, box: bytes, info: bytes, purpose: bytes, sealed: BinaryIO) -> None:
        """One declared input: the key's HPKE box, opened inside, and the encrypted file, fed in pieces and opened inside.

        Raises:
            Withheld: `enclave.key-does-not-open`, `enclave.input-refused`, `enclave.undeclared-input`.
            BadInput: `enclave.input`: what it holds is not of the declared kind.
        """
        ...

    def take_state(self, box: bytes, info: bytes, sealed: BinaryIO) -> None:
        """What the job kept: the box of a `sealing.StateGrant`, and the file; empty: there is none yet.

        Raises:
            Withheld: `enclave.key-does-not-open`, `enclave.input-refused`, `enclave.rollback`.
        """
        ...

    def run(self, *, deadline_s: float, progress: Progress) -> Mapping[str, bytes]:
        """Run the job, once. Outputs by name; those that are sealed were encrypted inside, and so was `state`, where the job keeps some."""
        ...

    def close(self) -> None:
        """End it, and all that it knew."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Backend(Protocol):
    """A place to run jobs.

    Attributes:
        name: as `--backend` takes it.
        assurance: what its evidence can vouch for.
    """

    @property
    def name(self) -> str: ...

    @property
    def assurance(self) -> Assurance: ...

    def lacking(self) -> tuple[str, ...]:
        """Why it cannot run here, a sentence each, beginning with a layer's or device's name; () if it can."""
        ...

    def start(self, job: Job, *, owner: Recipient | None, allow_degraded: frozenset[str]) -> Enclave:
        """Raises Missing: a layer or a device is absent; BadSpec `enclave.layer`."""
        ...
