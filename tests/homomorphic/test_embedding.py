"""The canonical embedding, by its laws."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.homomorphic.embedding import coefficients, filled, slots


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Modulo X^n + 1."""
    whole = np.pad(np.convolve(a, b), (0, 1))
    return whole[: len(a)] - whole[len(a) :]


@pytest.fixture
def values() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.normal(size=(2, 256)) + 1j * rng.normal(size=(2, 256))


def test_slots_come_back(values: np.ndarray) -> None:
    assert np.allclose(slots(coefficients(values)), values, atol=1e-12)


def test_a_product_of_polynomials_is_a_product_in_each_slot(values: np.ndarray) -> None:
    a, b = coefficients(values)
    assert np.allclose(slots(product(a, b)), values[0] * values[1], atol=1e-10)


@pytest.mark.parametrize("by", [1, 5, 255])
def test_the_galois_element_three_to_the_k_rotates_left_by_k(values: np.ndarray, by: int) -> None:
    polynomial = coefficients(values[0])
    n, element = len(polynomial), pow(3, by, 2 * len(polynomial))
    turned = np.zeros(n)
    for k, coefficient in enumerate(polynomial):
        exponent = element * k % (2 * n)
        turned[exponent % n] += coefficient if exponent < n else -coefficient
    assert np.allclose(slots(turned), np.roll(values[0], -by), atol=1e-10)


def test_a_vector_with_a_period_has_few_coefficients() -> None:
    part = np.random.default_rng(2).normal(size=64)
    assert filled(np.tile(part, 16)) == pytest.approx(1 / 16, abs=2e-3)
    assert filled(np.random.default_rng(2).normal(size=1024)) > 0.99
