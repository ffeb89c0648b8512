"""Flooding: noise of the width that the rule asks for, on every coefficient, from the given entropy alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.homomorphic.small_models import PUBLIC, small, small_batch

from velatura.homomorphic import embedding
from velatura.homomorphic.flooding import CERTAINTY, flooded, flooding_bits, own_noise, slot_deviation, strength
from velatura.homomorphic.sharing import Sharing

N, SCALE = 1024, 2.0**40


def entropy(seed: int) -> object:
    return np.random.default_rng(seed).bytes


def test_the_rule_is_that_of_the_paper() -> None:
    # OpenFHE's CKKS_NOISE_FLOODING.md: one query at 30 bits lies 17 bits above the noise, a thousand 21.8
    assert np.log2(strength(Sharing("public", queries=1))) == pytest.approx(16.8, abs=0.1)
    assert np.log2(strength(PUBLIC)) == pytest.approx(21.8, abs=0.1)
    assert flooding_bits(PUBLIC) == pytest.approx(21.8 + np.log2(CERTAINTY), abs=0.1)
    assert flooding_bits(Sharing()) == 0


def test_each_coefficient_gets_noise_of_that_width() -> None:
    values = np.random.default_rng(0).normal(size=N // 2) + 0j
    sigma = 2.0**20
    noise = (flooded(values, sigma, scale=SCALE, entropy=entropy(1)) - values.real) * SCALE
    # only real parts come out: half of the coefficients' energy
    assert np.std(noise) == pytest.approx(sigma * np.sqrt(N / 2), rel=0.15)
    assert np.std(noise) / SCALE == pytest.approx(slot_deviation(sigma, n=N, scale=SCALE), rel=0.15)
    coefficients = embedding.coefficients(noise + 0j)
    assert np.std(coefficients[: N // 2]) == pytest.approx(np.std(coefficients[N // 2 :]), rel=0.2)


def test_noise_is_new_each_time_and_comes_from_the_entropy() -> None:
    values = np.zeros(N // 2, complex)
    one, same, other = (flooded(values, 1000.0, scale=SCALE, entropy=entropy(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("compiled", [small, small_batch])
def test_the_bound_of_the_own_noise_lies_above_what_is_seen(compiled: object) -> None:
    bounds = own_noise(compiled())
    assert len(bounds) == len(compiled().program.outputs)
    assert all(bound >= CERTAINTY for bound in bounds)
    assert own_noise(compiled()) == bounds
    wide = replace(compiled(), input_low=10 * compiled().input_low, input_high=10 * compiled().input_high)
    assert max(own_noise(wide)) > max(bounds)  # errors grow with the message after a product
