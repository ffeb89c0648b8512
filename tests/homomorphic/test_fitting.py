"""Fitted activations keep their error, and what needs too many levels is refused with a recipe."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from velatura.errors import Unsupported
from velatura.homomorphic.fitting import best, fit, interpolant, least_degree
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


def off(kind: str, radius: float, coefficients: np.ndarray) -> np.ndarray:
    z = np.linspace(-1, 1, 20001)
    return np.polynomial.chebyshev.chebval(z, coefficients) - ACTIVATIONS[kind](radius * z)


@pytest.mark.parametrize("kind", TABLE)
def test_interpolants_need_the_degrees_of_the_table_and_the_best_fewer(kind: str) -> None:
    fewer = 0
    for radius, *degrees in TABLE[kind]:
        for wanted, degree in zip((1e-2, 1e-3), degrees, strict=True):
            assert np.abs(off(kind, radius, interpolant(ACTIVATIONS[kind], radius, degree))).max() <= wanted
            found = least_degree(ACTIVATIONS[kind], radius, wanted, 80)
            assert found is not None and found <= degree
            fewer += degree - found
    assert fewer > 0


@pytest.mark.parametrize("kind", [*TABLE, "relu", "gelu-tanh"])
@pytest.mark.parametrize(("radius", "degree"), [(2.5, 3), (4, 8), (8, 15), (16, 31)])
def test_the_best_polynomial_alternates(kind: str, radius: float, degree: int) -> None:
    found = best(ACTIVATIONS[kind], radius, degree)
    error = off(kind, radius, found)
    worst = np.abs(error).max()
    assert worst <= np.abs(off(kind, radius, interpolant(ACTIVATIONS[kind], radius, degree))).max() * 1.001
    signs = np.sign(error[np.abs(error) > 0.97 * worst])  # Chebyshev: as many turns, and no polynomial of that degree is nearer
    assert np.count_nonzero(np.diff(signs)) >= degree + 1
    if kind in ("sigmoid", "tanh"):
        assert not np.any(found[2::2])


def test_a_polynomial_is_its_own_best() -> None:
    found = best(lambda x: 1 + 2 * x - 0.5 * x**3, 3.0, 5)
    np.testing.assert_allclose(np.polynomial.chebyshev.cheb2poly(found), [1, 6, 0, -13.5, 0, 0], atol=1e-9)


def test_relu_needs_so_many_degrees_that_it_is_another_matter() -> None:
    relu = ACTIVATIONS["relu"]
    assert [least_degree(relu, radius, 1e-1, 60) for radius in (4, 8, 16)] == [6, 12, 24]
    assert least_degree(relu, 4, 1e-2, 50) is None


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
    less = best(ACTIVATIONS[kind], told.radius, told.degree - 1)
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
