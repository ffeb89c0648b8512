"""From an ONNX file to a `Graph`: each node becomes an affine map, a polynomial of what it reads, or a sum; anything else is refused by its name.

A value is a polynomial, element by element, of some node's result, so that w0 + w1 * x + w2 * x * x, however it was written, is one polynomial, and a
scaling costs nothing until something needs its result. The batch is the first dimension and is left away; all other dimensions must be fixed.
Softmax, sigmoid and arg max at the end are left to the owner of the key. Source: ONNX operators, opset 7 to 22.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, Missing, Unsupported
from velatura.homomorphic.graph import ACTIVATIONS, Activation, Add, Affine, Graph, Input, Node, Polynomial
from velatura.homomorphic.outside_weights import Outside, beside_the_model, put_inside

__all__ = [
    "IDENTITY",
    "Constant",
    "Operand",
    "Operator",
    "Tracer",
    "Value",
    "array_of",
    "model_bytes",
    "product",
    "scaled",
    "shifted",
    "trace_onnx",
    "trace_proto",
    "unsupported",
]

Floats: TypeAlias = NDArray[np.float64]
MOST_BYTES = 1 << 30
MOST_DEGREE = 64
MOST_BATCH = 1 << 16
LEAST_OPSET = 7
LAST = frozenset({"Softmax", "LogSoftmax", "ArgMax"})
"""As the last node: the owner of the key does it to what he has decrypted; the label is the same."""
SHAPING = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze"})
INSTEAD: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("MaxPool", "GlobalMaxPool"), "put an average pooling or a stride in its place, and train on")
    | dict.fromkeys(
        ("Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "PRelu", "Selu", "Softplus"), "put SiLU or a square in its place, and train on"
    )
    | dict.fromkeys(
        ("GroupNormalization", "InstanceNormalization", "LayerNormalization"),
        "put a batch normalisation in its place, which costs nothing, and train on",
    )
)
"""Operators that are often met -> what does as well."""
MONOTONE = "sigmoid"
"""So is this activation: a sigmoid above one half is a score above zero, and the polynomial's levels are saved."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is known: an array of any type, the batch dimension (of one) included where it has one."""

    array: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Value:
    """Element by element a polynomial of the node `base`: rows[k] are coefficients of x^k, (1,) or (size,). `shape`: without the batch."""

    base: str
    rows: tuple[Floats, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


Operand: TypeAlias = Constant | Value
IDENTITY = (np.zeros(1), np.ones(1))


def unsupported(node: Any, why: str, hint: str = "") -> Unsupported:
    """The refusal of a node, by its name."""
    name = node.name or (node.output[0] if node.output else "?")
    return Unsupported("he.unsupported-op", f"node {name!r} ({node.op_type}): {why}", hint=hint)


@dataclass(slots=True)
class Tracer:
    """The graph as far as it has been read."""

    nodes: list[Node] = field(default_factory=list)
    named: dict[str, Node] = field(default_factory=dict)
    made: dict[tuple[str, int], tuple[Value, Value]] = field(default_factory=dict)
    """What has been made a node of its own: (base, identity of the rows) -> the value, which keeps the rows alive, and the node's."""

    def put(self, node: Node) -> Value:
        """A node that others may read.

        Raises:
            BadInput: `he.model` where its numbers are not finite, or fewer or more than its shape says.
        """
        if isinstance(node, Affine) and (node.matrix.shape[0] != node.size or node.bias.shape != (node.size,)):
            raise BadInput("he.model", f"node {node.name!r}: weights or bias do not fit its shape {node.shape}", hint="export the model again")
        weights = (node.matrix.data, node.bias) if isinstance(node, Affine) else (node.coefficients,) if isinstance(node, Polynomial) else ()
        if not all(np.all(np.isfinite(one)) for one in weights):
            raise BadInput("he.model", f"node {node.name!r} has a weight that is not finite", hint="train or export the model again")
        self.nodes.append(node)
        self.named[node.name] = node
        return Value(node.name, IDENTITY, node.shape)

    def name(self, wanted: str) -> str:
        """A name that is not taken."""
        name, number = wanted, 1
        while name in self.named:
            name, number = f"{wanted}.{number}", number + 1
        return name

    def realised(self, value: Value, name: str) -> Value:
        """The value as a node of its own, made once."""
        key = (value.base, id(value.rows))
        if key not in self.made:
            self.made[key] = value, self._realised(value, name)
        node = self.made[key][1]
        return Value(node.base, IDENTITY, value.shape)

    def _realised(self, value: Value, name: str) -> Value:
        from scipy.sparse import diags_array

        rows = _trimmed(value.rows)
        if len(rows) == 2 and not np.any(rows[0]) and np.all(rows[1] == 1):
            return Value(value.base, IDENTITY, value.shape)
        if len(rows) <= 2:
            slope = np.broadcast_to(rows[1] if len(rows) == 2 else np.zeros(1), value.size)
            matrix = diags_array(np.ascontiguousarray(slope), format="csr")
            matrix.eliminate_zeros()
            return self.put(Affine(self.name(name), (value.base,), value.shape, matrix, np.broadcast_to(rows[0], value.size).copy()))
        width = max(len(row) for row in rows)
        coefficients = np.stack([np.broadcast_to(row, width) for row in rows])
        return self.put(Polynomial(self.name(name), (value.base,), value.shape, coefficients))

    def affine(self, value: Value, name: str, shape: tuple[int, ...], matrix: Any, bias: Floats, stride: tuple[int, int] | None = None) -> Value:
        """A layer over a value; a value that is a scaling goes into the matrix."""
        source = value
        if len(_trimmed(value.rows)) > 2:
            source = self.realised(value, f"{name}.in")
        elif value.rows is not IDENTITY:
            rows = _trimmed(value.rows)
            bias = bias + matrix @ np.broadcast_to(rows[0], value.size)
            matrix = matrix * np.broadcast_to(rows[1] if len(rows) == 2 else np.zeros(1), value.size)[None, :]
        from scipy.sparse import csr_array

        matrix = csr_array(matrix)
        matrix.eliminate_zeros()
        matrix.sort_indices()
        return self.put(Affine(self.name(name), (source.base,), shape, matrix, np.asarray(bias, np.float64), stride))

    def activation(self, value: Value, name: str, kind: str) -> Value:
        assert kind in ACTIVATIONS, kind
        source = self.realised(value, f"{name}.in")
        return self.put(Activation(self.name(name), (source.base,), value.shape, kind))

    def summed(self, a: Value, b: Value, name: str) -> Value:
        """a + b of two values of one shape."""
        if a.base == b.base:
            return Value(a.base, _sum(a.rows, b.rows), a.shape)
        one, other = self.realised(a, f"{name}.a"), self.realised(b, f"{name}.b")
        return self.put(Add(self.name(name), (one.base, other.base), a.shape))

    def graph(self, output: Value, left_away: str = "") -> Graph:
        """The graph, without nodes that the output does not need."""
        last = self.realised(output, "output")
        node = self.named[last.base]
        if isinstance(node, Activation) and node.kind == MONOTONE and not isinstance(self.named[node.of[0]], Input):
            last, left_away = Value(node.of[0], IDENTITY, last.shape), f"Sigmoid {node.name!r}"
        needed = {last.base}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.of)
        if self.nodes[0].name not in needed:
            raise _constant_output()
        return Graph(tuple(node for node in self.nodes if node.name in needed), last.base, left_away)


