"""A strict policy from a document that is known to be good: its measurements, and nothing looser than what it shows.

The document is verified first, under a policy that takes any program and no debugging. One that fails is never the source of a policy; what could not
be looked at is handed back, for the person to know. What belongs to one machine or one moment is written as a comment.
Limit: that a document verifies does not make its program good: that is what only the person can know.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from velatura.enclave.appraisal import Appraisal, Check, Outcome, Verdict
from velatura.enclave.companions import Companions
from velatura.enclave.policy import FORMATS, GPU, STATUSES, TCB, Policy, Reference, Require, With, parse_policy
from velatura.enclave.verify import verify
from velatura.errors import Withheld

__all__ = ["Proposal", "policy_from"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A policy that the document meets.

    Attributes:
        text: TOML, with comments.
        appraisal: of the document under that policy.
        open: checks that could not be made or are tolerated: nothing vouches for these.
    """

    text: str
    appraisal: Appraisal
    open: tuple[Check, ...]


def policy_from(
    evidence: bytes, named: str, companions: Companions, beside: With, *, now: datetime, folder: Path, degraded: Sequence[str] = ()
) -> Proposal:
    """Verify a document and write the policy that wants what it shows.

    Args:
        named: the format, as a policy names it.
        beside: where the companions lie, for `[with]`.
        folder: where the policy will lie.
        degraded: layers of a confined process that may be absent.

    Raises:
        Withheld: `enclave.unverified`: a check failed; with that check's sentence and hint.
        BadInput: those of `verify`.
    """
    require = Require(vmpl=(0, 1, 2, 3), tcb_status=tuple(sorted(STATUSES)), degraded=tuple(degraded))
    seen = verify(evidence, Policy(version=1, format=named, reference=Reference(any_measurement=True), require=require), companions, now=now)
    _refuse_failed(seen)
    lines = tuple(_lines(seen, _relative(beside, folder), degraded))
    found = verify(evidence, parse_policy("\n".join(lines), where="the policy that was made"), companions, now=now)
    _refuse_failed(found)
    left = tuple(check for check in found.checks if check.outcome is Outcome.WARNED)
    return Proposal("\n".join([*_head(found, left), *lines, ""]), found, left)


def _refuse_failed(found: Appraisal) -> None:
    check = found.decisive
    if found.verdict is Verdict.CONTRAINDICATED and check is not None:
        told = f"no policy is made from a document that fails: {check.told} [{check.code}]"
        raise Withheld("enclave.unverified", told, hint=check.hint or "give what lies beside it by --with, and its time by --time")


def _head(found: Appraisal, left: Sequence[Check]) -> Iterator[str]:
    yield f"# Written from a document that verified, and is {found.verdict} under it. Look at every line before you rely on it."
    yield from (f"# Not vouched for: {check.name}, {check.told} [{check.code}]" for check in left)
    if left:
        yield "# Each verdict is a warning (exit status 3) until [require] says accept_warning = true."


def _lines(seen: Appraisal, beside: Mapping[str, str | Sequence[str]], degraded: Sequence[str]) -> Iterator[str]:
    least = seen.assurance or FORMATS[seen.format].assurance  # none: nobody vouches for its key yet, and this policy names it
    yield f"version = 1\nformat = {_word(seen.format)}\nminimum_assurance = {_word(least.word)}\n\n[reference]"
    yield from _reference(seen)
    yield "\n[require]\ndebug = false\nmigration = false"
    yield from _require(seen, degraded)
    yield '# nonce = "..."          each question has its own: --nonce HEX'
    if beside:
        yield "\n[with]"
    yield from (f"{name} = {_value(value)}" for name, value in beside.items())


def _reference(seen: Appraisal) -> Iterator[str]:
    """Everything that is shown, registers that hold nothing too; what is of one machine or one moment is for the person to decide."""
    passing = PASSING.get(seen.format, {})
    for name, values in _shown(seen).items():
        yield f"# {name} = {_value(values)}   {passing[name]}" if name in passing else f"{name} = {_value(values)}"


GROWS = {"pcr10": "grows while programs are started", "pcr16": "anybody may reset it", "pcr23": "anybody may reset it"}
ONE_JOB = {"job": "of one job on one data set: its digest holds the data's"}
PASSING: Mapping[str, Mapping[str, str]] = {
    "nitro": {"pcr3": "of the role of the machine beside it", "pcr4": "of the machine beside it alone"},
    "sgx": {"mrsigner": "who signed it, and signs others: wants prodid and min_svn"},
    **dict.fromkeys(("process", "simulated"), ONE_JOB),
    **dict.fromkeys(("tpm", "vm", "azure-snp", "azure-tdx"), GROWS),
}
"""Format -> reference value -> why it is written as a comment."""


def _shown(seen: Appraisal) -> dict[str, tuple[str, ...]]:
    known = FORMATS[seen.format].values
    found: dict[str, tuple[str, ...]] = {name: (value,) for name, value in seen.references.items() if name in known and value}
    devices = seen.claims.get("devices", [])
    for name in GPU:
        if values := {str(device[name]) for device in devices if device.get(name)}:
            found[name] = tuple(sorted(values))
    return found


def _require(seen: Appraisal, degraded: Sequence[str]) -> Iterator[str]:
    tcb, vmpl = seen.claims.get("tcb"), seen.claims.get("vmpl")
    if isinstance(vmpl, int):
        yield f"vmpl = [{vmpl}]"
    if isinstance(tcb, Mapping) and set(tcb) <= TCB:
        yield f"min_tcb = {{ {', '.join(f'{name} = {value}' for name, value in tcb.items())} }}"
    elif isinstance(tcb, Mapping) and tcb.get("status") in STATUSES:
        yield f"tcb_status = {_value(sorted({'UpToDate', str(tcb['status'])}))}"
    if devices := seen.claims.get("devices"):
        yield f"gpus = {len(devices)}"
    if degraded:
        yield f"degraded = {_value(list(degraded))}"


def _relative(beside: With, folder: Path) -> dict[str, str | Sequence[str]]:
    given = {name: getattr(beside, name) for name in beside.__struct_fields__}
    found: dict[str, str | Sequence[str]] = {}
    for name, value in given.items():
        if value:
            found[name] = [os.path.relpath(file, folder) for file in value] if isinstance(value, tuple) else os.path.relpath(value, folder)
    return found


def _word(text: str) -> str:
    return json.dumps(text)


def _value(value: str | Sequence[str]) -> str:
    return _word(value) if isinstance(value, str) else f"[{', '.join(map(_word, value))}]"
