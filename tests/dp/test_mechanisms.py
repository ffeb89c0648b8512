"""Discrete noise against its exact distribution; the entropy is seeded, so nothing here can fail by chance."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from velatura.dp.mechanisms import gaussian, laplace, laplace_many


def seeded(seed: int):
    return random.Random(seed).randbytes


def chi_square_p(draws: list[int], weight) -> float:
    """p value of the draws against P(x) proportional to weight(x), tails pooled where fewer than 5 are expected."""
    support = range(-400, 401)
    total = sum(weight(x) for x in support)
    expected = {x: len(draws) * weight(x) / total for x in support}
    counts, cells, tail = Counter(draws), [], [0.0, 0.0]
    for x, e in expected.items():
        if e >= 5:
            cells.append((counts[x], e))
        else:
            tail[0] += counts[x]
            tail[1] += e
    if tail[1] >= 1:
        cells.append((tail[0], tail[1]))
    statistic = sum((o - e) ** 2 / e for o, e in cells)
    return float(chi2.sf(statistic, len(cells) - 1))


@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(1), Fraction(7, 3), Fraction(10), Fraction(31, 2)])
def test_laplace_draws_have_the_exact_distribution(scale):
    draws = laplace_many(scale, 20_000, seeded(7))
    assert chi_square_p(draws, lambda x: exp(-abs(x) / scale)) > 0.001


@pytest.mark.parametrize("scale", [Fraction(7, 3)])
def test_the_chi_square_would_notice_a_scale_that_is_five_percent_off(scale):
    draws = laplace_many(scale * Fraction(105, 100), 20_000, seeded(7))
    assert chi_square_p(draws, lambda x: exp(-abs(x) / scale)) < 1e-4


@pytest.mark.parametrize("sigma2", [Fraction(1, 4), Fraction(1), Fraction(5, 2), Fraction(100)])
def test_gaussian_draws_have_the_exact_distribution(sigma2):
    entropy = seeded(11)
    draws = [gaussian(sigma2, entropy) for _ in range(8_000)]
    assert chi_square_p(draws, lambda x: exp(-(x**2) / (2 * sigma2))) > 0.001


def test_large_scales_have_the_right_spread():
    scale = Fraction(255 * 4096, 5)
    draws = np.array(laplace_many(scale, 20_000, seeded(3)), float)
    assert abs(np.abs(draws).mean() / float(scale) - 1) < 0.02
    assert abs(draws.mean()) < 0.05 * float(scale)


@given(st.fractions(min_value=Fraction(1, 50), max_value=10**9, max_denominator=10**12), st.integers(0, 2**32))
def test_every_scale_gives_integers_and_the_same_entropy_gives_the_same_draw(scale, seed):
    first = laplace(scale, seeded(seed))
    assert isinstance(first, int)
    assert first == laplace(scale, seeded(seed))


def test_no_scale_gives_no_noise():
    assert laplace_many(0, 5, seeded(0)) == [0] * 5
    assert gaussian(Fraction(0), seeded(0)) == 0


@pytest.mark.parametrize(("scale", "error"), [(Fraction(-1), ValueError), (0.5, TypeError)])
def test_a_negative_or_floating_scale_is_refused(scale, error):
    with pytest.raises(error):
        laplace(scale, seeded(0))
    with pytest.raises(error):
        gaussian(scale, seeded(0))


def test_entropy_that_runs_dry_is_refused_instead_of_giving_weaker_noise():
    with pytest.raises(ValueError, match="entropy"):
        laplace(Fraction(3), lambda n: b"\0" * (n - 1))


def test_the_noise_keeps_its_privacy_promise_on_neighbouring_inputs():
    """epsilon = d/s: the ratio of probabilities of any output on inputs that differ by d is at most e^epsilon; counted over thresholds."""
    scale, shift, n = Fraction(4), 4, 40_000
    low = np.array(laplace_many(scale, n, seeded(1)))
    high = np.array(laplace_many(scale, n, seeded(2))) + shift
    for threshold in range(-6, 12):
        p, q = (low >= threshold).mean(), (high >= threshold).mean()
        assert q <= np.exp(1.0) * p + 4 * np.sqrt(p / n) * np.exp(1.0)
    assert (high >= shift + 2).mean() > 2.2 * (low >= shift + 2).mean(), "the pair is really distinguishable up to e"


def test_opendp_draws_from_the_same_distribution_where_it_is_installed():
    prelude = pytest.importorskip("opendp.prelude")
    prelude.enable_features("contrib")
    space = (prelude.atom_domain(T=int), prelude.absolute_distance(T=int))
    theirs = space >> prelude.m.then_laplace(scale=3.0)
    draws = [theirs(0) for _ in range(20_000)]
    assert chi_square_p(draws, lambda x: exp(-abs(x) / 3)) > 1e-5
