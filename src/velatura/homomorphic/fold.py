"""Folding: what costs a level as written and none when it is put into its neighbours.

Scalings and batch normalisation go into the matrices beside them, two affine maps become one where that saves weights, a polynomial of degree two
becomes the square of a shifted layer, and a pooling keeps weights of one, so that the layout can do it with additions alone. Each pass leaves every
output as it was, up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import numpy as np

from velatura.errors import Unsupported
from velatura.homomorphic.graph import Add, Affine, Floats, Graph, Node, Polynomial

__all__ = ["fold"]

MOST_SHIFT = 2.0**20
"""Beyond it a square and the constant behind it would cancel to so few digits that the level is better spent."""


def fold(graph: Graph) -> Graph:
    """The same function in fewer levels.

    Raises:
        Unsupported: `he.constant` where a layer's weights are all zero.
    """
    _refuse_constants(graph)
    changed = True
    while changed:
        changed = False
        for one in (_identities, _sums, _products):
            made = one(graph)
            if made is not None:
                graph, changed = made, True
                break
    _refuse_constants(graph)  # what a sum or a product has made
    return _unit_poolings(_squares(graph))


def _refuse_constants(graph: Graph) -> None:
    for node in graph:
        if isinstance(node, Affine) and not node.matrix.nnz:
            raise Unsupported(
                "he.constant", f"node {node.name!r} has no weight that is not zero", hint="its output does not depend on the input: check the model"
            )


def _identities(graph: Graph) -> Graph | None:
    """A map that changes nothing."""
    for node in graph:
        if isinstance(node, Affine) and node.name != graph.output and not np.any(node.bias) and _is_diagonal(node) and np.all(node.matrix.data == 1):
            return _without(graph, {node.name: node.of[0]})
    return None


def _sums(graph: Graph) -> Graph | None:
    """The sum of two affine maps of one value, or of a value and an affine map of it."""
    from scipy.sparse import eye_array

    for node in graph:
        if not isinstance(node, Add):
            continue
        parts = [graph[name] for name in node.of]
        alone = [isinstance(one, Affine) and len(graph.readers(one.name)) == 1 and one.name != graph.output for one in parts]
        bases = [one.of[0] if own else one.name for one, own in zip(parts, alone, strict=True)]
        if bases[0] != bases[1] or not any(alone):
            continue
        matrices = [
            one.matrix if own and isinstance(one, Affine) else eye_array(node.size, format="csr") for one, own in zip(parts, alone, strict=True)
        ]
        bias = sum((one.bias for one, own in zip(parts, alone, strict=True) if own and isinstance(one, Affine)), np.zeros(node.size))
        stride = next((one.stride for one in parts if isinstance(one, Affine) and one.stride), None)
        merged = Affine(node.name, (bases[0],), node.shape, _csr(matrices[0] + matrices[1]), bias, stride)
        return _replaced(graph, {node.name: merged}, gone={one.name for one, own in zip(parts, alone, strict=True) if own})
    return None


def _products(graph: Graph) -> Graph | None:
    """Two affine maps, one after the other, that are no more weights as one."""
    for node in graph:
        if not isinstance(node, Affine):
            continue
        before = graph[node.of[0]]
        if not isinstance(before, Affine) or len(graph.readers(before.name)) > 1 or before.name == graph.output:
            continue
        most = node.matrix.nnz + before.matrix.nnz
        if not (_is_diagonal(node) or _is_diagonal(before)) and _least_entries(node, before) > most:
            continue
        product = _csr(node.matrix @ before.matrix)
        if product.nnz > most:
            continue
        stride = before.stride if _is_diagonal(node) else node.stride if _is_diagonal(before) else None
        merged = Affine(node.name, before.of, node.shape, product, node.bias + node.matrix @ before.bias, stride)
        return _replaced(graph, {node.name: merged}, gone={before.name})
    return None


def _squares(graph: Graph) -> Graph:
    """a + b x + c x^2 = sign(c) (sqrt|c| x + sqrt|c| b / 2c)^2 + a - b^2 / 4c: the inner part moves into the layer before, the rest behind."""
    for node in graph.nodes:
        if not isinstance(node, Polynomial) or node.radius is not None or node.degree != 2:
            continue
        before = graph[node.of[0]]
        a, b, c = (np.broadcast_to(row, node.size) for row in node.coefficients)
        if not isinstance(before, Affine) or len(graph.readers(before.name)) > 1 or before.name == graph.output or np.any(c == 0):
            continue
        readers = graph.readers(node.name)
        inside = bool(readers) and node.name != graph.output and all(isinstance(one, Affine) for one in readers)
        if not inside and np.any(c < 0):
            continue
        root, sign, rest = np.sqrt(np.abs(c)), np.sign(c), a - b * b / (4 * c)
        if np.any(np.abs(rest) > MOST_SHIFT * (np.abs(a) + np.abs(b) + np.abs(c))):
            continue
        new: dict[str, Node] = {
            before.name: replace(before, matrix=_csr(before.matrix * root[:, None]), bias=root * (before.bias + b / (2 * c))),
            node.name: replace(node, coefficients=_square(np.zeros(1) if inside else rest)),
        }
        if inside:
            new |= {one.name: _fed(one, sign, rest) for one in readers if isinstance(one, Affine)}
        graph = _replaced(graph, new)
    return graph


def _unit_poolings(graph: Graph) -> Graph:
    """A sum over windows whose weights are equal, row by row: ones here, the factors and the bias in the layers after."""
    for node in graph.nodes:
        current = graph[node.name]
        if not isinstance(current, Affine) or current.name == graph.output:
            continue
        counts = np.diff(current.matrix.indptr)
        readers = graph.readers(current.name)
        if np.any(counts < 2) or not readers or not all(isinstance(one, Affine) for one in readers):
            continue
        weight = current.matrix.data[current.matrix.indptr[:-1]]
        if np.any(current.matrix.data != np.repeat(weight, counts)) or (np.all(weight == 1) and not np.any(current.bias)):
            continue
        ones = current.matrix.copy()
        ones.data = np.ones_like(ones.data)
        fed: dict[str, Node] = {one.name: _fed(one, weight, current.bias) for one in readers if isinstance(one, Affine)}
        graph = _replaced(graph, {current.name: replace(current, matrix=ones, bias=np.zeros(current.size)), **fed})
    return graph


def _fed(node: Affine, factor: Floats, shift: Floats) -> Affine:
    """The layer that is fed x where it was fed factor * x + shift."""
    return replace(node, matrix=_csr(node.matrix * factor[None, :]), bias=node.bias + node.matrix @ shift)


def _square(rest: Floats) -> Floats:
    coefficients = np.zeros((3, len(rest)))
    coefficients[0], coefficients[2] = rest, 1.0
    return coefficients


def _is_diagonal(node: Affine) -> bool:
    matrix = node.matrix
    square = matrix.shape[0] == matrix.shape[1] == matrix.nnz
    return bool(square and np.array_equal(matrix.indices, np.arange(matrix.nnz)))


def _least_entries(node: Affine, before: Affine) -> int:
    """Entries of the product's densest row times the rows that have as many, from a sample: large products are not made to be thrown away."""
    rows = np.linspace(0, node.size - 1, min(8, node.size)).astype(int)
    return int((node.matrix[rows] @ before.matrix).nnz / len(rows) * node.size * 0.5)


def _csr(matrix: Any) -> Any:
    from scipy.sparse import csr_array

    made = csr_array(matrix)
    made.eliminate_zeros()
    made.sort_indices()
    return made


def _replaced(graph: Graph, new: Mapping[str, Node], gone: AbstractSet[str] = frozenset()) -> Graph:
    return Graph(tuple(new.get(node.name, node) for node in graph.nodes if node.name not in gone), graph.output)


def _without(graph: Graph, instead: Mapping[str, str]) -> Graph:
    """Without some nodes; their readers read what these read."""
    nodes = [replace(node, of=tuple(instead.get(name, name) for name in node.of)) for node in graph.nodes if node.name not in instead]
    return Graph(tuple(nodes), graph.output)
