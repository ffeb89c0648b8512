"""Epsilon against values that were computed elsewhere, and the exact Gaussian."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.dp.accounting import Event, analytic_sigma, delta_of, epsilon, noise_for
from velatura.errors import BadSpec

pytest.importorskip("dp_accounting", reason="dp-accounting is not installed")


@pytest.mark.parametrize(
    ("sampling", "sigma", "times", "delta", "expected"),
    [  # an independent computation by FFT gives these to four digits, the last one 1.1238: dp-accounting rounds up on a grid of 1e-4
        (0.01, 1.1, 6000, 1e-5, 3.8998),
        (256 / 60000, 1.1, 14062, 1e-5, 2.3817),
        (1.0, 1.0, 1, 1e-5, 4.3772),
        (0.1, 1.0, 100, 1e-5, 7.0466),
        (512 / 1437, 2.418, 112, 1e-5, 7.9957),
        (0.001, 0.7, 2000, 1e-6, 1.1238),
    ],
)
def test_a_run_costs_what_an_independent_computation_says(sampling: float, sigma: float, times: int, delta: float, expected: float) -> None:
    cost = epsilon([(Event("gaussian", sigma, sampling), times)], delta)
    assert expected - 1e-4 <= cost <= expected * (1.001 if expected > 1.5 else 1.01)


def test_unlike_releases_are_composed() -> None:
    cost = epsilon([(Event("gaussian", 1.0, 0.1), 50), (Event("gaussian", 0.8, 0.02), 200)], 1e-5)
    assert cost == pytest.approx(5.8249, rel=1e-3)


@pytest.mark.parametrize(("sigma", "epsilon_"), [(2.0, 8.38542), (1.0, 20.12502), (0.5, 52.77062)])
def test_gaussians_of_everybody_are_one_gaussian_as_losses_say_too(sigma: float, epsilon_: float) -> None:
    assert epsilon([(Event("gaussian", sigma), 12)], 1e-5) == pytest.approx(epsilon_, rel=1e-4)


def test_one_event_in_pieces_is_one_event() -> None:
    event = Event("gaussian", 1.3, 0.2)
    assert epsilon([(event, 7), (event, 5)], 1e-5) == epsilon([(event, 12)], 1e-5)


def test_laplace_is_pure() -> None:
    assert epsilon([(Event("laplace", 2.0), 3)], 0.0) == 1.5
    assert epsilon([(Event("gaussian", 2.0), 3)], 0.0) == inf
    assert epsilon([], 1e-5) == 0
    assert epsilon([(Event("laplace", 4.0), 1)], 1e-6) <= 0.2501


@pytest.mark.parametrize(
    ("target", "delta", "sigma"), [(0.1, 1e-5, 30.74957), (0.5, 1e-5, 7.03183), (1, 1e-5, 3.73063), (2, 1e-6, 2.23048), (8, 1e-5, 0.60023)]
)
def test_the_analytic_gaussian_is_the_papers_and_the_accountants(target: float, delta: float, sigma: float) -> None:
    found = analytic_sigma(target, delta)
    assert found == pytest.approx(sigma, abs=1e-5)
    assert epsilon([(Event("gaussian", found), 1)], delta) == pytest.approx(target, rel=2e-3)


@given(st.floats(0.01, 20), st.floats(1e-9, 0.1), st.floats(0.01, 100))
def test_the_analytic_sigma_is_enough_and_hardly_more(target: float, delta: float, sensitivity: float) -> None:
    sigma = analytic_sigma(target, delta, sensitivity)
    assert delta_of(target, sigma, sensitivity) <= delta * (1 + 1e-9)
    assert delta_of(target, sigma * 0.999, sensitivity) > delta


def test_noise_that_is_next_to_none_costs_next_to_everything() -> None:
    assert epsilon([(Event("gaussian", 1e-4, 0.1), 3)], 1e-5) > 1e8
    assert epsilon([(Event("gaussian", 0.29, 0.5), 3)], 1e-5) > epsilon([(Event("gaussian", 0.31, 0.5), 3)], 1e-5)


def test_noise_is_the_least_that_keeps_the_budget() -> None:
    sigma = noise_for(8.0, 1e-5, sampling=512 / 1437, times=112)
    assert sigma == pytest.approx(2.418, abs=0.002)
    assert epsilon([(Event("gaussian", sigma, 512 / 1437), 112)], 1e-5) <= 8.0
    assert epsilon([(Event("gaussian", sigma - 0.001, 512 / 1437), 112)], 1e-5) > 8.0


@pytest.mark.parametrize(
    "bad", [lambda: Event("gauss", 1.0), lambda: Event("gaussian", 0.0), lambda: Event("gaussian", inf), lambda: Event("laplace", 1, 0.0)]
)
def test_what_has_no_epsilon_is_refused(bad: object) -> None:
    with pytest.raises(BadSpec) as caught:
        bad()  # type: ignore[operator]
    assert caught.value.code == "dp.event"


@pytest.mark.parametrize(("target", "delta"), [(0, 1e-5), (-1, 1e-5), (inf, 1e-5), (1, 0.0), (1, 1.0)])
def test_budgets_that_are_none_are_refused(target: float, delta: float) -> None:
    with pytest.raises(BadSpec):
        analytic_sigma(target, delta)
