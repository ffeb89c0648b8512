from fractions import Fraction
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from velatura.attacks import dp_audit
from velatura.attacks.attack import Photo
from velatura.attacks.dp_audit import AuditEpsilon, audit_epsilon, neighbours
from velatura.attacks.intervals import estimate
from velatura.audit.obfuscation.arms import plain_arm, protected_arm
from velatura.audit.trial import trial
from velatura.dp.mechanisms import laplace_many
from velatura.errors import BadInput, BadSpec
from velatura.findings import Claim, Verdict, judge
from velatura.obfuscation import grid


def laplace(scale):
    return lambda value, rng: value + rng.laplace(0, scale, np.shape(value))


def plain(value, rng):
    return value


def judged(protected, claim, secrets, *, unprotected=plain, seed=1, budget_s=60.0, **options):
    return trial(
        AuditEpsilon(**options),
        "x",
        plain=unprotected,
        protected=protected,
        claim=Claim(claim),
        secrets=secrets,
        seed=seed,
        budget_s=budget_s,
        findings=1,
    ).finding


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0])
def test_the_bound_is_near_a_true_epsilon_and_not_above_it(epsilon):
    lows = [audit_epsilon(laplace(1 / epsilon), 0.0, 1.0, runs=3000, seed=seed).low for seed in range(8)]
    assert max(lows) <= epsilon and np.mean(lows) >= 0.8 * epsilon


@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.5, 1.0, 3.0]), st.integers(1, 30))
def test_the_bound_is_not_above_the_epsilon_of_any_number_of_entries(seed, epsilon, entries):
    changed = np.random.default_rng(seed).dirichlet(np.ones(entries))  # moves the vector by 1 in L1
    secrets = [(np.zeros(entries), changed)]
    outcomes = AuditEpsilon(runs=400).play(laplace(1 / epsilon), secrets, np.random.default_rng(seed), budget_s=60)
    assert estimate(outcomes, low=1e-9).low <= epsilon  # an error that no number of examples meets


@pytest.mark.parametrize("share", [0.6, 0.75, 0.95])
def test_randomised_answers_are_bounded_close_to_their_exact_epsilon(share):
    epsilon = log(share / (1 - share))
    found = audit_epsilon(lambda bit, rng: bit if rng.random() < share else 1 - bit, 0, 1, runs=10_000)
    assert 0.75 * epsilon <= found.low <= epsilon <= found.high


def test_delta_is_taken_off_before_the_ratio():
    sigma, epsilon = 1.0, 1.5
    delta = ndtr(0.5 / sigma - epsilon * sigma) - exp(epsilon) * ndtr(-0.5 / sigma - epsilon * sigma)  # Balle and Wang 2018, theorem 8
    found, without = (audit_epsilon(lambda v, rng: v + rng.normal(0, sigma), 0.0, 1.0, runs=20_000, delta=d) for d in (delta, 0.0))
    assert 0.6 * epsilon <= found.low <= epsilon < without.low


@pytest.mark.parametrize("claim", ["1/2", "1", "2"])
def test_the_room_keeps_its_promise_and_half_the_noise_is_caught(claim):
    """Half the noise is the same method at twice the epsilon."""
    bound, pixels = float(Fraction(claim)), neighbours((16, 16), 16)[:1]
    right, half = (
        judged(protected_arm(f"dp-pixelate:cells=1,m=16,epsilon={Fraction(claim) * times}"), bound, pixels, unprotected=plain_arm(), runs=2000)
        for times in (1, 2)
    )
    assert right.verdict is not Verdict.BROKEN and right.estimate.low >= 0.6 * bound
    assert half.verdict is Verdict.BROKEN


def test_with_enough_runs_the_room_holds():
    arm = protected_arm("dp-pixelate:cells=1,m=roi,epsilon=1")
    found = judged(arm, 1.0, neighbours((12, 12), None), unprotected=plain_arm(), runs=4000)
    assert found.verdict is Verdict.HELD and found.baseline.low > 5 and "promised 1" in found.why


def test_noise_that_is_too_small_for_a_cell_cut_by_the_border_is_found():
    """Laplace noise on means, scaled for 16x16: a cell of 16x12 spends 1.33 for a claim of 1."""
    down = across = grid.stepped(28, 16)

    def arm(photo, rng):
        means = grid.sums(photo.picture, down, across) / grid.counts(down, across)
        return means + rng.laplace(0, 255 * 16 / 256, means.shape)

    black, inside = neighbours((28, 28), 16)[0]
    cut = Photo(np.roll(inside.picture, 20, axis=1))
    found = judged(arm, 1.0, [(black, inside), (black, cut)], unprotected=plain_arm(), runs=6000)
    assert found.verdict is Verdict.BROKEN and found.evidence["pair of neighbours"].startswith("number 2 of 2")


def test_without_noise_everything_breaks_and_a_constant_release_holds():
    pair = [(np.zeros(50), np.full(50, 1e-3))]
    assert judged(plain, 1.0, pair, runs=1000).verdict is Verdict.BROKEN
    constant = judged(lambda value, rng: np.ones(3), 1.0, pair, runs=1000)
    assert constant.verdict is Verdict.HELD and abs(constant.estimate.value) < 0.05


def test_a_mechanism_that_ignores_its_input_is_not_accused_whatever_the_seed():
    lows = [audit_epsilon(lambda value, rng: rng.normal(size=40), 0, 1, runs=500, seed=seed).low for seed in range(30)]
    assert max(lows) <= 0


def test_a_spread_that_depends_on_the_input_is_found():
    found = audit_epsilon(lambda scale, rng: rng.laplace(0, scale, 5), 1.0, 2.0, runs=4000)
    assert found.low > 1


