"""Activations as polynomials: the best of their degree over the range that the calibration reaches, of the least degree that is good enough.

The best has an error that reaches its greatest size degree + 2 times with changing sign (Chebyshev). Remez' exchange finds it: the polynomial whose
error alternates at so many points, then the points where its error is greatest in their place (Powell, Approximation Theory and Methods, chapter 9).
In Chebyshev's basis the equations are well conditioned; it begins at the extrema of T_(degree + 1), where an interpolant is within a factor of two to
four of the best already (Trefethen, Approximation Theory and Approximation Practice, theorem 16.1).
Outside its range such a polynomial explodes; the range proof and the client's bounds are what keeps values inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from velatura.errors import Unsupported
from velatura.homomorphic.graph import ACTIVATIONS, Activation, Floats, Graph, Polynomial, evaluate

__all__ = ["Fitted", "best", "deviation", "fit", "interpolant", "least_degree"]

MARGIN = 1.1
_FINE, _EXCHANGES = 32, 30
"""Points of the grid between two alternations; rounds."""
MOST_DEGREE = 31
"""Depth 5. More levels than that belong to engines that can refresh ciphertexts."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What became of an activation: the range [-radius, radius], the polynomial's degree and its greatest error there."""

    node: str
    kind: str
    radius: float
    degree: int
    error: float


def fit(
    graph: Graph, calibration: Floats, *, error: float = 1e-2, margin: float = MARGIN, most_degree: int = MOST_DEGREE
) -> tuple[Graph, list[Fitted]]:
    """The graph with polynomials for activations.

    Args:
        calibration: (samples, elements of the input).
        error: greatest deviation, relative to the greatest value that the activation takes on the samples.
        margin: the range is so many times the greatest value that was seen.

    Raises:
        Unsupported: `he.activation` where no degree up to `most_degree` will do, with what to train instead.
    """
    fitted: list[Fitted] = []
    for node in graph.nodes:
        if not isinstance(node, Activation):
            continue
        seen = evaluate(graph, calibration)  # what is fitted changes what comes after it
        x = seen[node.of[0]]
        radius = margin * max(float(np.max(np.abs(x))), 1e-6)
        function = ACTIVATIONS[node.kind]
        wanted = error * max(float(np.max(np.abs(function(x)))), 1e-12)
        degree = least_degree(function, radius, wanted, most_degree)
        if degree is None:
            raise _refusal(node, radius, function, wanted, most_degree)
        coefficients = best(function, radius, degree)
        fitted.append(Fitted(node.name, node.kind, radius, degree, _error(function, radius, coefficients)))
        made = Polynomial(node.name, node.of, node.shape, coefficients[:, None], radius)
        graph = replace(graph, nodes=tuple(made if one is node else one for one in graph.nodes))
    return graph, fitted


def deviation(exact: Graph, fitted: Graph, x: Floats) -> float:
    """How far polynomials in place of activations bring outputs off: the most over samples (samples, elements), relative to the largest."""
    want, got = evaluate(exact, x)[exact.output], evaluate(fitted, x)[fitted.output]
    return float(np.abs(got - want).max() / max(float(np.abs(got).max()), 1e-300))


def best(function: Callable[[Floats], Floats], radius: float, degree: int) -> Floats:
    """(degree + 1,) coefficients of T_k(x / radius): the greatest error on [-radius, radius] is the least, within a hundredth."""
    z = -np.cos(np.linspace(0, np.pi, _FINE * (degree + 1) + 1))
    wanted, basis = function(radius * z), chebyshev.chebvander(z, degree)
    found = interpolant(function, radius, degree)
    least = float(np.max(np.abs(wanted - basis @ found)))
    points = np.arange(0, len(z), _FINE)
    for _ in range(_EXCHANGES):
        solved = np.linalg.solve(np.column_stack([basis[points], (-1.0) ** np.arange(len(points))]), wanted[points])
        error = wanted - basis @ solved[:-1]
        worst = float(np.max(np.abs(error)))
        if worst < least:
            found, least = solved[:-1], worst
        points = _alternating(error, degree + 2)
        if worst <= 1.005 * abs(solved[-1]) or len(points) < degree + 2:
            break
    return _symmetric(found, wanted)


def _alternating(error: Floats, count: int) -> NDArray[np.int64]:
    """Where the error is greatest between two changes of its sign, `count` of them at most, the smaller end left away first."""
    starts = np.flatnonzero(np.diff(np.sign(error), prepend=0))
    found = [start + int(np.argmax(np.abs(error[start:stop]))) for start, stop in zip(starts, [*starts[1:], len(error)], strict=True)]
    while len(found) > count:
        del found[0 if abs(error[found[0]]) < abs(error[found[-1]]) else -1]
    return np.array(found, np.int64)


def _symmetric(found: Floats, wanted: Floats) -> Floats:
    """An odd function, up to a constant, has no even terms, and an even one no odd ones: without them the error is no greater."""
    middle = wanted[len(wanted) // 2]
    size = 1e-12 * float(np.max(np.abs(wanted)))
    if np.allclose(wanted - middle, (middle - wanted)[::-1], rtol=0, atol=size):
        found[::2] = 0.0
        found[0] = middle
    elif np.allclose(wanted, wanted[::-1], rtol=0, atol=size):
        found[1::2] = 0.0
    return found


def interpolant(function: Callable[[Floats], Floats], radius: float, degree: int) -> Floats:
    """(degree + 1,) coefficients of T_k(x / radius)."""
    points = chebyshev.chebpts1(degree + 1)
    vandermonde = chebyshev.chebvander(points, degree)  # its columns are orthogonal over these points
    made: Floats = vandermonde.T @ function(radius * points)
    made[0] /= degree + 1
    made[1:] /= 0.5 * (degree + 1)
    made[np.abs(made) < 1e-14 * np.max(np.abs(made))] = 0.0  # an odd function has no even terms
    return made


def least_degree(function: Callable[[Floats], Floats], radius: float, error: float, most: int) -> int | None:
    """The least degree whose best polynomial is off by at most `error` on [-radius, radius]; None where it is above `most`."""
    return next((degree for degree in range(1, most + 1) if _error(function, radius, best(function, radius, degree)) <= error), None)


def _error(function: Callable[[Floats], Floats], radius: float, coefficients: Floats) -> float:
    z = np.linspace(-1, 1, 4001)
    return float(np.max(np.abs(chebyshev.chebval(z, coefficients) - function(radius * z))))


def _refusal(node: Activation, radius: float, function: Callable[[Floats], Floats], wanted: float, most: int) -> Unsupported:
    needed = least_degree(function, radius, wanted, 4 * most)
    degree = f"degree {needed}" if needed else f"more than degree {4 * most}"
    return Unsupported(
        "he.activation",
        f"node {node.name!r}: {node.kind} on [-{radius:.3g}, {radius:.3g}] needs {degree} for an error of {wanted:.1e}, and {most} is the most",
        hint="train with a + b x + c x^2 in its place (start at 0.1 + 0.5 x + 0.1 x^2, clip gradients at 1), or with SiLU after a normalisation; "
        "or allow more: --activation-error; if the range is not what it was in training, the calibration is in other units",
    )
