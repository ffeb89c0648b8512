"""A confined process on hardware that vouches for the machine below it: the same process as `process`, and what its evidence binds goes into the
hardware's.

The hardware shows which machine it is (its firmware and kernel are measured at launch), and the machine's kernel holds the layers; the process's own
document travels along as the companion `process`. Unverified on hardware, as each attester says.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from velatura.crypto.keys import Recipient
from velatura.enclave.assurance import Assurance
from velatura.enclave.backends.attesters.attester import Attester
from velatura.enclave.backends.backend import Collected
from velatura.enclave.backends.cell import Cell
from velatura.enclave.backends.process import ProcessBackend, ProcessEnclave, SigningKey
from velatura.enclave.job import Job

__all__ = ["HardwareBackend"]


@dataclass(frozen=True, slots=True)
class HardwareBackend:
    """`name` is the attester's."""

    attester: Attester
    process: ProcessBackend = field(default_factory=ProcessBackend)
    assurance: Assurance = Assurance.TEE

    @property
    def name(self) -> str:
        return self.attester.name

    def lacking(self) -> tuple[str, ...]:
        """The device first: without it the layers do not matter."""
        absent = self.attester.lacking()
        return (absent,) if absent else self.process.lacking()

    def start(self, job: Job, *, owner: Recipient | None = None, allow_degraded: frozenset[str] = frozenset()) -> ProcessEnclave:
        return _HardwareEnclave(Cell(job, allow_degraded), self.process, self.attester)


class _HardwareEnclave(ProcessEnclave):
    """The process, whose evidence is the hardware's."""

    def __init__(self, cell: Cell, process: ProcessBackend, attester: Attester) -> None:
        super().__init__(cell, SigningKey(process.entropy), process.clock, named="process")
        self._attester = attester

    def evidence(self, report_data: bytes, nonce: bytes) -> Collected:
        own = super().evidence(report_data, nonce)
        quoted = self._attester.quote(report_data, nonce, self.recipient.raw)
        return Collected(quoted.evidence, quoted.format, {**quoted.companions, **own.companions, "process": own.evidence})
