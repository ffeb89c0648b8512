"""Intervals against reference implementations, and as laws; how often they are wrong stands in test_verdict_rates.py."""

from __future__ import annotations

import itertools
from dataclasses import replace
from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from tests.attacks.worlds import rates

from velatura.attacks.attack import Outcomes, Shown
from velatura.attacks.intervals import LEAST_GAIN_UNITS, SHUFFLES, _epsilon, effective, estimate, exact, worse_than_shuffled

MEMBER = np.arange(60) < 30


def gains(*rows: list[float] | np.ndarray, chance: float = 0.0) -> Outcomes:
    success = np.atleast_2d(np.array(rows, float))
    return Outcomes(success, tuple(f"a{at}" for at in range(len(success))), chance, "pictures", "SSIM", kind="gain")


def scores(*rows: np.ndarray, member: np.ndarray = MEMBER) -> Outcomes:
    return Outcomes(np.array(rows, float), tuple(f"a{at}" for at in range(len(rows))), 0.5, "records", "AUC", kind="auc", member=member)


def runs(*rows: tuple[int, int, int, int]) -> Outcomes:
    return Outcomes(np.array(rows, float), tuple(f"a{at}" for at in range(len(rows))), 0.0, "runs", "epsilon", kind="epsilon")


# --- shares -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 7, 40, 1000])
@pytest.mark.parametrize("alpha", [0.025, 0.05 / 80])
def test_the_ends_of_a_share_are_clopper_and_pearsons(n: int, alpha: float) -> None:
    hits = np.unique(np.linspace(0, n, 12).round())
    low, high = exact(hits, np.full(len(hits), float(n)), alpha, alpha)
    reference = [stats.binomtest(int(k), n).proportion_ci(1 - 2 * alpha, "exact") for k in hits]
    assert low == pytest.approx([ends.low for ends in reference], rel=1e-9, abs=1e-12)
    assert high == pytest.approx([ends.high for ends in reference], rel=1e-9)


def test_hits_need_not_be_whole() -> None:
    low, high = exact(np.array([2.3]), np.array([17.6]), 0.01, 0.025)
    assert low == pytest.approx(stats.beta.ppf(0.01, 2.3, 16.3))
    assert high == pytest.approx(stats.beta.ppf(0.975, 3.3, 15.3))


def test_one_probe_a_person_is_plain_clopper_and_pearson_over_people() -> None:
    found = estimate(rates(0.2, people=40, probes=1), findings=2)
    assert (found.value, found.n) == (0.2, 40)
    assert found.low == pytest.approx(stats.beta.ppf(0.05 / 2, 8, 33))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, 9, 32))


def test_clusters_count_between_the_people_and_their_probes() -> None:
    rng = np.random.default_rng(1)
    own = (rng.random((40, 10)) < 0.3).mean(1)
    alike = np.repeat(rng.random(40) < 0.3, 1).astype(float)
    short = (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 39)) ** 2
    assert effective(alike[None], 10) == pytest.approx([40])  # a person's probes all go alike
    spread = own.var(ddof=1) / 40
    assert effective(own[None], 10) == pytest.approx([short * min(own.mean() * (1 - own.mean()) / spread, 400)])
    assert effective(np.full((1, 40), 0.3), 10) == pytest.approx([short * 400])  # nobody differs: at most all the probes
    assert effective(np.array([[0.0] * 40, [1.0] * 40]), 10) == pytest.approx([40, 40])  # no spread to tell
    assert effective(np.array([[0.4]]), 100) == pytest.approx([1])  # one person says nothing of others


def test_two_people_who_happen_to_agree_are_still_two() -> None:
    assert effective(np.array([[0.5, 0.5]]), 100)[0] < 5


def test_it_works_on_stacks() -> None:
    stack = np.random.default_rng(0).random((5, 3, 40))
    assert effective(stack, 10)[3, 2] == pytest.approx(effective(stack[3, 2][None], 10)[0])


