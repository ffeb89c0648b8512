"""What the ledger says, against a computation that shares nothing with it."""

from __future__ import annotations

import pytest

pytest.importorskip("dp_accounting", reason="dp-accounting is not installed")

from benchmarks.fft_accountant import Releases, recomputed
from scipy.special import ndtr

from velatura.dp.accounting import Event, epsilon, noise_for


def test_one_gaussian_is_what_the_formula_says() -> None:
    at = recomputed([(1.0, 1.0, 1)], 1e-5)
    exact = ndtr(0.5 - at) - 2.718281828459045**at * ndtr(-0.5 - at)  # Balle and Wang 2018, theorem 8
    assert exact == pytest.approx(1e-5, rel=1e-3)


@pytest.mark.parametrize(
    ("releases", "delta"),
    [
        ([(0.01, 1.1, 6000)], 1e-5),
        ([(512 / 1437, 2.418, 112)], 1e-5),
        ([(0.1, 1.0, 50), (0.02, 0.8, 200)], 1e-5),
        ([(0.3, 4.0, 20)], 1e-5),
        ([(0.001, 0.7, 2000)], 1e-6),
    ],
)
def test_a_ledger_is_right_to_a_thousandth(releases: Releases, delta: float) -> None:
    apart = recomputed(releases, delta)
    ours = epsilon([(Event("gaussian", noise, sampling), times) for sampling, noise, times in releases], delta)
    assert ours == pytest.approx(apart, rel=1e-3 if apart > 1.5 else 1e-2)


def test_noise_for_a_budget_keeps_it_by_the_other_computation_too() -> None:
    noise = noise_for(2.0, 1e-5, sampling=0.25, times=40)
    assert 1.9 < recomputed([(0.25, noise, 40)], 1e-5) <= 2.0 + 1e-3
