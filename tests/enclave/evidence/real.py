"""Real evidence by the name of its case in cases.json, ready to be changed and judged again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from velatura.enclave.appraisal import Appraisal, Verdict
from velatura.enclave.companions import Companions, read_companions
from velatura.enclave.evidence.documents import read_evidence
from velatura.enclave.policy import Policy
from velatura.enclave.verify import verify
from velatura.errors import BadInput


@dataclass(frozen=True)
class Real:
    """One piece, what lies beside it, and when to judge it."""

    evidence: bytes
    companions: Companions
    now: datetime
    asked: dict[str, Any] = field(repr=False)

    def judged(self, evidence: bytes | None = None, *, reference: dict[str, Any] | None = None, **require: Any) -> Appraisal:
        """Under the case's policy, with these instead."""
        asked = self.asked | {"require": self.asked.get("require", {}) | require} | ({"reference": reference} if reference else {})
        policy = msgspec.convert(asked, Policy)
        policy.check("test")
        return verify(self.evidence if evidence is None else evidence, policy, self.companions, now=self.now)

    def accepted(self, evidence: bytes) -> bool:
        """Not refused, neither as input nor by a verdict; a warning is accepted."""
        try:
            return self.judged(evidence).verdict is not Verdict.CONTRAINDICATED
        except BadInput:
            return False

    @property
    def tree(self) -> Any:
        """Of evidence that is JSON: its values, new ones each time."""
        return json.loads(self.evidence)

    def beside(self, **companions: bytes | None) -> Real:
        return replace(self, companions=replace(self.companions, **companions))

    def asking(self, **asked: Any) -> Real:
        return replace(self, asked=self.asked | asked)


def real(shared: Path, name: str) -> Real:
    folder = shared / "data/enclave-evidence"
    case = next(case for case in json.loads((folder / "cases.json").read_text())["cases"] if case["id"] == name)
    asked = {"version": 1, "format": case["format"], "reference": {"any_measurement": True}, "with": case.get("with") or {}} | case.get("policy", {})
    policy = msgspec.convert(asked, Policy)
    beside = read_companions(policy.companions, folder)
    return Real(read_evidence(folder / case["evidence"]), beside, datetime.fromtimestamp(case["time"], UTC), asked)


def flipped(raw: bytes, places: Iterable[int]) -> Iterable[tuple[int, bytes]]:
    """`raw` with one bit changed, for each bit number in `places`."""
    for place in places:
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        yield place, bytes(changed)


def accepted_flips(case: Real, raw: bytes, evidence: Callable[[bytes], bytes], places: Iterable[int]) -> list[int]:
    """Bits of `raw` whose change does not matter to the verdict, where `evidence` puts the changed bytes into their document."""
    return [place for place, changed in flipped(raw, places) if case.accepted(evidence(changed))]
