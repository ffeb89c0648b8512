"""The sentence of a finding: what was measured, against what, and what follows. It says the same as `judge` decides, in its order."""

from __future__ import annotations

from math import ceil, isfinite

from velatura.attacks.intervals import LEAST_GAIN_UNITS
from velatura.findings import Claim, Estimate, Verdict, limit

__all__ = ["ERRORS", "why"]

ERRORS = "Lower ends: in 19 reports of 20 all of them are right. Upper ends: each is right in 39 of 40."
"""How sure the intervals of a report are; at its head."""


def why(found: Estimate, base: Estimate, claim: Claim | None, verdict: Verdict) -> str:
    """Two sentences or three; every `held` names the limit that is excluded, every `inconclusive` what is missing.

    Args:
        found: the attack on the protected arm.
        base: the same attack on the unprotected one.
        verdict: what `judge` said of them.
    """
    ends = f"[{_value(found, found.low)}, {_value(found, found.high)}] over {found.units}"
    got = (
        f"{found.unit} {_value(found, found.value)} {ends if found.n > 1 else f'of {found.units}, without an interval'}; "
        f"unprotected {_value(found, base.value)}; {found.reference} {_value(found, found.chance)}"
    )
    ended = " The time budget ended the attack before it was done." if found.cut and not _hurried(found, base, claim, verdict) else ""
    return f"{got}. {_follows(found, base, claim, verdict)}{ended}"


def _follows(found: Estimate, base: Estimate, claim: Claim | None, verdict: Verdict) -> str:
    if claim is None:
        return "Shown, not judged: " + ("nothing was promised against this." if found.n > 1 else "one alone has no interval.")
    if verdict is Verdict.ERROR:
        return "Below guessing: the attack is faulty (twins in the gallery, one label never guessed); it protects nobody."
    reference = found.chance if claim.bound is None else claim.bound
    than = found.reference if claim.bound is None else f"the promised {_value(found, claim.bound)}"
    if not base.low > reference:
        return f"Without the protection the attack is not above {than} for certain either: it says nothing."
    if verdict is Verdict.WEAKENED:
        return f"Above {than}: something shows through."
    if verdict is Verdict.BROKEN:
        return f"Above {than}" + (", by more than half of the way." if claim.bound is None else ".")
    edge = limit(found, base, claim)
    if verdict is Verdict.HELD:
        return f"Not above {than}; {_value(found, edge)} or more is excluded."
    if _hurried(found, base, claim, verdict):
        return f"Not above {than}, but the time budget ended the attack here and not without the protection."
    return f"Not above {than}, but {_value(found, edge)} is not excluded: {_needed(found, edge - reference)}."


def _hurried(found: Estimate, base: Estimate, claim: Claim | None, verdict: Verdict) -> bool:
    """Whether it would be held, had the budget not ended it on this arm alone."""
    return claim is not None and verdict is Verdict.INCONCLUSIVE and found.cut and not base.cut and found.high < limit(found, base, claim)


def _needed(found: Estimate, margin: float) -> str:
    """About how many units would do if the truth is the reference: half-widths shrink with the root of n."""
    half = found.high - found.value
    if not isfinite(half):
        return f"at least {LEAST_GAIN_UNITS} {found.per} are needed" if found.n < LEAST_GAIN_UNITS else f"more {found.per} are needed"
    if half <= 0 or margin <= 0:
        return f"more {found.per} are needed"
    times = max((half / margin) ** 2, 1)
    probes = (
        f", or {f'{times:,.0f}' if times >= 10 else f'{max(times, 1.1):.2g}'} times as many probes of each," if found.unit.endswith("rate") else ""
    )
    return f"about {ceil(found.n * times / 10) * 10:,} {found.per}{probes} would say"


def _value(found: Estimate, value: float) -> str:
    if not isfinite(value):
        return "no limit"
    if not found.unit.endswith("rate"):
        return f"{value:.3g}"
    share = min(max(value, 0.0), 1.0)  # the ends of a paired difference may lie beyond
    return f"{100 * share:.1f} %" if share >= 0.001 or share < 1e-6 else f"{100 * share:.1g} %"
