"""Layers that are not rescaled: the same values in fewer levels, at scales that the next product divides."""

from __future__ import annotations

import numpy as np
import pytest
from tests.homomorphic.small_models import CALIBRATION, graph, plain

from velatura.homomorphic.batching import batched
from velatura.homomorphic.compile import Options, compile_graph
from velatura.homomorphic.cost import least_milliseconds
from velatura.homomorphic.engine import run
from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.program import Program, Weigh
from velatura.homomorphic.rescaling import lazily
from velatura.homomorphic.simulator import Simulator

SLOTS = 64


def variants() -> list[Program]:
    return list(lazily(batched(graph(), SLOTS)))


def test_from_all_layers_to_none_in_order_of_their_price() -> None:
    found = variants()
    assert [one.depth for one in found] == [1, 2, 3]  # dense, square, dense: the square alone; with the first layer; all
    assert [least_milliseconds(one) for one in found] == sorted(least_milliseconds(one) for one in found)
    assert found[-1] == batched(graph(), SLOTS)
    assert all(not step.lazy for step in found[-1].steps if isinstance(step, Weigh))


@pytest.mark.parametrize(
    ("number", "bits", "scales"),
    [(0, [50, 40], [2.0**20, 2.0**38, 2.0**46]), (1, [50, 30, 30], [2.0**24, 2.0**26, 2.0**40]), (2, [40, 26, 26, 26], [2.0**24, 2.0**25, 2.0**26])],
)
def test_each_gives_the_same_values(number: int, bits: list[int], scales: list[float]) -> None:
    program = variants()[number]
    chosen = parameters(8192, bits, 50, insecure_ok=True)  # fewer slots do where nothing is rotated
    planned = plan(program, chosen.data, scales)
    x = CALIBRATION[:SLOTS]
    simulator = Simulator(chosen, np.random.default_rng(0))
    outputs = run(program, planned, simulator, {(0, k): simulator.encrypt(x[:, k], scales[0]) for k in range(x.shape[1])})
    assert {planned.level[ref] for ref in program.outputs} == {1}
    assert np.allclose(np.stack([one.values for one in outputs], axis=1), plain(x), atol=2e-2)


def test_the_fewest_primes_whose_error_is_small_enough_are_taken() -> None:
    coarse, fine = (compile_graph(graph(), CALIBRATION, Options(layout="batch", error=error)) for error in (1e-3, 1e-8))
    assert len(coarse.parameters.data) < len(fine.parameters.data)
    assert fine.report["predicted_error"] <= 1e-8 < coarse.report["predicted_error"] <= 1e-3
    assert coarse.report["predicted_ms"] < fine.report["predicted_ms"]