def test_the_prototypes_findings_on_orl_are_met() -> None:
    """verdicts.md, section 5: 95.6 % [90.2, 97.9] and 2.3 % [.6, 4.6] over 40 people of 10 pictures; seven findings, three attackers."""
    clear = np.repeat([1.0, 0.9, 0.8, 0.7], [30, 5, 2, 3])  # a few people are hard
    faces = estimate(Outcomes(np.stack([clear] * 3), ("knn", "ridge", "lda"), 1 / 40, "people", "rank-1 rate", 10), findings=7)
    assert (faces.value, faces.low, faces.high) == pytest.approx((0.956, 0.902, 0.979), abs=0.007)
    hidden = np.repeat([0.0, 0.1, 0.2], [33, 5, 2])
    grey = estimate(Outcomes(np.stack([hidden] * 3), ("knn", "ridge", "lda"), 1 / 40, "people", "rank-1 rate", 10), findings=7)
    assert (grey.value, grey.low, grey.high) == pytest.approx((0.023, 0.006, 0.046), abs=0.0025)


shares = st.integers(1, 12).flatmap(
    lambda units: arrays.arrays(np.float64, st.tuples(st.integers(1, 4), st.just(units)), elements=st.integers(0, 10).map(lambda k: k / 10))
)
reals = st.integers(1, 50).flatmap(
    lambda units: arrays.arrays(np.float64, st.tuples(st.integers(1, 4), st.just(units)), elements=st.floats(-1e3, 1e3, width=32))
)
tables = arrays.arrays(np.int64, st.tuples(st.integers(1, 4), st.just(4)), elements=st.integers(0, 50)).map(
    lambda rows: np.stack([np.minimum(rows[:, 0], rows[:, 1] + 1), rows[:, 1] + 1, np.minimum(rows[:, 2], rows[:, 3] + 1), rows[:, 3] + 1], 1)
)


def _of(kind: str, success: np.ndarray) -> Outcomes:
    names = tuple(f"a{at}" for at in range(len(success)))
    member = np.arange(success.shape[1]) % 2 == 0 if kind == "auc" else None
    return Outcomes(success.astype(float), names, 0.1, "units", kind, probes=10, kind=kind, member=member)  # type: ignore[arg-type]


worlds = st.one_of(
    shares.map(lambda s: _of("share", s)),
    reals.map(lambda s: _of("gain", s)),
    reals.filter(lambda s: s.shape[1] >= 4).map(lambda s: _of("auc", s)),
    tables.map(lambda s: _of("epsilon", s)),
)


@given(worlds, st.integers(1, 50))
def test_the_value_lies_within_its_interval_and_more_findings_lower_only_the_lower_end(o: Outcomes, findings: int) -> None:
    alone, among = estimate(o), estimate(o, findings=findings)
    assert among.low <= alone.low <= alone.value <= alone.high == among.high
    assert not np.isnan([among.low, among.high]).any()


@given(worlds, st.floats(1e-4, 0.4), st.floats(1e-4, 0.4))
def test_a_rarer_error_needs_a_wider_interval(o: Outcomes, one: float, other: float) -> None:
    rare, often = sorted((one, other))
    wide, narrow = estimate(o, low=rare, high=rare), estimate(o, low=often, high=often)
    assert wide.low <= narrow.low + 1e-12
    assert wide.high >= narrow.high - 1e-12


@given(worlds, st.integers(1, 3))
def test_another_attacker_never_lowers_the_upper_end_and_one_that_is_no_better_never_raises_the_lower_one(o: Outcomes, times: int) -> None:
    copies = np.concatenate([o.success, np.repeat(o.success[:1], times, 0)])
    more, same = estimate(replace(o, success=copies, attackers=tuple(f"a{at}" for at in range(len(copies))))), estimate(o)
    fewer = estimate(replace(o, success=o.success[:1], attackers=("a0",)))
    assert more.low <= same.low
    assert more.high == same.high >= fewer.high


@given(shares.filter(lambda s: s.shape[1] > 1), st.permutations(range(12)))
def test_the_order_of_people_and_attackers_does_not_matter(success: np.ndarray, order: list[int]) -> None:
    mixed = success[::-1, [at for at in order if at < success.shape[1]]]
    one, other = estimate(_of("share", success)), estimate(_of("share", mixed))
    assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-6)


# --- gains --------------------------------------------------------------------------------------------------------------------------


def test_a_gain_without_skewness_is_students() -> None:
    even = np.linspace(0.2, 0.6, 41)
    found = estimate(gains(even), findings=4)
    error = even.std(ddof=1) / 41**0.5
    assert found.low == pytest.approx(0.4 - stats.t.ppf(1 - 0.05 / 4, 40) * error, abs=1e-6)
    assert found.high == pytest.approx(0.4 + stats.t.ppf(0.975, 40) * error, abs=1e-6)


