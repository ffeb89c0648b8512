"""What verdicts and numbers are called, for somebody who is no statistician. The page, the table and the exports take their words from here."""

from __future__ import annotations

from math import isfinite

from velatura.findings import Estimate, Finding, Verdict, limit
from velatura.report.report import Report, counts

__all__ = ["MEANING", "SIGN", "WORD", "against", "happened", "headline", "interval", "number", "tally", "worst_finding"]

WORD = {
    Verdict.BROKEN: "Broken",
    Verdict.WEAKENED: "Weakened",
    Verdict.ERROR: "Error",
    Verdict.HELD: "Held",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.NOT_RUN: "Not run",
    Verdict.STATED: "Stated",
}

SIGN = {
    Verdict.BROKEN: "✕",
    Verdict.WEAKENED: "◐",
    Verdict.ERROR: "!",
    Verdict.HELD: "✓",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_RUN: "–",
    Verdict.STATED: "i",
}
"""Beside the colour: a verdict is told by more than its hue."""

MEANING = {
    Verdict.BROKEN: "The attack succeeds: at least half as far above guessing as without any protection, or above the bound that was promised.",
    Verdict.WEAKENED: "Something shows through: the attack does better than guessing, but less than half as well as without protection.",
    Verdict.ERROR: "The attack failed, or did worse than guessing. The protection was not tested by it; this never counts as held.",
    Verdict.HELD: "The attack succeeds where nothing is protected, and here gets no further than guessing or the promise; the limit is named.",
    Verdict.INCONCLUSIVE: "Neither shown to hold nor shown to fail, mostly for want of people, clips or keys. This never counts as held.",
    Verdict.NOT_RUN: "The attack could not run here; the finding says why. This never counts as held.",
    Verdict.STATED: "Measured and shown, not judged: nothing is promised against this attack, or there is too little to judge by.",
}

_HAPPENED = {
    "rank-1 rate": "{value} of {units} are recognised",
    "character rate": "{value} of the characters on {units} are read",
    "re-detection rate": "{value} of {units} are found again in what is released",
    "canary rate": "{value} of what was planted in {units} comes through",
    "SSIM": "pictures of {units} are recovered with a likeness (SSIM) of {value}, where 1 is the same picture",
    "AUC": "over {units}, those with somebody on them are told from those without with an AUC of {value}, where 1 is always and 0.5 is a coin",
    "epsilon": "over {units}, two inputs that differ in one secret are told apart as with an epsilon of {value}",
}
"""By the unit that is counted; any other is told as it is."""

_NO_VERDICT = (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_RUN)


def number(value: float, unit: str) -> str:
    """In per cent if the unit is a rate."""
    if not isfinite(value):
        return "no end"
    # The ends of a paired difference may lie beyond what a share can be.
    return f"{100 * min(max(value, 0.0), 1.0):.1f} %" if unit.endswith("rate") else f"{value:.3g}"


def interval(e: Estimate) -> str:
    """Both ends; one that is infinite is "no end"."""
    if not isfinite(e.low) and not isfinite(e.high):
        return "no interval"
    return f"{number(e.low, e.unit)} to {number(e.high, e.unit)}"


def happened(e: Estimate) -> str:
    """What an attacker's success means, as the middle of a sentence."""
    told = _HAPPENED.get(e.unit, "{unit} {value} over {units}")
    return told.format(value=number(e.value, e.unit), units=e.units, unit=e.unit)


def against(f: Finding) -> str:
    """What the success is weighed against: guessing, or the bound that was promised; with the limit of a `held`."""
    if f.estimate is None:
        return ""
    unit = f.estimate.unit
    if f.claim is None:
        return f"{f.estimate.reference} {number(f.estimate.chance, unit)}"
    told = f"{f.estimate.reference} {number(f.estimate.chance, unit)}" if f.claim.bound is None else f"promised {number(f.claim.bound, unit)}"
    if f.verdict is Verdict.HELD and f.baseline is not None:
        told += f"; {number(limit(f.estimate, f.baseline, f.claim), unit)} or more is excluded"
    return told


def worst_finding(report: Report) -> Finding | None:
    """Of those that have the report's verdict, the one that got the largest part of the way from guessing to no protection."""
    return max((f for f in report.findings if f.verdict is report.verdict), key=_way, default=None)


def headline(report: Report) -> str:
    """One sentence for the report: what the worst finding means."""
    worst = worst_finding(report)
    if worst is None:
        return "Nothing was attacked."
    if report.verdict is Verdict.HELD:
        return _held(report)
    if worst.estimate is None:
        return f"{worst.attack} against {worst.target}: {worst.why}"
    plain = f"; without protection {number(worst.baseline.value, worst.baseline.unit)}" if worst.baseline else ""
    told = happened(worst.estimate)
    return f"{told[0].upper()}{told[1:]} ({worst.attack} against {worst.target}){plain}, {against(worst)}."


def tally(report: Report) -> str:
    """How many findings have each verdict: "2 broken, 3 held, 1 not run"."""
    return ", ".join(f"{many} {WORD[verdict].lower()}" for verdict, many in counts(report.findings).items()) or "no findings"


def _held(report: Report) -> str:
    found = counts(report.findings)
    held, open_ = found[Verdict.HELD], sum(found.get(verdict, 0) for verdict in _NO_VERDICT)
    which = ", ".join(dict.fromkeys(f.attack for f in report.findings if f.verdict is Verdict.HELD))
    told = f"No attack that was judged got above guessing or above what was promised ({held} {'finding' if held == 1 else 'findings'}: {which})"
    stated = found.get(Verdict.STATED, 0)
    told += f"; {stated} {'was' if stated == 1 else 'were'} stated and not judged: look at {'it' if stated == 1 else 'them'}" if stated else ""
    return f"{told}; {open_} more {'is' if open_ == 1 else 'are'} open and count for nothing." if open_ else f"{told}."


def _way(f: Finding) -> float:
    if f.estimate is None or f.baseline is None:
        return 0.0
    start = f.estimate.chance if f.claim is None or f.claim.bound is None else f.claim.bound
    whole = f.baseline.value - start
    return (f.estimate.value - start) / whole if whole > 0 else 0.0