def _constant_output() -> Unsupported:
    return Unsupported("he.constant", "the output does not depend on the input", hint="check the exported model")


def product(a: Value, b: Value) -> Value:
    """a * b of two polynomials of one node."""
    rows = [np.zeros(1) for _ in range(len(a.rows) + len(b.rows) - 1)]
    for i, one in enumerate(a.rows):
        for j, other in enumerate(b.rows):
            rows[i + j] = rows[i + j] + one * other
    return Value(a.base, _trimmed(tuple(rows)), a.shape)


def scaled(value: Value, factor: Floats) -> Value:
    """`factor`: (1,) or (size,)."""
    return Value(value.base, tuple(row * factor for row in value.rows), value.shape)


def shifted(value: Value, by: Floats) -> Value:
    return Value(value.base, (value.rows[0] + by, *value.rows[1:]), value.shape)


def _sum(a: tuple[Floats, ...], b: tuple[Floats, ...]) -> tuple[Floats, ...]:
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    return tuple(row + shorter[k] if k < len(shorter) else row for k, row in enumerate(longer))


def _trimmed(rows: tuple[Floats, ...]) -> tuple[Floats, ...]:
    count = len(rows)
    while count > 1 and not np.any(rows[count - 1]):
        count -= 1
    return rows[:count]


