"""SARIF 2.1.0 (OASIS, 2020), for gates of continuous integration and for code hosts.

A finding is a result, an attack a rule. `kind` says what came of the evaluation and only a `fail` has a level (section 3.27.9 and 3.27.10):

    broken        fail, error            inconclusive, error   open (not enough is known to decide), none
    weakened      fail, warning          not-run               notApplicable, none
    held          pass, none             stated                informational, none

An attack that failed is also a notification of the run, which then did not succeed. A host that knows no `kind` shows results of level `none`
as notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from math import isfinite
from typing import Any

from velatura.errors import one_line
from velatura.findings import Estimate, Finding, Verdict
from velatura.report.report import Report
from velatura.report.words import WORD, headline, tally
from velatura.specs import dump_json

__all__ = ["sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_KIND_AND_LEVEL = {
    Verdict.BROKEN: ("fail", "error"),
    Verdict.WEAKENED: ("fail", "warning"),
    Verdict.HELD: ("pass", "none"),
    Verdict.INCONCLUSIVE: ("open", "none"),
    Verdict.ERROR: ("open", "none"),
    Verdict.NOT_RUN: ("notApplicable", "none"),
    Verdict.STATED: ("informational", "none"),
}


def sarif(report: Report) -> bytes:
    """One run with a result for each finding; the same bytes for the same report."""
    rules = list(dict.fromkeys(f.attack for f in report.findings))
    run = {
        "tool": {"driver": {"name": "velatura", "version": report.version, "rules": [_rule(name, report.findings) for name in rules]}},
        "automationDetails": {"id": f"velatura/{report.room or 'attack'}/", "description": {"text": _text(report.title)}},
        "invocations": [_invocation(report)],
        "columnKind": "unicodeCodePoints",
        "results": [_result(f, rules.index(f.attack)) for f in report.findings],
        "properties": {
            "verdict": report.verdict.value,
            "headline": _text(headline(report)),
            "tally": tally(report),
            "seed": report.seed,
            "notProtected": [_text(sentence) for sentence in report.limits],
        },
    }
    return dump_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(attack: str, findings: Sequence[Finding]) -> dict[str, Any]:
    knowledge = next(f.knowledge for f in findings if f.attack == attack)
    return {
        "id": _text(attack),
        "shortDescription": {"text": _text(f"{attack}: an attack on the protection")},
        "fullDescription": {"text": _text(f"The attacker: {knowledge}")},
    }


def _result(f: Finding, rule: int) -> dict[str, Any]:
    kind, level = _KIND_AND_LEVEL[f.verdict]
    return {
        "ruleId": _text(f.attack),
        "ruleIndex": rule,
        "kind": kind,
        "level": level,
        "message": {"text": _text(f"{WORD[f.verdict]}: {f.attack} against {f.target}. {f.why}")},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": "report.json"}},
                "logicalLocations": [{"name": _text(f.target), "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"attackAndTarget/v1": _fingerprint(f.attack, f.target)},
        "properties": {
            "verdict": f.verdict.value,
            "knowledge": _text(f.knowledge),
            "repeat": _text(f.repeat),
            **({"estimate": _numbers(f.estimate)} if f.estimate else {}),
            **({"unprotected": _numbers(f.baseline)} if f.baseline else {}),
            **({"bound": f.claim.bound} if f.claim and f.claim.bound is not None else {}),
        },
    }


def _numbers(e: Estimate) -> dict[str, Any]:
    ends = {name: end for name, end in (("low", e.low), ("high", e.high)) if isfinite(end)}
    return {"value": e.value, **ends, "chance": e.chance, "n": e.n, "per": e.per, "unit": e.unit}


def _invocation(report: Report) -> dict[str, Any]:
    failed = [f for f in report.findings if f.verdict is Verdict.ERROR]
    notes = [{"level": "error", "message": {"text": _text(f"{f.attack} against {f.target}: {f.why}")}} for f in failed]
    told: dict[str, Any] = {"executionSuccessful": not failed, "toolExecutionNotifications": notes}
    return {**told, "commandLine": _text(report.command)} if report.command else told


def _fingerprint(*words: str) -> str:
    return sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:32]


def _text(text: str) -> str:
    return one_line(text, 4000)