def test_no_end_of_a_gain_says_what_cannot_be() -> None:
    """A mean likeness has no more than 1, and a difference of rates lies from -1 to 1."""
    high = estimate(gains(np.r_[np.full(39, 0.99), -1.0]))
    assert high.high == 1.0
    low = estimate(gains(np.r_[np.full(39, -0.99), 1.0]))
    assert low.low == -1.0


def test_skewness_lengthens_the_end_that_it_endangers_and_shortens_none() -> None:
    skewed = np.random.default_rng(0).exponential(0.1, 40)
    right, left = estimate(gains(skewed)), estimate(gains(-skewed), high=0.05)
    student = stats.t.ppf(0.975, 39) * skewed.std(ddof=1) / 40**0.5
    g = stats.skew(skewed)
    assert right.high - right.value == pytest.approx(
        student + g * (1 + 2 * stats.t.ppf(0.975, 39) ** 2) / (6 * 40**0.5) * student / stats.t.ppf(0.975, 39), rel=1e-6
    )
    assert left.high - left.value == pytest.approx(stats.t.ppf(0.95, 39) * skewed.std(ddof=1) / 40**0.5, rel=1e-6)


def test_the_same_gain_everywhere_is_not_above_itself() -> None:
    blind = np.random.default_rng(0).random(40)
    nothing = blind - blind + blind.mean()  # paired with the blind guess: chance to the last bit but one
    found = estimate(gains(nothing, chance=float(np.nextafter(blind.mean(), 0))))
    assert found.low < found.chance < found.high < found.chance + 1e-6
    assert not found.below


def test_few_units_accuse_but_do_not_acquit() -> None:
    assert estimate(gains([0.3])).low == -inf and estimate(gains([0.3])).high == inf
    few = estimate(gains(np.full(LEAST_GAIN_UNITS - 1, 0.3)))
    assert few.low == pytest.approx(0.3, abs=1e-6) and few.high == inf
    assert estimate(gains(np.full(LEAST_GAIN_UNITS, 0.3))).high == pytest.approx(0.3, abs=1e-6)


# --- AUC ----------------------------------------------------------------------------------------------------------------------------


def _delong_by_pairs(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """DeLong, DeLong, Clarke-Pearson 1988, equations 3 to 6, pair by pair."""
    won = (x[:, None] > y).astype(float) + 0.5 * (x[:, None] == y)
    return won.mean(), won.mean(1).var(ddof=1) / len(x) + won.mean(0).var(ddof=1) / len(y)


@pytest.mark.parametrize("ties", [False, True])
def test_the_auc_is_delongs_on_the_logit(ties: bool) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.7, 1, 30), rng.normal(0, 1, 30)
    if ties:
        x, y = x.round(), y.round()
    area, spread = _delong_by_pairs(x, y)
    found = estimate(scores(np.concatenate([x, y])), findings=3)
    error = spread**0.5 / (area * (1 - area))
    assert found.value == pytest.approx(area)
    assert log(found.low / (1 - found.low)) == pytest.approx(log(area / (1 - area)) - stats.norm.ppf(1 - 0.05 / 3) * error)
    assert log(found.high / (1 - found.high)) == pytest.approx(log(area / (1 - area)) + stats.norm.ppf(0.975) * error)


def test_the_area_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    drawn = np.random.default_rng(3).normal(size=60).round(1)
    assert estimate(scores(drawn)).value == pytest.approx(metrics.roc_auc_score(MEMBER, drawn))


def test_a_perfect_auc_has_a_width() -> None:
    found = estimate(scores(MEMBER.astype(float)))
    assert found.value == found.high == 1
    assert 0.85 < found.low < 0.99
    assert estimate(scores(-MEMBER.astype(float))).below