def trace_onnx(model: Path | bytes, outside: Outside | None = None) -> Graph:
    """
    Args:
        outside: the file of weights beside the model; without it weights elsewhere are refused.

    Raises:
        BadInput: `he.model` (no ONNX file, too large, weights that are not finite). Unsupported: `he.unsupported-op`, `he.constant`, `he.shape`.
        Missing: `he.onnx`.
    """
    return trace_proto(_loaded(model, outside or Outside()))


def trace_proto(proto: Any) -> Graph:
    """As `trace_onnx`, of an onnx.ModelProto."""
    from velatura.homomorphic.onnx_operators import OPERATORS

    inner = proto.graph
    constants = {one.name: array_of(one) for one in inner.initializer}
    entries = [one for one in inner.input if one.name not in constants]
    if len(entries) != 1 or len(inner.output) != 1:
        raise Unsupported("he.shape", f"the model has {len(entries)} inputs and {len(inner.output)} outputs", hint="one of each")
    batch, shape = _shape(entries[0])
    tracer = Tracer()
    known: dict[str, Operand] = {name: Constant(array) for name, array in constants.items()}
    known[entries[0].name] = tracer.put(Input(tracer.name(entries[0].name or "input"), (), shape))
    for node in inner.node:
        known.update(_applied(tracer, node, known, batch, OPERATORS, final=inner.output[0].name in node.output))
    result = known.get(inner.output[0].name)
    if not isinstance(result, Value):
        raise _constant_output()
    made = next((node for node in inner.node if inner.output[0].name in node.output), None)
    return tracer.graph(result, f"{made.op_type} {made.name!r}" if made is not None and made.op_type in LAST else "")


Operator: TypeAlias = Callable[[Tracer, Any, list[Operand | None], int], Operand]


def _applied(
    tracer: Tracer, node: Any, known: Mapping[str, Operand], batch: int, operators: Mapping[str, Operator], *, final: bool
) -> dict[str, Operand]:
    if node.op_type in LAST and final:
        value = known.get(node.input[0])
        if isinstance(value, Value):
            return {node.output[0]: value}
    alone = known.get(node.input[0]) if final and node.op_type in SHAPING and node.input else None
    if isinstance(alone, Value) and alone.size == 1:  # how many dimensions one number has is nothing to its owner
        return {node.output[0]: alone}
    if node.domain not in ("", "ai.onnx") or node.op_type not in operators:
        hint = INSTEAD.get(node.op_type, "docs/how-to/homomorphic.md lists what is; polynomials and affine layers are")
        raise unsupported(node, "is not computable on ciphertext here", hint)
    missing = [name for name in node.input if name and name not in known]
    if missing:
        raise BadInput("he.model", f"node {node.name!r} reads {missing[0]!r}, which nothing makes", hint="export the model again")
    operands = [known[name] if name else None for name in node.input]
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused where it becomes a weight
            made = operators[node.op_type](tracer, node, operands, batch)
    except (ValueError, IndexError, KeyError, TypeError, ArithmeticError, MemoryError) as error:  # numpy's own words about figures that do not fit
        raise unsupported(node, f"its operands or attributes do not fit each other: {error}", "export the model again") from error
    if isinstance(made, Value) and len(made.rows) - 1 > MOST_DEGREE:
        raise unsupported(node, f"makes a polynomial of degree {len(made.rows) - 1}", f"at most {MOST_DEGREE}")
    return {node.output[0]: made}


