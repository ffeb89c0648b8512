"""The two programs of a softmax head: what they compute, and that nothing in them wraps."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.errors import Unsupported
from velatura.homomorphic.engine import run
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.simulator import Simulator
from velatura.homomorphic.softmax_training import SoftmaxPrograms, chosen_softmax, scores_of, softmax, spread_rows
from velatura.homomorphic.training import Columns


@pytest.mark.parametrize(("features", "samples", "classes"), [(2, 40, 2), (5, 70, 3), (3, 9, 11)])
def test_both_programs_are_their_matrix_products(features: int, samples: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    columns = Columns(128, features, samples)
    made = SoftmaxPrograms.of(columns, classes)
    quiet = Simulator(parameters(8192, [50] * 3, 50))
    of_scores, of_sums = made.plans(quiet.parameters.data, [2.0**30] * made.both.scales)
    x, w, wrong = rng.normal(size=(samples, features)), rng.normal(size=(features, classes)), rng.normal(size=samples)
    inputs = {(0, number): one for number, one in enumerate(columns.pack(x))} | {(1, k): columns.spread(w[:, k]) for k in range(classes)}
    inputs |= {(2, number): one for number, one in enumerate(spread_rows(columns, wrong))}
    given = {key: quiet.encrypt(one[None], 2.0**30) for key, one in inputs.items()}
    scores = np.stack([one.values[0] for one in run(made.scores, of_scores, quiet, given)])
    assert scores_of(columns, classes, scores) == pytest.approx(x @ w)
    (sums,) = run(made.sums, of_sums, quiet, given)
    assert sums.values[0][columns.places[:, 1]] == pytest.approx(x.T @ wrong)


def test_what_is_chosen_is_secure_and_as_exact_as_was_asked() -> None:
    made, found = chosen_softmax(8, 100, 3, norm=4.0, largest=2.0, error=1e-3)
    assert found.error <= 1e-3 and found.spare > 1.5 and not found.parameters.insecure
    assert len(found.parameters.data) == made.both.depth + 1


def test_a_table_that_fits_no_degree_is_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        chosen_softmax(1 << 14, 4, 3, norm=4.0, largest=2.0, error=1e-3)
    assert caught.value.code == "he.table"


def test_a_softmax_of_large_scores_does_not_overflow() -> None:
    assert softmax(np.array([[1000.0, 1000.0], [-1000.0, 0.0]])) == pytest.approx(np.array([[0.5, 0.5], [0.0, 1.0]]))