# --- epsilon ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [10, 200])
@pytest.mark.parametrize("delta", [0.0, 0.05])
def test_the_ends_of_epsilon_err_no_more_often_than_asked_summed_over_all_results(n: int, delta: float) -> None:
    k = np.arange(n + 1)
    with_, without = (hits.ravel().astype(float) for hits in np.meshgrid(k, k, indexing="ij"))
    every = np.column_stack([with_, np.full(len(with_), n), without, np.full(len(with_), n)])
    names = tuple(map(str, range(len(every))))
    _, lower, upper = _epsilon(Outcomes(every, names, 0.0, "runs", "epsilon", kind="epsilon", delta=delta), 0.001, 0.025)
    for epsilon, p0 in itertools.product((0.0, 0.1, 0.5, 1.0, 3.0), (0.5 / n, 0.02, 0.12, 0.3, 0.5)):
        p1 = min(p0 * np.exp(epsilon) + delta, 1.0)
        truth = log((p1 - delta) / p0)
        weight = np.outer(stats.binom.pmf(k, n, p1), stats.binom.pmf(k, n, p0)).ravel()
        assert weight[lower > truth + 1e-9].sum() <= 0.001
        assert weight[upper < truth - 1e-9].sum() <= 0.025


def test_epsilon_adds_the_distances_of_both_shares_as_squares() -> None:
    found = estimate(runs((500, 1000, 180, 1000)), low=0.001)
    one, other = (stats.binomtest(k, 1000).proportion_ci(0.998, "exact") for k in (500, 180))
    assert found.value == pytest.approx(log(500 / 180))
    assert found.low == pytest.approx(log(500 / 180) - np.hypot(log(0.5 / one.low), log(other.high / 0.18)))
    assert found.n == 2000
    one, other = (stats.binomtest(k, 1000).proportion_ci(0.95, "exact") for k in (500, 180))
    assert found.high == pytest.approx(log(500 / 180) + np.hypot(log(one.high / 0.5), log(0.18 / other.low)))


def test_an_event_that_never_came_leaves_that_end_open() -> None:
    assert estimate(runs((50, 100, 0, 100))).high == inf
    assert estimate(runs((50, 100, 0, 100))).low > 0
    assert estimate(runs((0, 100, 0, 100))).low == -inf
    assert not estimate(runs((0, 100, 90, 100))).below  # the other neighbour's event


# --- worse than guessing ------------------------------------------------------------------------------------------------------------


def _p_by_all_permutations(guesses: np.ndarray) -> float:
    people = guesses.shape[1]
    right = np.trace(guesses, axis1=1, axis2=2).max()
    every = [guesses[:, range(people), list(names)].sum(-1).max() for names in itertools.permutations(range(people))]
    return float(np.mean(np.array(every) <= right + 1e-12))


@pytest.mark.parametrize("seed", range(6))
def test_worse_than_guessing_agrees_with_all_permutations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    guesses = rng.dirichlet(np.full(6, 0.4), (2, 6))
    guesses[:, range(6), range(6)] *= 0.05
    p = _p_by_all_permutations(guesses)
    assert p < 0.1
    assert worse_than_shuffled(guesses, 1.4 * p + 20 / SHUFFLES)
    assert not worse_than_shuffled(guesses, 0.6 * p - 20 / SHUFFLES)


def test_never_the_right_name_is_worse_and_always_the_same_name_is_not() -> None:
    never = np.full((1, 40, 40), 1 / 39)
    never[0, range(40), range(40)] = 0
    assert worse_than_shuffled(never, 0.025 / 20)
    hub = np.zeros((3, 40, 40))
    hub[:, :, 7] = 1
    assert not worse_than_shuffled(hub, 0.49)
    assert not worse_than_shuffled(np.eye(40)[None], 0.49)


def test_a_share_is_worse_than_guessing_by_its_probes_only_if_it_has_ten_successes() -> None:
    units = np.repeat([0.2, 0.3], 20)  # 100 of 400
    assert estimate(Outcomes(units[None], ("one",), 0.5, "people", "hit rate", 10)).below
    assert not estimate(Outcomes(units[None], ("one",), 0.26, "people", "hit rate", 10)).below
    few = np.repeat([0.0, 0.1], [35, 5])  # 5 of 400, where 16 were to be expected
    assert not estimate(Outcomes(few[None], ("one",), 0.04, "people", "hit rate", 10)).below
    assert estimate(Outcomes(few[None], ("one",), 0.2, "people", "hit rate", 10)).below  # even over people alone
    assert not estimate(Outcomes(np.stack([units, np.full(40, 0.5)]), ("one", "guess"), 0.5, "people", "hit rate", 10)).below


def test_an_error_rarer_than_the_shuffles_can_tell_is_never_claimed() -> None:
    never = np.full((1, 40, 40), 1 / 39)
    never[0, range(40), range(40)] = 0
    assert not worse_than_shuffled(never, 0.5 / SHUFFLES)