def _loaded(model: Path | bytes, outside: Outside) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise Missing("he.onnx", "the package onnx is not installed", hint="pip install 'velatura[he]'") from error
    data = model if isinstance(model, bytes) else model_bytes(model)
    try:
        proto = onnx.load_model_from_string(data)
        put_inside(proto, outside)  # before the checker looks for the files that they name
        onnx.checker.check_model(proto)
    except BadInput:
        raise
    except Exception as error:  # protobuf's and the checker's own errors have no common type
        raise BadInput(
            "he.model",
            f"this is no ONNX model: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            hint="torch.onnx.export makes one",
        ) from error
    opset = max((one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")), default=0)
    if opset < LEAST_OPSET:  # before it, Add and the like took an axis along which to broadcast
        raise Unsupported("he.unsupported-op", f"the model is of ONNX opset {opset}", hint=f"export with opset {LEAST_OPSET} or later")
    return proto


def model_bytes(path: Path) -> bytes:
    """What a model's file holds.

    Raises:
        BadInput: `he.model` where it is no file, cannot be read or is larger than a gigabyte.
    """
    from velatura.files import open_regular

    try:
        with open_regular(path) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadInput("he.model", f"{path} cannot be read: {error.strerror or error}", hint="a file that torch.onnx.export wrote") from error
    if len(data) > MOST_BYTES:
        raise BadInput("he.model", f"{path} is larger than {MOST_BYTES >> 20} MiB", hint="a smaller network")
    return data


def array_of(tensor: Any) -> NDArray[Any]:
    """The numbers of an onnx.TensorProto; float64 for every kind of float."""
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL:  # read before anything else: onnx would open the file that it names, wherever it lies
        raise beside_the_model()
    try:
        array: NDArray[Any] = np.asarray(numpy_helper.to_array(tensor))
        array = array if array.dtype.kind in "iub" else array.astype(np.float64)
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput("he.model", f"weights {tensor.name!r} cannot be read: {error}", hint="export the model again") from error
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise BadInput("he.model", f"weights {tensor.name!r} hold a number that is not finite", hint="train or export the model again")
    return array


def _shape(entry: Any) -> tuple[int, tuple[int, ...]]:
    """The batch (1 where it is free) and the sample's shape."""
    tensor = entry.type.tensor_type
    dims = list(tensor.shape.dim)
    if len(dims) < 2:
        raise Unsupported(
            "he.shape", f"input {entry.name!r} has {len(dims)} dimensions", hint="the first is the batch, at least one more is the sample"
        )
    if tensor.elem_type not in (1, 10, 11):  # float, float16, double
        raise Unsupported("he.shape", f"input {entry.name!r} is not of floating point", hint="export the model with a float input")
    if any(not dim.dim_value for dim in dims[1:]):
        raise Unsupported("he.shape", f"input {entry.name!r} has a dimension that is not fixed, beside the batch", hint="export with fixed sizes")
    shape = tuple(int(dim.dim_value) for dim in dims[1:])
    if np.prod(shape, dtype=np.float64) > 1 << 24 or min(shape) < 1:
        raise Unsupported("he.shape", f"input {entry.name!r} has {np.prod(shape, dtype=np.float64):.3g} elements", hint="a smaller input")
    batch = int(dims[0].dim_value)
    if not 0 <= batch <= MOST_BATCH:
        raise Unsupported("he.shape", f"input {entry.name!r} is a batch of {batch}", hint="export with a free batch, or with one sample")
    return batch or 1, shape
