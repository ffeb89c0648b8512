"""An exported torch program as an ONNX model, from where it goes the one way that there is.

torch.export leaves calls of torch's own operators (ATen). Each of those that a trace knows is written as one or two ONNX nodes; whatever only gives
elements another shape takes the shape that torch recorded. ATen's defaults are those of its schema, native_functions.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import Unsupported

__all__ = ["Call", "Exported", "Name", "onnx_of"]

Shape: TypeAlias = tuple[int | None, ...]
"""None: free."""


@dataclass(frozen=True, slots=True)
class Name:
    """A tensor, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `target`: aten.conv2d.default and the like; `arguments` by their names in the schema, those left out have its defaults."""

    name: str
    target: str
    arguments: Mapping[str, Any]

    @property
    def operator(self) -> str:
        parts = self.target.split(".")
        return parts[1] if parts[0] == "aten" and len(parts) > 1 else ""


@dataclass(frozen=True, slots=True)
class Exported:
    """A program of one input and one output. `tensors`: weights by name; `shapes`: of every tensor, the batch first."""

    calls: tuple[Call, ...]
    tensors: Mapping[str, NDArray[Any]]
    input: str
    output: str
    shapes: Mapping[str, Shape]


def refused(call: Call, why: str, hint: str = "") -> Unsupported:
    return Unsupported("he.unsupported-op", f"node {call.name!r} ({call.target}): {why}", hint=hint)


def onnx_of(program: Exported) -> Any:
    """The onnx.ModelProto.

    Raises:
        Unsupported: `he.unsupported-op` with the call's name.
    """
    from onnx import TensorProto, helper, numpy_helper

    writer = _Writer(program)
    for call in program.calls:
        if call.operator not in LEFT_AWAY:
            _write(writer, call)
    dims = ["batch" if size is None and axis == 0 else size for axis, size in enumerate(program.shapes[program.input])]
    constants = {**program.tensors, **writer.constants}
    graph = helper.make_graph(
        writer.nodes,
        "exported",
        [helper.make_tensor_value_info(program.input, TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info(program.output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def _write(writer: _Writer, call: Call) -> None:
    if call.operator not in ATEN:
        aliased = call.operator.endswith("_") and call.operator[:-1] in ATEN
        hint = (
            "model.eval() before the export, and exported.run_decompositions({}) before it is saved"
            if aliased
            else "docs/how-to/homomorphic.md lists what is"
        )
        raise refused(call, "changes a value in place" if aliased else "is not computable on ciphertext here", hint)
    try:
        ATEN[call.operator](writer, call)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:  # a program from a file may say anything
        raise refused(call, f"its arguments do not fit: {error}", "export the model again") from error


@dataclass(slots=True)
class _Writer:
    program: Exported
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def shape(self, call: Call, argument: str = "") -> Shape:
        """Of a tensor that a call reads, or of its result."""
        name = call.arguments[argument].name if argument else call.name
        return self.program.shapes[name]

    def operand(self, call: Call, argument: Any) -> str:
        """The name under which an argument is read; numbers become constants."""
        if argument is None:
            return ""
        if isinstance(argument, Name):
            return argument.name
        name = f"{call.name}.{len(self.constants)}"
        array = np.asarray(argument)
        self.constants[name] = array.astype(np.float64) if array.dtype.kind == "f" else array
        return name

    def put(self, call: Call, op: str, *arguments: Any, out: str = "", **attributes: Any) -> Name:
        from onnx import helper

        made = Name(out or call.name)
        self.nodes.append(helper.make_node(op, [self.operand(call, one) for one in arguments], [made.name], name=call.name, **attributes))
        return made


Handler: TypeAlias = Callable[[_Writer, Call], None]


def _many(given: Any, count: int) -> list[int]:
    """One number for each dimension."""
    numbers = [int(one) for one in (given if isinstance(given, list | tuple) else [given])]
    return numbers * count if len(numbers) == 1 else numbers


def _plain(op: str, *names: str) -> Handler:
    """An operator that is the same in both."""
    return lambda writer, call: void(writer.put(call, op, *(call.arguments.get(name) for name in names)))


def void(_: Name) -> None:
    """For handlers whose result is their node."""


def _scaled_sum(op: str) -> Handler:
    def handler(writer: _Writer, call: Call) -> None:
        other, alpha = call.arguments["other"], call.arguments.get("alpha", 1)
        if alpha != 1:
            other = writer.put(call, "Mul", other, float(alpha), out=f"{call.name}.alpha")
        writer.put(call, op, call.arguments["self"], other)

    return handler


def _reshaped(writer: _Writer, call: Call) -> None:
    shape = writer.shape(call)
    if None in shape[1:]:
        raise refused(call, "has a dimension that is not fixed, beside the batch", "export with fixed sizes")
    writer.put(call, "Reshape", call.arguments["self"], np.array([0 if size is None else size for size in shape], np.int64))


def _transposed(writer: _Writer, call: Call) -> None:
    rank, given = len(writer.shape(call, "self")), call.arguments
    order = list(range(rank))
    if call.operator == "permute":
        order = [int(axis) % rank for axis in given["dims"]]
    else:
        a, b = (int(given.get(name, default)) % rank for name, default in (("dim0", 0), ("dim1", 1)))
        order[a], order[b] = order[b], order[a]
    writer.put(call, "Transpose", given["self"], perm=order)


def _linear(writer: _Writer, call: Call) -> None:
    given = call.arguments
    writer.put(call, "Gemm", given["input"], given["weight"], given.get("bias"), transB=1)


def _addmm(writer: _Writer, call: Call) -> None:
    given = call.arguments
    alpha, beta = float(given.get("alpha", 1)), float(given.get("beta", 1))
    writer.put(call, "Gemm", given["mat1"], given["mat2"], given["self"], alpha=alpha, beta=beta)


def _convolution(writer: _Writer, call: Call) -> None:
    given = call.arguments
    if given.get("transposed"):
        raise refused(call, "is a transposed convolution")
    rank = len(writer.shape(call, "weight")) - 2
    padding = given.get("padding", 0)
    pads = {"auto_pad": {"same": "SAME_UPPER"}.get(padding, "VALID")} if isinstance(padding, str) else {"pads": _many(padding, rank) * 2}
    strides, dilations = _many(given.get("stride", 1), rank), _many(given.get("dilation", 1), rank)
    group = int(given.get("groups", 1))
    writer.put(call, "Conv", given["input"], given["weight"], given.get("bias"), strides=strides, dilations=dilations, group=group, **pads)


def _batch_norm(writer: _Writer, call: Call) -> None:
    given = call.arguments
    mean, variance = given.get("running_mean"), given.get("running_var")
    if given.get("training") or mean is None or variance is None:
        raise refused(call, "is in training mode: it would look at other samples", "model.eval() before the export")
    ones = np.ones([size or 1 for size in writer.program.shapes[mean.name]])
    weight, bias = given.get("weight"), given.get("bias")
    statistics = (ones if weight is None else weight, 0 * ones if bias is None else bias, mean, variance)
    writer.put(call, "BatchNormalization", given["input"], *statistics, epsilon=float(given.get("eps", 1e-5)))


def _average(writer: _Writer, call: Call) -> None:
    given = call.arguments
    if given.get("divisor_override") is not None:
        raise refused(call, "divides by a number of its own")
    rank = len(writer.shape(call, "self")) - 2
    kernel = _many(given["kernel_size"], rank)
    strides, pads = _many(given.get("stride") or kernel, rank), _many(given.get("padding", 0), rank) * 2
    ceiling, counted = int(given.get("ceil_mode", False)), int(given.get("count_include_pad", True))
    writer.put(call, "AveragePool", given["self"], kernel_shape=kernel, strides=strides, pads=pads, ceil_mode=ceiling, count_include_pad=counted)


def _adaptive(writer: _Writer, call: Call) -> None:
    size = writer.shape(call, "self")[2:]
    wanted = _many(call.arguments["output_size"], len(size))
    if any(have is None or not want or have % want for have, want in zip(size, wanted, strict=True)):
        raise refused(call, f"pools {size} to {wanted}: windows of different sizes", "an output size that divides the input's")
    kernel = [int(have or 1) // want for have, want in zip(size, wanted, strict=True)]
    writer.put(call, "AveragePool", call.arguments["self"], kernel_shape=kernel, strides=kernel)


def _reduced(op: str) -> Handler:
    def handler(writer: _Writer, call: Call) -> None:
        dims, keep = call.arguments.get("dim"), int(call.arguments.get("keepdim", False))
        if not dims and dims != 0:
            raise refused(call, "sums over the batch", "name the dimensions, without the first")
        writer.put(call, op, call.arguments["self"], np.array(_many(dims, 1), np.int64), keepdims=keep)

    return handler


def _silu(writer: _Writer, call: Call) -> None:
    x = call.arguments["self"]
    writer.put(call, "Mul", x, writer.put(call, "Sigmoid", x, out=f"{call.name}.gate"))


def _dropout(writer: _Writer, call: Call) -> None:
    if call.arguments.get("train"):
        raise refused(call, "is in training mode", "model.eval() before the export")
    writer.put(call, "Identity", call.arguments["input"])


def _same(writer: _Writer, call: Call) -> None:
    kind = call.arguments.get("dtype")
    if kind is not None and kind not in FLOATS and "float" not in str(kind):
        raise refused(call, "turns values into whole numbers")
    writer.put(call, "Identity", call.arguments["self"])


def _cat(writer: _Writer, call: Call) -> None:
    writer.put(call, "Concat", *call.arguments["tensors"], axis=int(call.arguments.get("dim", 0)))


def _slice(writer: _Writer, call: Call) -> None:
    given = call.arguments
    start, end = given.get("start"), given.get("end")
    bounds = (0 if start is None else start, 2**62 if end is None else end, given.get("dim", 0), given.get("step", 1))
    writer.put(call, "Slice", given["self"], *(np.array([int(one)], np.int64) for one in bounds))


def _select(writer: _Writer, call: Call) -> None:
    given = call.arguments
    writer.put(call, "Gather", given["self"], np.array(int(given["index"]), np.int64), axis=int(given["dim"]))


def _padded(writer: _Writer, call: Call) -> None:
    """torch lists pads from the last dimension on, (before, after) each."""
    given = call.arguments
    if given.get("mode", "constant") != "constant":
        raise refused(call, f"pads by {given['mode']}", "zeros or another number")
    pads, rank = _many(given["pad"], 1), len(writer.shape(call, "self"))
    axes = [rank - 1 - number for number in range(len(pads) // 2)]
    writer.put(call, "Pad", given["self"], np.array(pads[0::2] + pads[1::2], np.int64), float(given.get("value") or 0.0), np.array(axes, np.int64))


def _last(op: str) -> Handler:
    return lambda writer, call: void(writer.put(call, op, call.arguments["self"]))


def _divided(writer: _Writer, call: Call) -> None:
    if call.arguments.get("rounding_mode") is not None:
        raise refused(call, "rounds")
    writer.put(call, "Div", call.arguments["self"], call.arguments["other"])


FLOATS = (6, 7, 8, 13)
"""torch's numbers of half, float, double and bfloat16, as files have them."""
LEFT_AWAY = frozenset({"sym_size", "_assert_tensor_metadata", "_assert_scalar", "_assert_async"})
ATEN: dict[str, Handler] = {
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"), _reshaped),
    **dict.fromkeys(("permute", "transpose", "t"), _transposed),
    **dict.fromkeys(("conv1d", "conv2d", "convolution"), _convolution),
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), _average),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d"), _adaptive),
    **dict.fromkeys(("detach", "detach_", "alias", "clone", "contiguous", "lift_fresh_copy", "to", "_to_copy"), _same),
    **dict.fromkeys(("softmax", "_softmax"), _last("Softmax")),
    **dict.fromkeys(("log_softmax", "_log_softmax"), _last("LogSoftmax")),
    **dict.fromkeys(("constant_pad_nd", "pad"), _padded),
    "argmax": _last("ArgMax"),
    "linear": _linear,
    "addmm": _addmm,
    "mm": _plain("MatMul", "self", "mat2"),
    "matmul": _plain("MatMul", "self", "other"),
    "add": _scaled_sum("Add"),
    "sub": _scaled_sum("Sub"),
    "mul": _plain("Mul", "self", "other"),
    "div": _divided,
    "neg": _plain("Neg", "self"),
    "pow": _plain("Pow", "self", "exponent"),
    "square": _plain("Mul", "self", "self"),
    "rsub": lambda writer, call: void(writer.put(call, "Sub", call.arguments["other"], call.arguments["self"])),
    "relu": _plain("Relu", "self"),
    "sigmoid": _plain("Sigmoid", "self"),
    "tanh": _plain("Tanh", "self"),
    "erf": _plain("Erf", "self"),
    "gelu": lambda writer, call: void(writer.put(call, "Gelu", call.arguments["self"], approximate=str(call.arguments.get("approximate", "none")))),
    "silu": _silu,
    "dropout": _dropout,
    "mean": _reduced("ReduceMean"),
    "sum": _reduced("ReduceSum"),
    "cat": _cat,
    "slice": _slice,
    "select": _select,
    "getitem": _same,
}
"""ATen's operator, without overload -> how it is written."""
