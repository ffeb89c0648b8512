"""The sentence of a finding says what `judge` decided, names the limit, and can be read."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.audit.wording import ERRORS, why
from velatura.findings import Claim, Estimate, Verdict, judge, limit

CHANCE = Claim()


def rate(value: float, low: float, high: float, *, chance: float = 0.025, **more: bool) -> Estimate:
    return Estimate(value, low, high, chance, 40, "people", "rank-1 rate", **more)


def ssim(value: float, low: float, high: float, n: int = 40) -> Estimate:
    return Estimate(value, low, high, 0.385, n, "pictures", "SSIM")


FALLEN, CLEAR = rate(0.956, 0.902, 0.979), ssim(1, 1, 1)


@pytest.mark.parametrize(
    ("found", "base", "claim", "sentence"),
    [
        (rate(0.956, 0.902, 0.979), FALLEN, CHANCE, "Above guessing, by more than half of the way."),
        (rate(0.1, 0.05, 0.2), FALLEN, CHANCE, "Above guessing: something shows through."),
        (rate(0.3, 0.26, 0.4), FALLEN, Claim(0.25), "Above the promised 25.0 %."),
        (rate(0.023, 0.006, 0.046), FALLEN, CHANCE, "Not above guessing; 7.5 % or more is excluded."),
        (rate(0.2, 0.15, 0.28), FALLEN, Claim(0.25), "Not above the promised 25.0 %; 31.5 % or more is excluded."),
        (
            rate(0.025, 0.005, 0.125),
            FALLEN,
            CHANCE,
            "Not above guessing, but 7.5 % is not excluded: about 160 people, or 4 times as many probes of each, would say.",
        ),
        (ssim(0.39, 0.38, 0.51), CLEAR, CHANCE, "Not above guessing, but 0.447 is not excluded: about 160 pictures would say."),
        (ssim(0.39, 0.3, inf, 3), CLEAR, CHANCE, "at least 36 pictures are needed."),
        (ssim(0.39, -inf, inf, 40), CLEAR, CHANCE, "more pictures are needed."),
        (rate(0.0, 0.0, 0.02, below=True), FALLEN, CHANCE, "one label never guessed); it protects nobody."),
        (
            rate(0.02, 0.0, 0.05),
            rate(0.03, 0.0, 0.06),
            CHANCE,
            "Without the protection the attack is not above guessing for certain either: it says nothing.",
        ),
        (rate(0.02, 0.0, 0.05), FALLEN, None, "Shown, not judged: nothing was promised against this."),
        (
            rate(0.02, 0.0, 0.05, cut=True),
            FALLEN,
            CHANCE,
            "Not above guessing, but the time budget ended the attack here and not without the protection.",
        ),
        (rate(0.9, 0.8, 0.95, cut=True), FALLEN, CHANCE, "half of the way. The time budget ended the attack before it was done."),
    ],
)
def test_what_follows(found: Estimate, base: Estimate, claim: Claim | None, sentence: str) -> None:
    assert why(found, base, claim, judge(found, base, claim)).endswith(sentence)


def test_the_measurement_stands_before_what_follows() -> None:
    found = rate(0.023, 0.006, 0.046)
    head = "rank-1 rate 2.3 % [0.6 %, 4.6 %] over 40 people; unprotected 95.6 %; guessing 2.5 %. "
    assert why(found, FALLEN, CHANCE, Verdict.HELD).startswith(head)
    runs = Estimate(1.01, 0.954, 1.08, 0.0, 40_000, "runs", "epsilon")
    free = Estimate(10.6, 9.3, inf, 0.0, 40_000, "runs", "epsilon")
    assert why(runs, free, Claim(1.0), judge(runs, free, Claim(1.0))) == (
        "epsilon 1.01 [0.954, 1.08] over 40,000 runs; unprotected 10.6; guessing 0. Not above the promised 1; 1.5 or more is excluded."
    )


def test_a_small_rate_is_not_rounded_to_nothing() -> None:
    found = rate(0.0004, 0.0, 0.002, chance=0.0004)
    assert "rank-1 rate 0.04 % [0.0 %, 0.2 %]" in why(found, FALLEN, CHANCE, judge(found, FALLEN, CHANCE))


def test_an_open_end_is_said_in_words() -> None:
    found = ssim(0.39, 0.38, inf, 5)
    assert "SSIM 0.39 [0.38, no limit] over 5 pictures" in why(found, CLEAR, CHANCE, judge(found, CLEAR, CHANCE))


unit = st.floats(0, 1)
ends = st.tuples(unit, unit, unit).map(sorted)


@given(ends, ends, st.floats(0, 0.5), st.none() | st.floats(0, 1), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_every_pair_has_a_sentence_that_fits_its_verdict(
    p: list[float], b: list[float], chance: float, bound: float | None, promised: bool, below: bool, cut: bool, base_cut: bool
) -> None:
    found = rate(p[1], p[0], p[2], chance=chance, below=below, cut=cut)
    base, claim = rate(b[1], b[0], b[2], chance=chance, cut=base_cut), Claim(bound) if promised else None
    verdict = judge(found, base, claim)
    said = why(found, base, claim, verdict)
    assert "\n" not in said and "nan" not in said and "inf" not in said
    assert said.count("budget") <= 1
    assert ("is excluded." in said) is (verdict is Verdict.HELD)
    if verdict is Verdict.HELD:
        assert claim is not None
        assert f"{100 * limit(found, base, claim):.1f} %" in said or limit(found, base, claim) < 0.001
    if verdict in (Verdict.WEAKENED, Verdict.BROKEN):
        assert "Above" in said


def test_the_head_of_a_report_says_how_sure_its_ends_are() -> None:
    assert "19 reports of 20" in ERRORS and "39 of 40" in ERRORS
