"""An appraisal as a person reads it: the verdict, each check with its mark, the claims, and what all of that does not prove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from velatura.enclave.appraisal import Appraisal, Outcome
from velatura.enclave.assurance import Assurance
from velatura.enclave.explanations import CHECKS, CODES, base_name
from velatura.enclave.limits import limit_of
from velatura.errors import one_line

__all__ = ["in_words", "record_in_words"]

MARKS: Mapping[str, str] = {Outcome.PASSED: "ok", Outcome.WARNED: "WARN", Outcome.FAILED: "FAIL"}
MOST_SIGNS, MOST_ENTRIES, SHORT = 400, 8, 39


def in_words(appraisal: Appraisal, *, now: datetime) -> str:
    """Several lines of plain text."""
    decisive = appraisal.decisive
    first = f"{appraisal.verdict.upper()}: {appraisal.format}" + (
        f", {decisive.told} [{appraisal.code}]" if decisive else f" evidence reaches {appraisal.assurance.word}"
    )
    lines = [first, f"assurance {appraisal.assurance.word}, judged at {now:%Y-%m-%d %H:%M:%S} UTC", ""]
    for check in appraisal.checks:
        code = f" [{check.code}]" if check.code else ""
        lines.append(f"{MARKS[check.outcome]:4s} {check.name:20s} {check.told}{code}".rstrip())
        if check.hint:
            lines.append(f"{'':25s} -> {check.hint}")
    if appraisal.claims:
        lines += ["", "claims" if appraisal.assurance else "claims, of which nothing vouches", *_claims(appraisal.claims)]
    return "\n".join([*lines, "", limit_of(appraisal.format, appraisal.assurance), f"policy sha256 {appraisal.policy}"])


def record_in_words(made: Mapping[str, Any], *, signed: bool) -> str:
    """A saved record, each check that did not pass with its meaning and the next step. `signed`: its signature was checked."""
    lines: list[str] = []
    limits: dict[str, None] = {}
    for device, about in made["submods"].items():
        told = about["ear_verifier_claims"]
        lines.append(
            f"{device}: {str(about.get('ear_status')).upper()}: {told.get('format')}, assurance {told.get('assurance')} [{told.get('code')}]"
        )
        for check in told["checks"]:
            lines.append(f"{MARKS.get(check['outcome'], '?'):4s} {check['name']:20s} {_meaning(check)}".rstrip())
            if check["code"] in CODES and CODES[check["code"]].next:
                lines.append(f"{'':25s} -> {CODES[check['code']].next}")
        limits |= {limit_of(str(told.get("format")), one): None for one in Assurance if one.word == told.get("assurance")}
    return "\n".join([*lines, *limits, "its signature verifies" if signed else "nobody's signature was looked at: this is what the file says"])


def _meaning(check: Mapping[str, Any]) -> str:
    """What was found, and what the code means; of a check that passed and says no more, what it looks at."""
    code, name, told = CODES.get(check["code"]), CHECKS.get(base_name(check["name"])), one_line(str(check.get("told") or ""))
    if not check["code"]:
        return told or (name.means if name else "")
    return f"{told + '; ' if told else ''}{code.means if code else 'a code that is not known here'} [{check['code']}]"


def _claims(claims: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in claims.items():
        if isinstance(value, list) and 0 < len(value) <= MOST_ENTRIES and all(isinstance(one, Mapping) for one in value):
            yield from _claims({f"{name}[{place}]": one for place, one in enumerate(value)}, prefix)
        elif isinstance(value, Mapping) and any(isinstance(part, Mapping | list) or len(str(part)) > SHORT for part in value.values()):
            yield from _claims(value, f"{prefix}{name}.")
        else:
            yield f"  {prefix + name:20s} {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, Mapping):  # flags by name where they are set, numbers beside theirs
        parts = [
            name if part is True else f"{name} {'-' if part == '' else part}"
            for name, part in value.items()
            if part is not False and part is not None
        ]
        value = ", ".join(parts) or "none"
    if isinstance(value, list | tuple):
        value = f"{len(value)} entries" if any(isinstance(one, Mapping) for one in value) else ", ".join(map(str, value)) or "none"
    return one_line(str(value).lower() if isinstance(value, bool) else str(value), MOST_SIGNS)
