"""One row of a report before it has run: an attack, its two arms, the promise, the secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from velatura import __version__
from velatura.attacks.attack import Arm, Attack
from velatura.findings import Claim

__all__ = ["Case", "Plan"]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """See the module.

    Attributes:
        attack: the attacker.
        target: what is attacked, in words.
        plain, protected: the arms.
        claim: None: the result is only stated.
        secrets: what is hidden; their fingerprint is `data`.
        key: names attack, options and secrets, not the protection: where the unprotected play is shared.
        repeat: the command that reproduces it.
        data: sha256 of the secrets, hex.
        missing: why it cannot run here; "" where it can.
    """

    attack: Attack[Any, Any]
    target: str
    plain: Arm[Any, Any]
    protected: Arm[Any, Any]
    claim: Claim | None
    secrets: Sequence[Any]
    key: str
    repeat: str
    data: str = ""
    missing: str = ""

    @property
    def judged(self) -> bool:
        """Whether it is one of those that share the lower ends' error."""
        return self.claim is not None and self.claim.bound is None and not self.missing

    def digest(self, *, seed: int, budget_s: float, findings: int, pictures: bool) -> str:
        """What a kept finding must agree on to stand for this case, hex."""
        told = (
            __version__,
            self.key,
            self.target,
            self.repeat,
            self.data,
            None if self.claim is None else self.claim.bound,
            seed,
            budget_s,
            findings,
            pictures,
        )
        return hashlib.sha256(msgspec.json.encode([repr(part) for part in told])).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a room's part of an audit will run.

    Attributes:
        cases: in the order of the report.
        limits: what the methods do not protect, sentences.
        subject: facts about the data and the options, name -> words.
        warnings: what a person should know: pictures that were left out.
    """

    cases: tuple[Case, ...]
    limits: tuple[str, ...] = ()
    subject: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
