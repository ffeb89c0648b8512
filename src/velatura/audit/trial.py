"""A trial: one attack on the unprotected and on the protected arm, estimated and judged. The only maker of findings with a verdict.

The unprotected arm is played once for all rows that share attack, secrets and seed. An attack that fails becomes a finding that says so; the
other attacks go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from velatura.attacks.attack import Arm, Attack, Outcomes, Shown
from velatura.attacks.intervals import estimate
from velatura.audit.wording import why
from velatura.errors import Missing, VelaturaError, one_line
from velatura.findings import Claim, Finding, Verdict, judge

__all__ = ["BOUND_ERROR", "Baselines", "Tried", "not_run", "trial"]

BOUND_ERROR = 0.001
"""How often the lower end of a finding against a bound may be wrong: a mechanism that keeps its promise is not accused by chance."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A finding, and pictures for its reader."""

    finding: Finding
    shown: Sequence[Shown] = ()


@dataclass(slots=True)
class Baselines:
    """Plays of unprotected arms, by key."""

    played: dict[str, Outcomes] = field(default_factory=dict)


def trial(
    attack: Attack[Any, Any],
    target: str,
    *,
    plain: Arm[Any, Any],
    protected: Arm[Any, Any],
    claim: Claim | None,
    secrets: Sequence[Any],
    seed: int,
    budget_s: float,
    findings: int,
    repeat: str = "",
    baselines: Baselines | None = None,
    key: str = "",
) -> Tried:
    """Play both arms and judge.

    Args:
        attack: the attacker.
        target: what is attacked, in words: "fill, the region alone".
        plain, protected: the arms; the attack is not told which is which.
        claim: what the protection promises against this attack; None: nothing, the result is only stated.
        secrets: what is hidden.
        seed: the same for both arms.
        budget_s: seconds that the attack may take on each arm.
        findings: how many findings of the report are judged against chance, counted before anything runs.
        repeat: the command that reproduces it.
        baselines, key: where plays of the unprotected arm are shared; the key names attack, secrets and seed.
    """
    errors: dict[str, Any] = {"low": BOUND_ERROR} if claim is not None and claim.bound is not None else {"findings": max(findings, 1)}
    try:
        unprotected = _plain(attack, plain, secrets, seed, budget_s, baselines, key)
        outcomes = attack.play(protected, secrets, np.random.default_rng(seed), budget_s=budget_s)
        base, found = estimate(unprotected, **errors), estimate(outcomes, **errors)
    except Missing as error:
        return Tried(not_run(attack.name, target, claim, attack.knowledge, _told(error.sentence, error.hint), repeat))
    except Exception as error:  # one attack that fails must not take the report with it; KeyboardInterrupt does
        return Tried(Finding(attack.name, target, Verdict.ERROR, None, None, claim, attack.knowledge, _failed(error), repeat))
    verdict = judge(found, base, claim)
    sentence = why(found, base, claim, verdict)
    return Tried(
        Finding(attack.name, target, verdict, found, base, claim, attack.knowledge, sentence, repeat, _evidence(outcomes, unprotected)),
        outcomes.shown,
    )


def not_run(attack: str, target: str, claim: Claim | None, knowledge: str, reason: str, repeat: str) -> Finding:
    """A finding about an attack that could not run here; it never counts as held."""
    return Finding(attack, target, Verdict.NOT_RUN, None, None, claim, knowledge, f"Not run: {one_line(reason)}.", repeat)


def _plain(
    attack: Attack[Any, Any], plain: Arm[Any, Any], secrets: Sequence[Any], seed: int, budget_s: float, baselines: Baselines | None, key: str
) -> Outcomes:
    if baselines is not None and key in baselines.played:
        return baselines.played[key]
    outcomes = attack.play(plain, secrets, np.random.default_rng(seed), budget_s=budget_s)
    if baselines is not None and key:
        baselines.played[key] = outcomes
    return outcomes


def _failed(error: Exception) -> str:
    if isinstance(error, VelaturaError):
        return f"The attack failed: {_told(str(error), error.hint)}."
    return f"The attack failed: unexpected {type(error).__name__}: {one_line(str(error))}."


def _told(sentence: str, hint: str) -> str:
    return f"{sentence}; {hint}" if hint else sentence


def _evidence(outcomes: Outcomes, unprotected: Outcomes) -> Mapping[str, str]:
    """What the attack noted, and each attacker's own success on both arms where there are several and it is a mean."""
    told = dict(outcomes.notes)
    if outcomes.kind in ("share", "gain", "proof", "exact") and len(outcomes.attackers) > 1:
        before = dict(zip(unprotected.attackers, unprotected.success.mean(-1), strict=True))
        for name, value in zip(outcomes.attackers, outcomes.success.mean(-1), strict=True):
            plain = f"; unprotected {before[name]:.3g}" if name in before else ""
            told[f"attacker {name}"] = f"{value:.3g}{plain}"
    return told
