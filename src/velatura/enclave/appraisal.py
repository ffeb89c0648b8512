"""What verification of one piece of evidence says: each check that was made, the claims that they support, and a verdict.

A verifier fills an `Examination`. Nothing is skipped silently: what could not be looked at is a check too, and makes the verdict a warning. The first
failed check names the verdict's code; later ones still stand in the list.

Words: RFC 9334 (Attestation Result), draft-ietf-rats-ear (affirming, warning, contraindicated).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from velatura.enclave.assurance import Assurance
from velatura.errors import one_line

__all__ = ["Appraisal", "Check", "Examination", "Outcome", "Refused", "Verdict"]


class Verdict(StrEnum):
    """AFFIRMING: every check passed. WARNING: with something that was tolerated or could not be looked at. CONTRAINDICATED: a check failed."""

    AFFIRMING = "affirming"
    WARNING = "warning"
    CONTRAINDICATED = "contraindicated"


class Outcome(StrEnum):
    """Of one check."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: stable words, such as `chain`, `signature`, `debug`.
        outcome: of it.
        code: why it warned or failed, in the words of docs/reference/enclave.md; "" where it passed.
        told: one sentence: what was compared with what.
        hint: what the person can do next.
    """

    name: str
    outcome: Outcome
    code: str = ""
    told: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Appraisal:
    """The result.

    Attributes:
        format: of the evidence, as the policy names it.
        verdict: of all checks together.
        code: `ok`, or that of the first check that failed, or else of the first that warned.
        assurance: what the evidence reached; NONE unless its signature and chain hold.
        checks: in the order in which they were made.
        claims: what the evidence says and the checks support; plain JSON values, bytes as lower-case hex.
        policy: the digest of the policy that was applied, hex.
        references: what the evidence shows of the reference values that a policy can list, by the policy's names; for writing one.
    """

    format: str
    verdict: Verdict
    code: str
    assurance: Assurance
    checks: tuple[Check, ...]
    claims: Mapping[str, Any]
    policy: str
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def decisive(self) -> Check | None:
        """The check that named the code; None where all passed."""
        for outcome in (Outcome.FAILED, Outcome.WARNED):
            for check in self.checks:
                if check.outcome is outcome:
                    return check
        return None


class Refused(Exception):
    """A check failed without which the next ones mean nothing. Raised by verifiers and their helpers, caught by `verify` alone."""

    def __init__(self, name: str, code: str, told: str, *, hint: str = "") -> None:
        super().__init__(f"{code}: {told}")
        self.check = Check(name, Outcome.FAILED, code, one_line(told), one_line(hint))


@dataclass(slots=True)
class Examination:
    """Checks while they are made.

    Attributes:
        claims: filled by the verifier as far as it got; plain JSON values.
        checks: so far.
        references: as in Appraisal.
    """

    claims: dict[str, Any] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)

    def passed(self, name: str, told: str = "") -> None:
        """Something was looked at and is as it must be."""
        self.checks.append(Check(name, Outcome.PASSED, told=one_line(told)))

    def warned(self, name: str, code: str, told: str, *, hint: str = "") -> None:
        """Something is tolerated by the policy, or could not be looked at."""
        self.checks.append(Check(name, Outcome.WARNED, code, one_line(told), one_line(hint)))

    def failed(self, name: str, code: str, told: str, *, hint: str = "") -> None:
        """Something is not as the policy wants it; the next checks still mean something."""
        self.checks.append(Check(name, Outcome.FAILED, code, one_line(told), one_line(hint)))

    def hold(self, name: str, true: bool, code: str, told: str, *, hint: str = "") -> None:
        """`passed` where `true`, else `failed`. `told` must read well for both: say what was found and what is wanted."""
        if true:
            self.passed(name, told)
        else:
            self.failed(name, code, told, hint=hint)

    def need(self, name: str, true: bool, code: str, told: str, *, hint: str = "") -> None:
        """`passed` where `true`; else nothing that follows means anything. Raises Refused."""
        if not true:
            raise Refused(name, code, told, hint=hint)
        self.passed(name, told)

    def appraisal(self, named: str, assurance: Assurance, policy: str) -> Appraisal:
        """All checks together; `named`: the format, `policy`: the digest of what was asked."""
        outcomes = {check.outcome for check in self.checks}
        if Outcome.FAILED in outcomes or not self.checks:
            verdict, assurance = Verdict.CONTRAINDICATED, Assurance.NONE
        else:
            verdict = Verdict.WARNING if Outcome.WARNED in outcomes else Verdict.AFFIRMING
        found = Appraisal(named, verdict, "ok", assurance, tuple(self.checks), dict(self.claims), policy, dict(self.references))
        return replace(found, code=found.decisive.code) if found.decisive else found
