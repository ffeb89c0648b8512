"""Fitted activations keep their error, and what needs too many levels is refused with a recipe."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from velatura.errors import Unsupported
from velatura.homomorphic.fitting import fit, interpolant, least_degree
from velatura.homomorphic.graph import ACTIVATIONS, Activation, Affine, Graph, Input, Polynomial, evaluate

TABLE = {
    "sigmoid": ((4, 5, 9), (8, 11, 17), (16, 21, 33)),
    "silu": ((4, 8, 10), (8, 14, 20), (16, 28, 38)),
    "gelu": ((4, 10, 14), (8, 18, 26), (16, 38, 50)),
    "tanh": ((4, 13, 19), (8, 25, 37), (16, 49, 73)),
}
"""Kind -> (radius, degree for an error of 1e-2, for 1e-3), of Chebyshev interpolants; found once by a program of its own."""


def network(kind: str, seed: int = 0) -> tuple[Graph, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = Affine("dense", ("x",), (6,), csr_array(rng.normal(0, 0.7, (6, 5))), rng.normal(0, 0.3, 6))
    last = Affine("out", ("act",), (2,), csr_array(rng.normal(0, 0.5, (2, 6))), np.zeros(2))
    return Graph((Input("x", (), (5,)), first, Activation("act", ("dense",), (6,), kind), last), "out"), rng.normal(0, 1, (200, 5))


@pytest.mark.parametrize("kind", TABLE)
def test_degrees_are_those_of_the_table(kind: str) -> None:
    for radius, coarse, fine in TABLE[kind]:
        assert least_degree(ACTIVATIONS[kind], radius, 1e-2, 80) == coarse
        assert least_degree(ACTIVATIONS[kind], radius, 1e-3, 80) == fine


def test_relu_needs_so_many_degrees_that_it_is_another_matter() -> None:
    relu = ACTIVATIONS["relu"]
    assert [least_degree(relu, radius, 1e-1, 60) for radius in (4, 8, 16)] == [12, 24, 48]
    assert least_degree(relu, 4, 1e-2, 100) is None


@pytest.mark.parametrize("kind", ["sigmoid", "tanh", "silu", "gelu", "erf"])
def test_a_fitted_network_is_as_near_as_was_asked(kind: str) -> None:
    graph, x = network(kind)
    made, (told,) = fit(graph, x, error=1e-3)
    before, after = evaluate(graph, x), evaluate(made, x)
    seen = np.abs(before["dense"]).max()
    assert told.radius == pytest.approx(1.1 * seen)
    assert (told.node, told.kind) == ("act", kind)
    worst = np.abs(after["act"] - before["act"]).max()
    assert worst <= 1.001 * told.error  # which is measured at some thousand points
    assert told.error <= 1e-3 * np.abs(before["act"]).max()
    polynomial = made["act"]
    assert isinstance(polynomial, Polynomial)
    assert (polynomial.degree, polynomial.radius) == (told.degree, told.radius)
    less = interpolant(ACTIVATIONS[kind], told.radius, told.degree - 1)
    z = np.linspace(-1, 1, 2001)
    assert np.abs(np.polynomial.chebyshev.chebval(z, less) - ACTIVATIONS[kind](told.radius * z)).max() > 1e-3 * np.abs(before["act"]).max()


def test_ranges_of_later_layers_are_those_behind_fitted_ones() -> None:
    graph, x = network("silu")
    nodes = (*graph.nodes[:-1], Affine("more", ("act",), (6,), csr_array(np.eye(6)), np.zeros(6)), Activation("last", ("more",), (6,), "tanh"))
    made, (first, second) = fit(Graph(nodes, "last"), x, error=0.05)
    assert first.node == "act"
    assert second.radius == pytest.approx(1.1 * np.abs(evaluate(made, x)["more"]).max())
    assert not any(isinstance(node, Activation) for node in made)


def test_relu_is_refused_with_range_degree_and_what_to_train() -> None:
    graph, x = network("relu")
    with pytest.raises(Unsupported, match=r"'act': relu on \[-.*\] needs .*degree") as refusal:
        fit(graph, x, error=1e-3)
    assert refusal.value.code == "he.activation"
    assert "x^2" in refusal.value.hint
    assert "SiLU" in refusal.value.hint
    _, (told,) = fit(graph, x, error=0.1)
    assert told.degree <= 31


def test_an_activation_that_is_fed_nothing_but_zeros_is_fitted_at_zero() -> None:
    graph, x = network("tanh")
    dead = Affine("dense", ("x",), (6,), csr_array((6, 5)), np.zeros(6))
    made, _ = fit(Graph((graph.nodes[0], dead, *graph.nodes[2:]), "out"), x)
    np.testing.assert_allclose(evaluate(made, x)["act"], 0, atol=1e-6)
