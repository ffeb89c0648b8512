"""The cheapest matching, against scipy and against all permutations."""

from __future__ import annotations

import subprocess
import sys
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from velatura.detect.assign import FORBIDDEN, assign

COSTS = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.one_of(st.floats(0, 3, width=32), st.just(np.inf)))
)


def total(cost: np.ndarray, pairs: list[tuple[int, int]]) -> tuple[int, float]:
    return -len(pairs), float(sum(cost[a, b] for a, b in pairs))


@given(COSTS)
def test_as_many_pairs_as_scipy_and_as_cheap(cost: np.ndarray) -> None:
    theirs = zip(*linear_sum_assignment(np.where(np.isfinite(cost), cost, FORBIDDEN)), strict=True)
    wanted = total(cost, [(a, b) for a, b in theirs if np.isfinite(cost[a, b])])
    mine = assign(cost)
    assert total(cost, mine) == pytest.approx(wanted)
    assert len({a for a, _ in mine}) == len({b for _, b in mine}) == len(mine)
    assert all(np.isfinite(cost[a, b]) for a, b in mine)


def test_the_best_of_all_permutations() -> None:
    cost = np.random.default_rng(0).random((5, 7))
    best = min(sum(cost[i, p[i]] for i in range(5)) for p in permutations(range(7), 5))
    assert sum(cost[a, b] for a, b in assign(cost)) == pytest.approx(best)


def test_a_crowd_goes_to_scipy_with_the_same_result() -> None:
    cost = np.random.default_rng(1).random((60, 90))
    rows, columns = linear_sum_assignment(cost)
    assert assign(cost) == list(zip(rows.tolist(), columns.tolist(), strict=True))


def test_a_crowd_loads_no_more_of_scipy_than_it_needs() -> None:
    code = (
        "import sys, numpy as np; from velatura.detect.assign import assign\n"
        "assert len(assign(np.random.default_rng(1).random((60, 90)))) == 60\n"
        "print([name for name in sys.modules if name.startswith('scipy') and name != 'scipy.optimize._lsap'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_nothing_to_pair() -> None:
    assert assign(np.full((3, 2), np.inf)) == []
    assert assign(np.zeros((0, 4))) == []
