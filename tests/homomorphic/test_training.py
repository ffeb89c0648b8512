"""The program of a training step: what it computes, and that nothing in it wraps."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.errors import Unsupported
from velatura.homomorphic.engine import run
from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.ranges import calibrated
from velatura.homomorphic.simulator import Simulator
from velatura.homomorphic.training import Columns, Odd, chosen, greatest_sum, half_sigmoid, layouts, odd_values, pull, pull_program, pull_ranges

RADIUS, NORM, LARGEST = 8.0, 4.0, 2.0
ODDS = [half_sigmoid(RADIUS, 3), half_sigmoid(RADIUS, 7)]


def table(columns: Columns, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows and weights at the edge of their norms."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(columns.samples, columns.features)), rng.normal(size=columns.features)
    x *= NORM / np.linalg.norm(x, axis=1, keepdims=True)
    return np.clip(x, -LARGEST, LARGEST), w * RADIUS / NORM / np.linalg.norm(w)


def packed(columns: Columns, x: np.ndarray, w: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    return {(0, number): one[None] for number, one in enumerate(columns.pack(x))} | {(1, 0): columns.spread(w / RADIUS)[None]}


@pytest.mark.parametrize("odd", ODDS)
@pytest.mark.parametrize(("features", "samples"), [(1, 5), (2, 64), (5, 100), (8, 33), (31, 7)])
def test_the_program_is_the_sum_over_all_rows(features: int, samples: int, odd: Odd) -> None:
    columns = Columns(128, features, samples)
    program = pull_program(columns, odd)
    x, w = table(columns)
    quiet = Simulator(parameters(8192, [50] * 5, 50, insecure_ok=True))
    planned = plan(program, quiet.parameters.data, [2.0**30] * program.scales)
    result = run(program, planned, quiet, {key: quiet.encrypt(one, 2.0**30) for key, one in packed(columns, x, w).items()})[0].values[0]
    assert result[columns.places[:, 1]] == pytest.approx(pull(x, w[:, None], odd, RADIUS)[:, 0], rel=1e-9, abs=1e-9)
    assert program.depth == (3 if len(odd) == 2 else 4)


@pytest.mark.parametrize("odd", ODDS)
def test_every_value_of_rows_and_weights_at_the_edge_lies_within_what_is_proven(odd: Odd) -> None:
    columns = Columns(128, 5, 100)
    program = pull_program(columns, odd)
    bound = pull_ranges(columns, odd, program, norm=NORM, largest=LARGEST)
    for seed in range(20):
        x, w = table(columns, seed)
        if seed % 2:
            x = np.tile(w / np.linalg.norm(w) * NORM, (len(x), 1))  # every row points where the weights point
            x = x if np.abs(x).max() <= LARGEST else x * LARGEST / np.abs(x).max()
        assert np.all(calibrated(program, packed(columns, x, w), margin=1.0).peak <= bound.peak * (1 + 1e-9))
    assert bound.proven and bound.peak[-1] < 100 * LARGEST  # not so wide that it says nothing


def test_weights_beyond_their_norm_would_pass_the_bound() -> None:
    columns, odd = Columns(128, 5, 100), ODDS[0]
    program = pull_program(columns, odd)
    x, w = table(columns)
    seen = calibrated(program, packed(columns, x, 3 * w), margin=1.0)
    assert np.any(seen.peak > pull_ranges(columns, odd, program, norm=NORM, largest=LARGEST).peak)


def test_the_half_sigmoid_is_near_the_sigmoid_and_odd() -> None:
    u = np.linspace(-1, 1, 101)
    for degree, off in ((3, 0.06), (7, 0.01)):
        odd = half_sigmoid(5.0, degree)
        assert np.max(np.abs(0.5 + odd_values(odd, u) - 1 / (1 + np.exp(-5 * u)))) < off
    a, b = half_sigmoid(5.0, 3)
    assert a / 5 == pytest.approx(0.197, abs=0.02) and b / 125 == pytest.approx(-0.004, abs=0.001)  # Kim et al. 2018


@pytest.mark.parametrize("radius", [1.0, 8.0, 32.0])
def test_no_row_pulls_harder_than_the_greatest_sum_says(radius: float) -> None:
    u = np.linspace(-1, 1, 100_001)
    for degree in (3, 7):
        odd = half_sigmoid(radius, degree)
        seen = np.max(np.abs(odd_values(odd, u)))
        assert seen * (1 - 1e-9) <= greatest_sum(Columns(128, 5, 1), odd, largest=1.0) <= seen * (1 + 1e-6)


def test_the_least_degree_that_will_do_is_chosen_and_spares_bits() -> None:
    columns, program, found = chosen(8, 64, ODDS[0], norm=NORM, largest=LARGEST, error=1e-4)
    assert found.parameters.n == 2 * columns.slots == 8192 and not found.parameters.insecure
    assert found.error < 1e-5 and found.spare >= 2 and len(found.parameters.data) == program.depth + 1


def test_a_table_that_fits_no_degree_is_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        chosen(1 << 14, 4, ODDS[0], norm=NORM, largest=LARGEST, error=1e-4)
    assert caught.value.code == "he.table"


def test_an_error_that_no_degree_reaches_is_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        chosen(3, 20, ODDS[0], norm=NORM, largest=LARGEST, error=1e-30)
    assert caught.value.code == "he.depth"


def test_a_table_with_more_rows_than_a_step_takes_is_refused_at_once() -> None:
    assert layouts(4, 1 << 18)[0].slots == 2048
    with pytest.raises(Unsupported) as caught:
        layouts(5, 1 << 18)
    assert caught.value.code == "he.table"
