"""A graph as bytes and back: how it leaves the process that read somebody's model. Read narrowly: that process may have been taken over."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.homomorphic.graph import ACTIVATIONS, Activation, Add, Affine, Graph, Input, Node, Polynomial
from velatura.homomorphic.packed_arrays import dump_arrays, load_arrays
from velatura.specs import Spec

__all__ = ["dump_graph", "load_graph"]

MOST_ELEMENTS = 1 << 27
"""Of a layer's result."""
Arrays: TypeAlias = Mapping[str, NDArray[Any]]


class _NodeForm(Spec, frozen=True):
    kind: Literal["input", "affine", "polynomial", "activation", "add"]
    name: str
    of: tuple[str, ...]
    shape: tuple[int, ...]
    stride: tuple[int, int] | None = None
    radius: float | None = None
    function: str = ""


class _GraphForm(Spec, frozen=True):
    nodes: tuple[_NodeForm, ...]
    output: str
    left_away: str


def dump_graph(graph: Graph) -> bytes:
    forms: list[_NodeForm] = []
    arrays: dict[str, NDArray[Any]] = {}
    for number, node in enumerate(graph.nodes):
        name, of, shape = node.name, node.of, tuple(int(side) for side in node.shape)
        match node:
            case Input():
                forms.append(_NodeForm("input", name, of, shape))
            case Affine():
                stride = None if node.stride is None else (int(node.stride[0]), int(node.stride[1]))
                forms.append(_NodeForm("affine", name, of, shape, stride=stride))
                matrix = node.matrix
                arrays[f"{number}.weights"], arrays[f"{number}.bias"] = np.asarray(matrix.data, np.float64), np.asarray(node.bias, np.float64)
                arrays[f"{number}.columns"], arrays[f"{number}.starts"] = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
            case Polynomial():
                forms.append(_NodeForm("polynomial", name, of, shape, radius=node.radius))
                arrays[f"{number}.coefficients"] = np.asarray(node.coefficients, np.float64)
            case Activation():
                forms.append(_NodeForm("activation", name, of, shape, function=node.kind))
            case Add():
                forms.append(_NodeForm("add", name, of, shape))
    return dump_arrays(_GraphForm(tuple(forms), graph.output, graph.left_away), arrays)


def load_graph(raw: bytes | memoryview) -> Graph:
    """What `dump_graph` wrote; every figure is looked at.

    Raises:
        BadInput: `he.artefact` (as `load_arrays`), `he.model`.
    """
    form, arrays = load_arrays(raw, _GraphForm)
    made: dict[str, Node] = {}
    for number, node in enumerate(form.nodes):
        sizes = [made[name].size for name in node.of if name in made]
        size = prod(node.shape)
        known = len(sizes) == len(node.of) and node.name not in made and (node.kind == "input") == (number == 0)
        if not known or min(node.shape, default=0) < 1 or size > MOST_ELEMENTS:
            raise _refused(node.name)
        try:
            made[node.name] = _node(node, size, sizes, {part: arrays[f"{number}.{part}"] for part in PARTS[node.kind]})
        except KeyError:
            raise _refused(node.name) from None
    if form.output not in made:
        raise _refused(form.output)
    return Graph(tuple(made.values()), form.output, form.left_away)


PARTS: Mapping[str, tuple[str, ...]] = {
    "input": (),
    "affine": ("weights", "bias", "columns", "starts"),
    "polynomial": ("coefficients",),
    "activation": (),
    "add": (),
}


def _node(form: _NodeForm, size: int, sizes: list[int], arrays: Arrays) -> Node:
    same = (form.name, form.of, form.shape)
    match form.kind, sizes:
        case "input", []:
            return Input(*same)
        case "affine", [width]:
            return Affine(*same, _matrix(form.name, size, width, arrays), arrays["bias"], form.stride)
        case "polynomial", [same_size] if same_size == size and _fits(form, arrays["coefficients"], size):
            return Polynomial(*same, arrays["coefficients"], form.radius)
        case "activation", [same_size] if same_size == size and form.function in ACTIVATIONS:
            return Activation(*same, form.function)
        case "add", [one, other] if one == other == size:
            return Add(*same)
    raise _refused(form.name)


def _fits(form: _NodeForm, coefficients: NDArray[Any], size: int) -> bool:
    radius = form.radius is None or form.radius > 0
    return radius and coefficients.dtype == np.float64 and coefficients.ndim == 2 and len(coefficients) > 0 and coefficients.shape[1] in (1, size)


def _matrix(name: str, rows: int, columns: int, arrays: Arrays) -> Any:
    """csr_array, as its users take it: columns in order, no stored zeros."""
    from scipy.sparse import csr_array

    data, indices, starts, bias = (arrays[part] for part in ("weights", "columns", "starts", "bias"))
    kinds = (data.dtype.kind, indices.dtype.kind, starts.dtype.kind, bias.dtype.kind) == ("f", "i", "i", "f")
    shapes = data.shape == indices.shape == (len(data.ravel()),) and starts.shape == (rows + 1,) and bias.shape == (rows,)
    if not kinds or not shapes or starts[0] != 0 or starts[-1] != len(data) or np.any(np.diff(starts) < 0):
        raise _refused(name)
    if len(indices) and (indices.min() < 0 or indices.max() >= columns):
        raise _refused(name)
    matrix = csr_array((data, indices, starts), shape=(rows, columns), copy=True)  # what came is read-only
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def _refused(name: str) -> BadInput:
    return BadInput("he.model", f"what was read of the model makes no sense at {name!r}", hint="export the model again")
