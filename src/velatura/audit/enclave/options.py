"""The table `[enclave]` of an audit's spec: whose evidence is forged, under which policy, and which job the process runs that is broken out of."""

from __future__ import annotations

from velatura.audit.enclave.names import ATTACKS
from velatura.errors import BadSpec, nearest
from velatura.specs import Spec

__all__ = ["EnclaveOptions"]

MOST_CHANGES = 1_000_000


class EnclaveOptions(Spec, frozen=True, kw_only=True):
    """See the module.

    Attributes:
        evidence: a file, as `velatura enclave verify` takes it; "": made here, by a confined process.
        policy: what is asked of it; with its companions.
        time: when it is judged: Unix seconds, or ISO 8601; "": now.
        job: JOB.toml, in whose process the escape probes run; "": a small one.
        attacks: which to run; () means all.
        flips: bits of what is signed that are flipped.
        mutations: random changes.
    """

    evidence: str = ""
    policy: str = ""
    time: str = ""
    job: str = ""
    attacks: tuple[str, ...] = ()
    flips: int = 400
    mutations: int = 400

    def check(self) -> None:
        """Raises BadSpec `audit.attack`, `audit.twice`, `audit.evidence`, `audit.changes`."""
        wrong = next((name for name in self.attacks if name not in ATTACKS), None)
        if wrong is not None:
            raise BadSpec("audit.attack", f"there is no attack {wrong!r} on an enclave", hint=nearest(wrong, ATTACKS))
        if len(set(self.attacks)) < len(self.attacks):
            raise BadSpec("audit.twice", f"one of {', '.join(self.attacks)} is named twice", hint="name it once: its findings would be the same")
        if bool(self.evidence) != bool(self.policy):
            raise BadSpec("audit.evidence", "evidence is judged under a policy, and a policy has evidence", hint="give both, or neither")
        if not 0 <= self.flips <= MOST_CHANGES or not 0 <= self.mutations <= MOST_CHANGES:
            raise BadSpec("audit.changes", f"{self.flips} flips and {self.mutations} changes are not possible", hint=f"0 to {MOST_CHANGES:,}")
