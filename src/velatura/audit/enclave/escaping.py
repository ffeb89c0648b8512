"""Ways out of the process of a real job: those that work outside of any confinement, and which of them work inside.

The probes run in processes of their own, started by whoever runs the audit; targets are throw-away folders and victims.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from numpy.random import Generator

from velatura.audit.enclave.break_in import DENIALS
from velatura.enclave.backends import memfd_secret
from velatura.enclave.backends.cell import GUEST, cell_confinement, settings_of
from velatura.enclave.job import Job
from velatura.errors import Missing
from velatura.sandbox.escapes import OPEN

__all__ = ["EscapeArm", "Probing"]

PATIENCE_S = 300
CONTROL, INSIDE = "velatura.sandbox.escapes.control", "velatura.audit.enclave.break_in"
LEAST_PROVEN = 60


class Probing:
    """Every probe, once for both arms, when it is asked for first."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @cached_property
    def outside(self) -> frozenset[str]:
        """Those that work where nothing confines them. Raises Missing `enclave.no-controls`."""
        told = _asked(CONTROL, {})
        proven = frozenset(name for name, word in told.items() if word == OPEN)
        if len(proven) < LEAST_PROVEN:
            sentence = f"{len(proven)} probes can be shown to work outside of the job on this machine; {LEAST_PROVEN} are needed"
            raise Missing("enclave.no-controls", sentence, hint="controls need user namespaces: run it on the host, or allow them for this container")
        return proven

    @property
    def unproven(self) -> tuple[str, ...]:
        """Those that were tried inside, and do not work outside either: that they are denied shows nothing."""
        return tuple(sorted(self.inside.keys() - self.outside))

    @cached_property
    def inside(self) -> Mapping[str, bool]:
        """Probe -> whether it is open in the job's process. Raises Missing: it cannot be confined here."""
        settings = settings_of(self._job, secretmem=not memfd_secret.why_absent())
        order = {"guest": GUEST, "settings": settings, "may": cell_confinement(self._job, frozenset()).to_json(), "path": _packages()}
        told = _asked(INSIDE, order)
        if refused := told.get("refused"):
            raise Missing(refused["code"], refused["sentence"], hint=refused["hint"])
        if "alone" not in told:
            raise Missing(
                "enclave.no-controls", "the process that tries the probes ended before it had told anything", hint="velatura enclave doctor"
            )
        ways = [words for words in (told["alone"], told["locked"]) if words]  # none is tried in the locked process once one was open alone
        return {name: any(words[name] not in DENIALS for words in ways) for name in told["alone"]}


@dataclass(frozen=True, slots=True)
class EscapeArm:
    """Nothing -> probe -> whether it was open, of those that work outside."""

    probing: Probing
    confined: bool

    def __call__(self, secret: None, rng: Generator) -> Mapping[str, bool]:
        proven = self.probing.outside
        inside = self.probing.inside
        return {name: inside[name] if self.confined else True for name in sorted(proven & inside.keys())}


def _packages() -> list[str]:
    """Where velatura and what a job's process imports lie: another interpreter of this version finds them there."""
    specs = [find_spec(name) for name in ("velatura", "numpy", "msgspec")]
    return list(dict.fromkeys(str(Path(spec.origin).parents[1]) for spec in specs if spec is not None and spec.origin))


def _asked(module: str, order: Mapping[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {}
    return told
