"""The trial: verdicts of attackers and arms whose strength is known, and what happens when an attack does not end well."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite
from typing import Any

import numpy as np
import pytest
from tests.attacks.worlds import Nearest, Scripted, Swapped, album, constant, faint, identity, rates, shuffled

from velatura.attacks.attack import Outcomes
from velatura.audit.trial import Baselines, not_run, trial
from velatura.errors import BadInput, Missing
from velatura.findings import Claim, Finding, Verdict

PEOPLE = album(people=20, pictures=10)
FALLEN = rates(0.96)
CHANCE = Claim()


def tried(attack: Any, protected: Any = constant, *, claim: Claim | None = CHANCE, secrets: Any = PEOPLE, **more: Any) -> Finding:
    told = {"plain": identity, "seed": 1, "budget_s": 60.0, "findings": 10} | more
    return trial(attack, "the arm", protected=protected, claim=claim, secrets=secrets, **told).finding


def test_no_protection_is_broken() -> None:
    found = tried(Nearest(), identity)
    assert found.verdict is Verdict.BROKEN
    assert found.estimate is not None and found.estimate.value > 0.95


def test_one_person_in_five_shown_is_weakened() -> None:
    assert tried(Nearest(), faint(0.25), secrets=album(people=40, pictures=10)).verdict is Verdict.WEAKENED


@pytest.mark.parametrize("seed", range(3))
def test_a_constant_picture_and_a_strangers_picture_are_held(seed: int) -> None:
    people = album(people=40, pictures=10)
    for arm in (constant, Swapped(people)):
        found = tried(Nearest(), arm, secrets=people, seed=seed)
        assert found.verdict is Verdict.HELD, found.why
        assert "; 7.5 % or more is excluded" in found.why


def test_ten_people_are_not_enough_to_acquit() -> None:
    assert tried(Nearest(), constant, secrets=album(people=10, pictures=4)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("protected", [identity, constant])
def test_with_names_that_tell_nothing_not_even_the_unprotected_arm_falls_and_nothing_is_held(protected: Any) -> None:
    found = tried(Nearest(), protected, secrets=shuffled(PEOPLE))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "it says nothing" in found.why


def test_an_attack_below_guessing_is_faulty_also_against_a_bound() -> None:
    never = np.full((1, 40, 40), 1 / 39)
    never[0, range(40), range(40)] = 0
    wrong = Outcomes(np.zeros((1, 40)), ("twins",), 1 / 40, "people", "rank-1 rate", 10, guesses=never)
    for claim in (Claim(), Claim(0.1)):
        assert tried(Scripted([FALLEN, wrong]), claim=claim).verdict is Verdict.ERROR


def test_the_same_seed_gives_the_same_finding_and_another_seed_another_one() -> None:
    first, again, other = (tried(Nearest(), Swapped(PEOPLE), seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert first.estimate != other.estimate


def test_both_arms_get_the_same_random_state_and_the_plain_one_is_played_first() -> None:
    attack = Scripted([FALLEN])
    tried(attack)
    assert attack.arms == [identity, constant]
    assert attack.draws[0] == attack.draws[1]


def test_the_unprotected_arm_is_played_once_for_a_key() -> None:
    attack, shared = Scripted([FALLEN]), Baselines()
    for key in ("a", "a", "b"):
        assert tried(attack, baselines=shared, key=key).baseline is not None
    assert attack.arms.count(identity) == 2
    assert set(shared.played) == {"a", "b"}
    for _ in range(2):  # without a key nothing is shared
        tried(attack, baselines=shared)
    assert attack.arms.count(identity) == 4


def test_a_failed_unprotected_arm_is_not_kept_as_a_baseline() -> None:
    shared = Baselines()
    assert tried(Scripted([RuntimeError("no memory")]), baselines=shared, key="a").verdict is Verdict.ERROR
    assert not shared.played


@pytest.mark.parametrize("at", [0, 1])
def test_an_attack_that_fails_on_either_arm_is_an_error_that_says_why(at: int) -> None:
    for failure, words in (
        (ValueError("shapes\ndiffer"), "unexpected ValueError: shapes differ"),
        (MemoryError(), "unexpected MemoryError"),
        (BadInput("attack.one-person", "only one person", hint="give two"), "only one person [attack.one-person]; give two."),
    ):
        found = tried(Scripted([failure] if at == 0 else [FALLEN, failure]))
        assert found.verdict is Verdict.ERROR
        assert found.estimate is None and found.baseline is None
        assert words in found.why and "\n" not in found.why


def test_outcomes_that_do_not_fit_are_an_error_of_their_attack() -> None:
    class Faulty(Nearest):
        def play(self, *args: Any, **more: Any) -> Outcomes:
            return Outcomes(np.array([[0.5, np.nan]]), ("one",), 0.1, "people", "rank-1 rate")

    found = tried(Faulty())
    assert found.verdict is Verdict.ERROR
    assert "successes are finite" in found.why


def test_what_is_missing_is_not_run_and_never_held() -> None:
    found = tried(Scripted([Missing("extra.train", "the small network needs torch", hint="pip install 'velatura[train]'")]))
    assert found.verdict is Verdict.NOT_RUN
    assert found.why == "Not run: the small network needs torch; pip install 'velatura[train]'."
    assert not_run("cnn", "fill", Claim(), "", "no\ntorch", "").why == "Not run: no torch."
    assert tried(Scripted([Missing("models.none", "no network is here")])).why == "Not run: no network is here."


def test_an_interrupt_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        tried(Scripted([FALLEN, KeyboardInterrupt()]))


def test_the_budget_on_the_protected_arm_alone_takes_the_held_away_and_nothing_else() -> None:
    cut = replace(rates(0.025), cut=True)
    assert tried(Scripted([FALLEN, rates(0.025)])).verdict is Verdict.HELD
    hurried = tried(Scripted([FALLEN, cut]))
    assert hurried.verdict is Verdict.INCONCLUSIVE
    assert "the time budget ended the attack here and not without the protection" in hurried.why
    both = tried(Scripted([replace(FALLEN, cut=True), cut]))
    assert both.verdict is Verdict.HELD
    assert both.why.endswith("The time budget ended the attack before it was done.")
    assert tried(Scripted([FALLEN, replace(rates(0.9), cut=True)])).verdict is Verdict.BROKEN


def test_a_promise_is_judged_at_an_error_of_its_own_however_many_findings_there_are() -> None:
    few, many = (tried(Scripted([rates(0.96), rates(0.3)]), claim=Claim(0.25), findings=n) for n in (1, 20))
    assert few == many
    chance = [tried(Scripted([FALLEN, rates(0.05)]), findings=n).estimate for n in (1, 20)]
    assert chance[0] is not None and chance[1] is not None
    assert chance[1].low < chance[0].low
    assert chance[1].high == chance[0].high


def test_without_a_promise_it_is_stated() -> None:
    assert tried(Nearest(), identity, claim=None, findings=0).verdict is Verdict.STATED


def test_the_evidence_has_every_attacker_on_both_arms_and_what_was_noted() -> None:
    noted = replace(rates(0.3, 0.1), notes={"not run: cnn": "needs torch"})
    found = tried(Scripted([rates(0.96, 0.5), noted]))
    assert found.evidence == {"not run: cnn": "needs torch", "attacker a0": "0.3; unprotected 0.96", "attacker a1": "0.1; unprotected 0.5"}


def test_ends_without_a_limit_are_an_estimate_but_never_held() -> None:
    two = Outcomes(np.array([[0.38, 0.385]]), ("deconvolve",), 0.385, "pictures", "SSIM", kind="gain")
    clear = Outcomes(np.linspace(0.98, 1, 20)[None], ("deconvolve",), 0.385, "pictures", "SSIM", kind="gain")
    found = tried(Scripted([clear, two]))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.estimate is not None and found.estimate.high == inf and isfinite(found.estimate.low)
    assert "at least 36 pictures are needed" in found.why
