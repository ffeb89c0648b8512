"""A small network, compiled once, and what is known of it: for tests of everything that stands behind the compiler."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.sparse import csr_array

from velatura.homomorphic.compile import Options, compile_graph
from velatura.homomorphic.compiled import Compiled
from velatura.homomorphic.flooding import flooding_bits
from velatura.homomorphic.graph import Affine, Graph, Input, Polynomial, evaluate
from velatura.homomorphic.sharing import QUERIES, Sharing

__all__ = ["CALIBRATION", "PUBLIC", "graph", "least", "plain", "small", "small_batch", "small_public"]

INPUTS, HIDDEN, OUTPUTS = 12, 6, 4
CALIBRATION = np.vstack([np.ones(INPUTS), -np.ones(INPUTS), np.random.default_rng(1).uniform(-1, 1, (62, INPUTS))])
PUBLIC = Sharing("public", queries=QUERIES)


@cache
def graph() -> Graph:
    """12 inputs, a dense layer, squares, a dense layer, 4 outputs."""
    rng = np.random.default_rng(0)
    return Graph(
        (
            Input("x", (), (INPUTS,)),
            Affine("dense", ("x",), (HIDDEN,), csr_array(rng.normal(0, 0.4, (HIDDEN, INPUTS))), rng.normal(0, 0.2, HIDDEN)),
            Polynomial("square", ("dense",), (HIDDEN,), np.array([[0.0], [0.0], [1.0]])),
            Affine("scores", ("square",), (OUTPUTS,), csr_array(rng.normal(0, 0.6, (OUTPUTS, HIDDEN))), rng.normal(0, 0.2, OUTPUTS)),
        ),
        "scores",
    )


def plain(x: np.ndarray) -> np.ndarray:
    """The network's scores in float64."""
    return evaluate(graph(), x)["scores"]


@cache
def least() -> Compiled:
    """x + 1: no rotation, no product, milliseconds a run."""
    layer = Affine("a", ("x",), (1,), csr_array(np.ones((1, 1))), np.ones(1))
    return compile_graph(Graph((Input("x", (), (1,)), layer), "a"), CALIBRATION[:, :1], Options(error=1e-2))


@cache
def small() -> Compiled:
    return compile_graph(graph(), CALIBRATION, Options(error=1e-7))


@cache
def small_batch() -> Compiled:
    return compile_graph(graph(), CALIBRATION, Options(layout="batch", error=1e-7))


@cache
def small_public() -> Compiled:
    """With room for flooding."""
    return compile_graph(graph(), CALIBRATION, Options(error=1e-2, flooding_bits=flooding_bits(PUBLIC)))
