"""The backend `simulated`: the same job in a plain child, with evidence signed by a published key. For trying things out, on any system.

It confines nothing and proves nothing: everybody has the key, which is called INSECURE-TEST. A policy must ask for it by name, and `auto` never takes
it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from velatura.crypto.keys import Recipient
from velatura.enclave.assurance import Assurance
from velatura.enclave.backends.cell import Cell
from velatura.enclave.backends.process import ProcessEnclave
from velatura.enclave.job import Job

__all__ = ["SimulatedBackend"]


@dataclass(frozen=True, slots=True)
class SimulatedBackend:
    """`clock`: seconds since 1970."""

    clock: Callable[[], float] = time.time
    name: str = "simulated"
    assurance: Assurance = Assurance.SIMULATED

    def lacking(self) -> tuple[str, ...]:
        return ()

    def start(self, job: Job, *, owner: Recipient | None = None, allow_degraded: frozenset[str] = frozenset()) -> ProcessEnclave:
        return ProcessEnclave(Cell(job, allow_degraded, confined=False), None, self.clock, named="simulated")
