"""The one-run audit: its bound is the paper's, its ceiling is told, and coins that are shown are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator

from velatura.attacks.intervals import estimate
from velatura.attacks.one_run_bound import ceiling, epsilon_at_least, p_value
from velatura.attacks.training.one_run import OneRun, guesses_for
from velatura.errors import BadInput
from velatura.findings import Claim, Verdict, judge

BY_HAND = [
    (1000, 1000, 1000, 0.0, 5.809),
    (1000, 100, 100, 0.0, 3.493),
    (1000, 100, 95, 0.0, 2.172),
    (1000, 100, 95, 1e-5, 2.165),
    (1000, 1000, 600, 1e-5, 0.297),
    (1000, 24, 24, 0.0, 2.018),
    (1000, 24, 24, 1e-5, 1.987),
    (5000, 500, 460, 1e-5, 2.159),
    (1000, 200, 100, 1e-5, 0.0),
]


@pytest.mark.parametrize(("canaries", "guesses", "right", "delta", "wanted"), BY_HAND)
def test_the_bound_is_the_papers(canaries: int, guesses: int, right: int, delta: float, wanted: float) -> None:
    told = epsilon_at_least(canaries=canaries, guesses=guesses, right=right, delta=delta, error=0.05)
    assert told == pytest.approx(wanted, abs=6e-4)


@given(st.integers(1, 300), st.data(), st.floats(0, 8), st.sampled_from([0.0, 1e-6, 1e-4]))
def test_more_right_guesses_are_less_likely_and_a_larger_epsilon_allows_more(guesses: int, data: st.DataObject, epsilon: float, delta: float) -> None:
    right = data.draw(st.integers(1, guesses))
    told = {"canaries": guesses, "guesses": guesses, "delta": delta}
    p = p_value(epsilon, right=right, **told)
    assert 0 <= p <= 1
    assert delta or p_value(epsilon, right=right - 1, **told) >= p - 1e-12
    assert p_value(epsilon + 0.5, right=right, **told) >= p - 1e-9


def test_the_ceiling_is_what_all_right_guesses_show() -> None:
    assert ceiling(200, 0.05) == pytest.approx(4.19, abs=0.02)
    assert epsilon_at_least(canaries=500, guesses=100, right=100, delta=0.0, error=0.001) == pytest.approx(ceiling(100, 0.001), abs=1e-4)
    assert guesses_for(8.0, 0.05) == pytest.approx(8900, rel=0.01)
    lower = ceiling(200, 0.001, canaries=1000, delta=1e-5)
    assert lower < ceiling(200, 0.001) - 0.5 and lower == epsilon_at_least(canaries=1000, guesses=200, right=200, delta=1e-5, error=0.001)
    noted = OneRun(delta=1e-5).play(lambda inside, rng: inside * 1.0, range(1000), np.random.default_rng(0), budget_s=1.0).notes["ceiling"]
    assert f"epsilon {lower:.2f} and no more" in noted
    told = OneRun(claim=8.0).play(lambda inside, rng: inside * 1.0, range(500), np.random.default_rng(0), budget_s=1.0).notes["ceiling"]
    assert "show epsilon 2.64 and no more; to refute 8 takes 20,596 of them" in told


def shown(noise: float) -> object:
    """An arm that gives each coin with noise on it: (epsilon, delta) of a Gaussian of so much noise, in sensitivities."""

    def arm(inside: np.ndarray, rng: Generator) -> np.ndarray:
        return np.asarray(inside + rng.normal(0, noise, len(inside)))

    return arm


def audited(noise: float, seed: int) -> tuple[object, object]:
    attack = OneRun(delta=1e-5, claim=1.0)
    played = (attack.play(arm, range(1000), np.random.default_rng(seed), budget_s=1.0) for arm in (shown(noise), shown(0.0)))
    found, base = (estimate(one, low=0.001) for one in played)
    return found, judge(found, base, Claim(1.0))


@pytest.mark.parametrize("seed", range(30))
def test_an_honest_mechanism_is_never_accused(seed: int) -> None:
    found, verdict = audited(3.7307, seed)  # epsilon 1 by the analytic Gaussian
    assert found.low <= 1.0 and verdict in (Verdict.HELD, Verdict.INCONCLUSIVE)  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(5))
def test_a_tenth_of_the_noise_is_found(seed: int) -> None:
    found, verdict = audited(0.37307, seed)
    assert found.low > 1.0 and verdict is Verdict.BROKEN  # type: ignore[attr-defined]


def test_coins_that_nobody_shows_are_not_guessed() -> None:
    o = OneRun().play(lambda inside, rng: rng.normal(size=len(inside)), range(1000), np.random.default_rng(3), budget_s=1.0)
    assert 60 < o.success[0, 0] < 140 and estimate(o, low=0.001).low == 0.0


def test_too_few_canaries_are_refused() -> None:
    with pytest.raises(BadInput, match=r"attack\.canaries"):
        OneRun().play(shown(1.0), range(50), np.random.default_rng(0), budget_s=1.0)  # type: ignore[arg-type]
