"""Two reports, finding by finding: what holds no longer, what holds now, and what moved by more than chance.

Findings belong together that have the same attack and target (the first with the first, if a report has several). A verdict is worse if it was
none of weakened and broken and is one now, or was weakened and is broken; what held and is not shown to hold any more, or is gone, is *lost*:
told, and no proof of a leak. A success is called moved only if the two intervals do not overlap, which is stricter than a test at their level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from velatura.findings import Finding, Verdict
from velatura.report.report import Report
from velatura.report.words import WORD, interval, number

__all__ = ["Change", "Compared", "Move", "compare"]

_SEVERITY = {Verdict.WEAKENED: 1, Verdict.BROKEN: 2}


class Move(StrEnum):
    """What became of a finding. Worst first."""

    WORSE = "worse"
    LOST = "lost"
    NEW = "new"
    GONE = "gone"
    BETTER = "better"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Change:
    """One attack against one target, in both reports.

    Attributes:
        move: by the verdicts.
        success: "more" or "less" where the intervals do not overlap, else "".
        told: a sentence.
    """

    attack: str
    target: str
    move: Move
    before: Verdict | None
    after: Verdict | None
    success: str
    told: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Two reports.

    Attributes:
        before, after: verdicts of the reports.
        changes: worst first; within a kind in the order of the second report.
        different: what else the two do not have in common, sentences: data, seed, version.
    """

    before: Verdict
    after: Verdict
    changes: tuple[Change, ...]
    different: tuple[str, ...]

    @property
    def worse(self) -> bool:
        """Whether a finding of both reports is worse in the second."""
        return any(change.move is Move.WORSE for change in self.changes)


def compare(before: Report, after: Report) -> Compared:
    """Compare two reports; they may come from different versions, data and seeds, which is told."""
    order = list(Move)
    changes = sorted(_changes(before.findings, after.findings), key=lambda change: order.index(change.move))
    return Compared(before.verdict, after.verdict, tuple(changes), tuple(_different(before, after)))


def _changes(before: Sequence[Finding], after: Sequence[Finding]) -> Iterator[Change]:
    was, now = _by_name(before), _by_name(after)
    for name, found in now.items():
        yield _change(was.get(name), found)
    for name in [name for name in was if name not in now]:
        yield _change(was[name], None)


def _by_name(findings: Sequence[Finding]) -> dict[tuple[str, str, int], Finding]:
    named: dict[tuple[str, str, int], Finding] = {}
    for f in findings:
        many = sum(name[:2] == (f.attack, f.target) for name in named)
        named[f.attack, f.target, many] = f
    return named


def _change(was: Finding | None, now: Finding | None) -> Change:
    either = now or was
    assert either is not None, "a change is of something"
    success = _success(was, now)
    told = f"{_told(was)} -> {_told(now)}" + (f"; {success} shows through, beyond both intervals" if success else "")
    return Change(either.attack, either.target, _move(was, now), was.verdict if was else None, now.verdict if now else None, success, told)


def _move(was: Finding | None, now: Finding | None) -> Move:
    if was is None:
        return Move.NEW
    if now is None:
        return Move.LOST if was.verdict is Verdict.HELD else Move.GONE
    if was.verdict is now.verdict:
        return Move.SAME
    severity_before, severity_after = _SEVERITY.get(was.verdict, 0), _SEVERITY.get(now.verdict, 0)
    if severity_after > severity_before:
        return Move.WORSE
    if was.verdict is Verdict.HELD:
        return Move.LOST
    return Move.BETTER if now.verdict is Verdict.HELD or 0 < severity_after < severity_before else Move.CHANGED


def _success(was: Finding | None, now: Finding | None) -> str:
    """Of the attacker; only where both were measured in the same unit."""
    a, b = (was and was.estimate), (now and now.estimate)
    if not a or not b or a.unit != b.unit:
        return ""
    return "more" if b.low > a.high else "less" if b.high < a.low else ""


def _told(f: Finding | None) -> str:
    if f is None:
        return "not there"
    e = f.estimate
    return WORD[f.verdict].lower() + (f" {number(e.value, e.unit)} [{interval(e)}]" if e else "")


def _different(before: Report, after: Report) -> Iterator[str]:
    for name in ("room", "version", "seed", "judged"):
        a, b = getattr(before, name), getattr(after, name)
        if a != b:
            yield f"{name}: {a} -> {b}"
    for name in dict.fromkeys([*before.subject, *after.subject]):
        a, b = before.subject.get(name, "not told"), after.subject.get(name, "not told")
        if a != b:
            yield f"{name}: {a} -> {b}"