def test_few_entries_that_differ_are_found_among_thousands():
    changed = np.zeros(3000)
    changed[1234] = 1.0
    found = audit_epsilon(laplace(0.5), np.zeros(3000), changed, runs=1500)
    assert 1.2 < found.low <= 2


def test_an_auditor_who_knows_where_to_look_finds_what_is_spread_over_all_tensors():
    """An update of two tensors under Gaussian noise; the planted client moves every entry a little."""
    rng = np.random.default_rng(3)
    planted = [rng.normal(0, 0.1, (20, 30)), rng.normal(0, 0.1, 30)]

    def release(clients, rng):
        return [clients * tensor + rng.normal(size=tensor.shape) for tensor in planted]

    known = audit_epsilon(
        release, 0, 1, runs=1500, score=lambda update: sum(float((a * b).sum()) for a, b in zip(update, planted, strict=True)), delta=1e-5
    )
    learnt = audit_epsilon(release, 0, 1, runs=1500, delta=1e-5)
    assert known.low > 3 and 0 < learnt.low <= known.low + 0.5


def test_the_control_without_noise_makes_the_verdict():
    control = audit_epsilon(plain, 0.0, 1.0, runs=2000)
    held = judge(audit_epsilon(laplace(1.0), 0.0, 1.0, runs=4000), control, Claim(1.0))
    broken = judge(audit_epsilon(laplace(0.5), 0.0, 1.0, runs=4000), control, Claim(1.0))
    assert (held, broken) == (Verdict.HELD, Verdict.BROKEN)


def test_of_several_pairs_the_one_that_tells_most_is_counted():
    outcomes = AuditEpsilon(runs=2000).play(laplace(1.0), [(0, 0.1), (0, 2.0), (0, 0.0)], np.random.default_rng(1), budget_s=60)
    assert outcomes.success.shape == (1, 4) and outcomes.notes["pair of neighbours"].startswith("number 2 of 3")


def test_it_repeats_from_its_seed():
    first, again, other = (audit_epsilon(laplace(1.0), 0.0, 1.0, runs=500, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


class Stopped:
    """A deadline that passes after so many questions."""

    left = 0

    def __init__(self, budget_s):
        pass

    def share(self, parts):
        return Stopped(0)

    def passed(self):
        Stopped.left -= 1
        return Stopped.left < 0


@pytest.mark.parametrize("left", [0, 1, 700, 1200])
def test_a_spent_budget_counts_as_many_runs_of_either_neighbour_and_says_so(monkeypatch, left):
    monkeypatch.setattr(dp_audit, "Deadline", Stopped)
    Stopped.left = left
    played = {0.0: 0, 1.0: 0}

    def arm(value, rng):
        played[value] += 1
        return value + rng.laplace()

    outcomes = AuditEpsilon(runs=1000).play(arm, [(0.0, 1.0)], np.random.default_rng(0), budget_s=1)
    assert outcomes.cut and played[0.0] == played[1.0]
    assert outcomes.success[0, 1] == outcomes.success[0, 3] < 1000


def test_all_runs_are_played_within_the_budget():
    outcomes = AuditEpsilon(runs=300).play(laplace(1.0), [(0.0, 1.0)], np.random.default_rng(0), budget_s=60)
    assert not outcomes.cut and outcomes.success[0, 1] == 300


@pytest.mark.parametrize("release", ["text", None, [], np.array([np.nan]), [[1, 2], "x"], np.array([1e999])])
def test_releases_that_are_not_finite_numbers_are_refused(release):
    with pytest.raises(BadInput, match=r"attack\.release"):
        audit_epsilon(lambda value, rng: release, 0, 1, runs=200)


def test_releases_that_change_their_shape_are_refused():
    with pytest.raises(BadInput, match=r"attack\.release"):
        audit_epsilon(lambda value, rng: np.zeros(rng.integers(1, 4)), 0, 1, runs=200)


@pytest.mark.parametrize(("options", "code"), [({"runs": 99}, "attack.runs"), ({"delta": 1.0}, "attack.delta"), ({"delta": -0.1}, "attack.delta")])
def test_impossible_options_are_refused(options, code):
    with pytest.raises(BadSpec, match=code):
        audit_epsilon(plain, 0, 1, **options)


@pytest.mark.parametrize("secrets", [[], [1], [(1, 2, 3)]])
def test_what_is_no_pair_is_refused(secrets):
    with pytest.raises(BadInput, match=r"attack\.neighbours"):
        AuditEpsilon().play(plain, secrets, np.random.default_rng(0), budget_s=1)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 900), st.booleans())
def test_neighbouring_pictures_differ_in_exactly_so_many_pixels(height, width, changed, colour):
    shape = (height, width, 3) if colour else (height, width)
    pairs = neighbours(shape, changed, peak=200)
    assert len(pairs) == (1 if changed >= height * width else 3)
    for black, other in pairs:
        assert black.picture.shape == other.picture.shape == shape and not black.picture.any()
        pixels = other.picture.reshape(height * width, -1)
        assert (pixels.any(1).sum(), pixels.max()) == (min(changed, height * width), 200) and (pixels == pixels[:, :1]).all()


def test_neighbours_of_a_whole_region_are_black_and_white():
    ((black, white),) = neighbours((5, 7), None)
    assert not black.picture.any() and (white.picture == 255).all()


def test_discrete_noise_on_sums_is_bounded_like_continuous_noise():
    found = audit_epsilon(lambda total, rng: total + laplace_many(Fraction(100), 1, rng.bytes)[0], 0, 100, runs=4000)
    assert 0.8 <= found.low <= 1