def test_another_attacker_at_chance_clears_the_one_below() -> None:
    never = np.full((40, 40), 1 / 39)
    never[range(40), range(40)] = 0
    assert not worse_than_shuffled(np.stack([never, np.full((40, 40), 1 / 40)]), 0.49)


# --- what an attack may hand back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"success": np.zeros(5)}, "successes are finite"),
        ({"success": np.zeros((0, 5)), "attackers": ()}, "successes are finite"),
        ({"success": np.zeros((1, 0))}, "successes are finite"),
        ({"success": np.array([[np.nan]])}, "successes are finite"),
        ({"success": np.array([[np.inf]]), "kind": "gain"}, "successes are finite"),
        ({"attackers": ("one", "two")}, "a name of its own"),
        ({"success": np.zeros((2, 5)), "attackers": ("one", "one")}, "a name of its own"),
        ({"success": np.full((1, 5), 1.2)}, "between 0 and 1"),
        ({"success": np.full((1, 5), -0.1)}, "between 0 and 1"),
        ({"chance": 1.5}, "between 0 and 1"),
        ({"chance": float("nan")}, "chance"),
        ({"probes": 0}, "probes"),
        ({"shown": [Shown(np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.uint8))] * 7}, "examples at most 6"),
        ({"kind": "auc"}, "who is a member"),
        ({"kind": "auc", "member": np.array([True, False, False, False, False])}, "who is a member"),
        ({"kind": "auc", "member": np.array([True, True, False, False])}, "who is a member"),
        ({"kind": "epsilon"}, "hits and runs with"),
        ({"kind": "epsilon", "success": np.array([[3.0, 2, 1, 2]])}, "hits lie between"),
        ({"kind": "epsilon", "success": np.array([[0.0, 0, 1, 2]])}, "hits lie between"),
        ({"guesses": np.zeros((1, 5, 4))}, "guesses are shares"),
        ({"guesses": np.zeros((5, 5))}, "guesses are shares"),
        ({"guesses": np.full((1, 5, 5), np.nan)}, "guesses are shares"),
    ],
)
def test_outcomes_that_do_not_fit_are_refused(change: dict[str, object], words: str) -> None:
    good = Outcomes(np.full((1, 5), 0.5), ("one",), 0.2, "people", "rank-1 rate")
    with pytest.raises(ValueError, match=words):
        replace(good, **change)  # type: ignore[arg-type]


# --- true-positive rates at a false-positive rate -----------------------------------------------------------------------------------


def rounds(shift: float, rng: np.random.Generator, *, records: int = 600, times: int = 2, always: float = 0.0) -> Outcomes:
    """Scores of members lie `shift` standard deviations higher; of a share `always` of the records by 8."""
    member = rng.random((times, records)) < 0.5
    found = rng.normal(size=(times, records)) + member * np.where(np.arange(records) < always * records, 8.0, shift)
    return Outcomes(found.reshape(1, -1), ("a",), 0.01, "records", "rate", probes=times, kind="tpr", member=member.ravel())


@pytest.mark.parametrize(("shift", "always"), [(0.0, 0.0), (1.0, 0.0), (0.0, 0.1)])
def test_a_true_positive_rates_ends_are_wrong_as_rarely_as_they_say(shift: float, always: float) -> None:
    rng, true = np.random.default_rng(5), (1 - always) * stats.norm.sf(stats.norm.isf(0.01) - shift) + always
    found = [estimate(rounds(shift, rng, always=always)) for _ in range(300)]
    assert np.mean([one.low > true for one in found]) <= 0.06
    assert np.mean([one.high < true for one in found]) <= 0.04
    assert np.mean([one.below for one in found]) <= 0.06 and found[0].n == 600


def test_a_rate_at_one_of_a_hundred_needs_a_hundred_others() -> None:
    with pytest.raises(ValueError, match="so many others"):
        scores_at = np.zeros((1, 120))
        Outcomes(scores_at, ("a",), 0.01, "records", "rate", kind="tpr", member=np.arange(120) < 60)


def test_ties_with_the_threshold_are_no_hits() -> None:
    member = np.arange(400) < 200
    assert estimate(Outcomes(np.zeros((1, 400)), ("a",), 0.01, "records", "rate", kind="tpr", member=member)).value == 0
