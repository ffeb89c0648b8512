"""A network as the compiler sees it: affine maps, polynomials and sums, one sample at a time.

Convolution, dense layer, pooling, batch normalisation, reshaping and summing are one thing here, a sparse matrix and a bias, so that folding two of
them is a product of matrices and every layout finds its rotations from the matrix alone. What a reader calls an activation is an `Activation`
until `fitting` has made it a `Polynomial`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Activation", "Add", "Affine", "Floats", "Graph", "Input", "Node", "Polynomial", "evaluate"]

Floats: TypeAlias = NDArray[np.float64]
Sparse: TypeAlias = Any
"""scipy.sparse.csr_array of float64 (scipy is imported by those who make one)."""


@dataclass(frozen=True, slots=True)
class Node:
    """`name`: the node's name in the model, for messages. `of`: names of the nodes it reads. `shape`: of one sample, without the batch."""

    name: str
    of: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Input(Node):
    """What the client encrypts; `of` is empty."""


@dataclass(frozen=True, slots=True)
class Affine(Node):
    """y = matrix @ x + bias over the flattened sample (row-major).

    Args:
        matrix: csr_array (size, size of what it reads), float64.
        bias: (size,).
        stride: rows and columns between two windows, where this came from windows over a picture (convolution, pooling): a hint for placement only.
    """

    matrix: Sparse
    bias: Floats
    stride: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Polynomial(Node):
    """Element by element.

    Args:
        coefficients: (degree + 1, 1) or (degree + 1, size), lowest first.
        radius: None: coefficients of powers of x. Else of Chebyshev polynomials T_k(x / radius), good for |x| <= radius only.
    """

    coefficients: Floats
    radius: float | None = None

    @property
    def degree(self) -> int:
        return len(self.coefficients) - 1


@dataclass(frozen=True, slots=True)
class Activation(Node):
    """`kind`: of `ACTIVATIONS`: not computable on ciphertext before `fitting`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Add(Node):
    """The sum of the two nodes it reads (a residual)."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in an order in which each comes after what it reads; the first is the `Input`, `output` names the result.

    `left_away`: what the model does after it and the owner of the key has to do himself, where he wants it (a softmax); told in the report.
    """

    nodes: tuple[Node, ...]
    output: str
    left_away: str = ""

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def readers(self, name: str) -> tuple[Node, ...]:
        """Those that read a node."""
        return tuple(node for node in self.nodes if name in node.of)

    @property
    def input(self) -> Input:
        first = self.nodes[0]
        assert isinstance(first, Input), "a graph begins with its input"
        return first


def evaluate(graph: Graph, x: Floats) -> Mapping[str, Floats]:
    """Each node's values in float64: name -> (batch, size). `x`: (batch, size of the input)."""
    values: dict[str, Floats] = {}
    for node in graph:
        match node:
            case Input():
                values[node.name] = np.asarray(x, np.float64).reshape(len(x), node.size)
            case Affine():
                values[node.name] = (node.matrix @ values[node.of[0]].T).T + node.bias
            case Polynomial():
                values[node.name] = polynomial(node, values[node.of[0]])
            case Activation():
                values[node.name] = ACTIVATIONS[node.kind](values[node.of[0]])
            case Add():
                values[node.name] = values[node.of[0]] + values[node.of[1]]
    return values


def polynomial(node: Polynomial, x: Floats) -> Floats:
    """A polynomial's values; x (batch, size)."""
    rows = [np.broadcast_to(row, x.shape[1:]) for row in node.coefficients]
    if node.radius is None:
        result = np.zeros_like(x)
        for row in reversed(rows):
            result = result * x + row
        return result
    z = x / node.radius  # Clenshaw's recurrence
    after: Floats = np.zeros_like(x)
    now: Floats = np.zeros_like(x)
    for row in reversed(rows[1:]):
        now, after = row + 2 * z * now - after, now
    return rows[0] + z * now - after


def _sigmoid(x: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(x / 2))


def _gelu(x: Floats) -> Floats:
    from scipy.special import ndtr

    result: Floats = x * ndtr(x)
    return result


def _gelu_tanh(x: Floats) -> Floats:
    result: Floats = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return result


def _erf(x: Floats) -> Floats:
    from scipy.special import erf

    result: Floats = erf(x)
    return result


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "silu": lambda x: x * _sigmoid(x),
    "gelu": _gelu,
    "gelu-tanh": _gelu_tanh,
    "erf": _erf,
}
"""The functions that `fitting` approximates."""
