"""The verdict table, row by row, and as laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.findings import Claim, Estimate, Finding, Verdict, judge, limit

CHANCE = Claim()


def estimate(value: float, low: float, high: float, *, chance: float = 0.025, below: bool = False, cut: bool = False) -> Estimate:
    return Estimate(value, low, high, chance, 40, "people", "rank-1 rate", below, cut)


FALLEN = estimate(0.96, 0.95, 0.98)


@pytest.mark.parametrize(
    ("protected", "baseline", "claim", "verdict"),
    [
        (estimate(0.9, 0.8, 1.0), FALLEN, None, Verdict.STATED),
        (estimate(0.0, 0.0, 0.01, below=True), FALLEN, CHANCE, Verdict.ERROR),
        (estimate(0.02, 0.01, 0.05), estimate(0.03, 0.01, 0.06), CHANCE, Verdict.INCONCLUSIVE),
        (estimate(0.9, 0.8, 1.0), FALLEN, Claim(0.5), Verdict.BROKEN),
        (estimate(0.55, 0.51, 0.6), FALLEN, Claim(0.5), Verdict.BROKEN),
        (estimate(0.6, 0.5, 0.7), FALLEN, CHANCE, Verdict.BROKEN),
        (estimate(0.3, 0.2, 0.4), FALLEN, CHANCE, Verdict.WEAKENED),
        (estimate(0.025, 0.01, 0.05), FALLEN, CHANCE, Verdict.HELD),
        (estimate(0.025, 0.01, 0.076), FALLEN, CHANCE, Verdict.INCONCLUSIVE),
        (estimate(0.025, 0.01, 0.05, cut=True), FALLEN, CHANCE, Verdict.INCONCLUSIVE),
    ],
)
def test_the_first_row_that_fits_decides(protected: Estimate, baseline: Estimate, claim: Claim | None, verdict: Verdict) -> None:
    assert judge(protected, baseline, claim) is verdict


def test_the_limit_at_one_in_forty_is_three_times_chance() -> None:
    # verdicts.md, section 3: chance 1/40, limit 7.5 %
    assert limit(estimate(0.02, 0.0, 0.05), FALLEN, CHANCE) == pytest.approx(0.075)


def test_the_limit_of_a_bound_is_at_most_half_as_much_again() -> None:
    assert limit(estimate(0.02, 0.0, 0.05), FALLEN, Claim(0.1)) == pytest.approx(0.15)
    assert limit(estimate(0.5, 0.4, 0.5), FALLEN, Claim(0.5)) == pytest.approx(0.545)


unit = st.floats(0, 1)


@given(st.tuples(unit, unit, unit).map(sorted), st.tuples(unit, unit, unit).map(sorted), st.floats(0.001, 0.5), st.none() | st.floats(0, 1))
def test_nothing_is_held_whose_unprotected_arm_did_not_fall(p: list[float], b: list[float], chance: float, bound: float | None) -> None:
    protected, baseline = estimate(p[1], p[0], p[2], chance=chance), estimate(b[1], b[0], b[2], chance=chance)
    if judge(protected, baseline, Claim(bound)) is Verdict.HELD:
        assert baseline.low > (chance if bound is None else bound)
        assert protected.high < limit(protected, baseline, Claim(bound))


def test_a_held_finding_cannot_be_written_by_hand() -> None:
    for protected, baseline in ((None, None), (estimate(0.02, 0.0, 0.05), estimate(0.02, 0.0, 0.05)), (estimate(0.5, 0.4, 0.6), FALLEN)):
        with pytest.raises(ValueError, match="unprotected arm"):
            Finding("reidentification", "fill", Verdict.HELD, protected, baseline, CHANCE, "", "", "")
    assert Finding("reidentification", "fill", Verdict.HELD, estimate(0.025, 0.01, 0.05), FALLEN, CHANCE, "", "", "").verdict == "held"


def test_an_estimate_outside_its_interval_or_nan_is_refused() -> None:
    for value, low, high in ((0.5, 0.6, 0.7), (float("nan"), 0.0, 1.0)):
        with pytest.raises(ValueError, match="interval"):
            estimate(value, low, high)
    with pytest.raises(ValueError, match="bound"):
        Claim(float("inf"))
