"""What each ONNX operator is: on constants numpy, on values an affine map, a polynomial or a sum. Source: ONNX operators, opset 7 to 22.

What moves elements about stands in `onnx_shapes`.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import Any

import numpy as np

from velatura.homomorphic.graph import Activation, Affine, Node
from velatura.homomorphic.onnx_shapes import SHAPES
from velatura.homomorphic.operands import Attributes, Floats, attributes_of, constant_of, name_of, of_constants, spread, value_of, within
from velatura.homomorphic.trace import IDENTITY, Constant, Operand, Operator, Tracer, Value, array_of, product, scaled, shifted, unsupported
from velatura.homomorphic.window_layers import Windows, averaging, convolution

__all__ = ["OPERATORS"]

MOST_POWER = 16
FLOATS = (1, 10, 11, 16)
"""ONNX's numbers of float, float16, double, bfloat16."""


def _add(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    """Add and Sum, which may have more than two operands."""
    if not operands:
        raise unsupported(node, "sums nothing")

    def sum_of(a: Operand | None, b: Operand | None) -> Operand:
        if isinstance(a, Constant) and isinstance(b, Constant):
            return of_constants(node, np.add, a, b)
        if isinstance(a, Value) and isinstance(b, Value):
            if a.shape != b.shape:
                raise unsupported(node, f"values of shapes {a.shape} and {b.shape} are added", "of one shape")
            return tracer.summed(a, b, name_of(node))
        value, summand = (a, b) if isinstance(a, Value) else (value_of(node, b), a)
        return shifted(value, spread(node, constant_of(node, summand, "a summand"), value.shape))

    total = reduce(sum_of, operands)
    assert total is not None
    return total


def _sub(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    return _add(tracer, node, [operands[0], _neg(tracer, node, [operands[1]], batch)], batch)


def _neg(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    return Constant(-operands[0].array) if isinstance(operands[0], Constant) else scaled(value_of(node, operands[0]), -np.ones(1))


def _mul(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    a, b = operands[0], operands[1]
    if isinstance(a, Constant) and isinstance(b, Constant):
        return of_constants(node, np.multiply, a, b)
    if isinstance(a, Value) and isinstance(b, Value):
        made = product(a, b) if a.base == b.base and a.shape == b.shape else _gated(tracer, node, a, b) or _gated(tracer, node, b, a)
        if made is None:
            known = "products of a value with itself, with constants, x * sigmoid(x) and GELU are known"
            raise unsupported(node, "multiplies two different values", known)
        return made
    value, factor = (a, b) if isinstance(a, Value) else (value_of(node, b), a)
    return scaled(value, spread(node, constant_of(node, factor, "a factor"), value.shape))


def _gated(tracer: Tracer, node: Any, value: Value, gate: Value) -> Value | None:
    """x sigmoid(x) = silu(x), and x (1 + erf(x)) = sqrt 2 gelu(sqrt 2 x), as torch writes GELU: one activation each; also of multiples of x."""
    of = tracer.named[gate.base]
    if not isinstance(of, Activation) or value.shape != gate.shape or len(gate.rows) != 2:
        return None
    times = _multiple(value, tracer.named[of.of[0]])
    source = Value(of.of[0], IDENTITY, value.shape)
    if times is None:
        return None
    if of.kind == "sigmoid" and not np.any(gate.rows[0]):
        return scaled(tracer.activation(source, name_of(node), "silu"), times * gate.rows[1])
    if of.kind == "erf" and np.all(gate.rows[0] == gate.rows[1]):
        return scaled(tracer.activation(scaled(source, np.full(1, np.sqrt(2))), name_of(node), "gelu"), np.sqrt(2) * times * gate.rows[1])
    return None


def _multiple(value: Value, source: Node) -> Floats | None:
    """k where value = k * source, up to single precision."""
    if len(value.rows) != 2:
        return None
    if source.name == value.base:
        bias, slope = IDENTITY
    elif isinstance(source, Affine) and source.of == (value.base,) and source.matrix.shape == (value.size, value.size) == (source.matrix.nnz,) * 2:
        bias, slope = source.bias, source.matrix.diagonal()
    else:
        return None
    if not np.all(slope):
        return None
    times: Floats = value.rows[1] / slope
    return times if np.allclose(value.rows[0], times * bias, rtol=1e-6, atol=1e-9) else None


def _div(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    divisor = constant_of(node, operands[1], "the divisor")
    if np.any(divisor == 0):
        raise unsupported(node, "divides by zero", "export the model again")
    if isinstance(operands[0], Constant):
        whole = operands[0].array.dtype.kind in "iu" and divisor.dtype.kind in "iu"
        return of_constants(node, np.floor_divide if whole else np.divide, operands[0], Constant(divisor))
    value = value_of(node, operands[0])
    return scaled(value, 1.0 / spread(node, divisor, value.shape))


def _pow(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    exponent = np.asarray(constant_of(node, operands[1], "the exponent"), np.float64)
    if isinstance(operands[0], Constant):
        return of_constants(node, np.power, operands[0], Constant(exponent))
    value = value_of(node, operands[0])
    power = float(exponent.reshape(-1)[0]) if exponent.size == 1 else -1.0
    if not power.is_integer() or not 1 <= power <= MOST_POWER:
        raise unsupported(node, f"raises to the power {power:g}", f"whole powers from 1 to {MOST_POWER}")
    return reduce(product, [value] * int(power))


def _activation(kind: str) -> Operator:
    def operator(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
        return tracer.activation(value_of(node, operands[0]), name_of(node), kind)

    return operator


def _gelu(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    how = attributes_of(node).get("approximate", b"none")
    how = how.decode(errors="replace") if isinstance(how, bytes) else str(how)
    if how not in ("none", "tanh"):
        raise unsupported(node, f"is approximated by {how!r}", "none and tanh are known")
    return tracer.activation(value_of(node, operands[0]), name_of(node), "gelu" if how == "none" else "gelu-tanh")


def _matmul(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    if isinstance(operands[0], Constant) and isinstance(operands[1], Constant):
        return Constant(np.matmul(operands[0].array, operands[1].array))
    value, weights = value_of(node, operands[0]), np.asarray(constant_of(node, operands[1], "the matrix"), np.float64)
    return _dense(tracer, node, value, weights, np.zeros(weights.shape[-1]))


def _gemm(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    given = attributes_of(node)
    value, weights = value_of(node, operands[0]), np.asarray(constant_of(node, operands[1], "the matrix"), np.float64)
    if given.get("transA", 0):
        raise unsupported(node, "transposes the data")
    weights = (weights.T if given.get("transB", 0) else weights) * given.get("alpha", 1.0)
    bias = np.zeros(weights.shape[-1])
    if len(operands) > 2 and operands[2] is not None:
        bias = bias + spread(node, constant_of(node, operands[2], "the bias"), bias.shape) * given.get("beta", 1.0)
    return _dense(tracer, node, value, weights, bias)


def _dense(tracer: Tracer, node: Any, value: Value, weights: Floats, bias: Floats) -> Value:
    from scipy.sparse import csr_array, eye_array, kron

    if weights.ndim != 2 or weights.shape[0] != value.shape[-1]:
        raise unsupported(node, f"a matrix of shape {weights.shape} does not fit values of shape {value.shape}")
    rows = prod(value.shape[:-1])
    within(node, rows * weights.size)
    matrix = csr_array(weights.T)
    if rows > 1:
        matrix = csr_array(kron(eye_array(rows), matrix, format="csr"))
    return tracer.affine(value, name_of(node), (*value.shape[:-1], weights.shape[1]), matrix, np.tile(bias, rows))


def _conv(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    value, weights = value_of(node, operands[0]), np.asarray(constant_of(node, operands[1], "the kernel"), np.float64)
    given = attributes_of(node)
    groups = given.get("group", 1)
    if weights.ndim not in (3, 4) or weights.ndim != len(value.shape) + 1:
        raise unsupported(node, f"a kernel of shape {weights.shape} over values of shape {value.shape}", "one or two dimensions")
    if weights.ndim == 3:
        weights = weights[:, :, None]
    if weights.shape[1] * groups != value.shape[0] or weights.shape[0] % groups:
        raise unsupported(node, f"{groups} groups do not divide {value.shape[0]} channels into kernels of {weights.shape[1]}")
    windows = _windows(node, value, (weights.shape[2], weights.shape[3]), given)
    within(node, weights.size * windows.out[0] * windows.out[1])
    bias = np.zeros(len(weights))
    if len(operands) > 2 and operands[2] is not None:
        bias = np.asarray(constant_of(node, operands[2], "the bias"), np.float64)
    shape = (len(weights), *windows.out) if len(value.shape) == 3 else (len(weights), windows.out[1])
    return tracer.affine(
        value, name_of(node), shape, convolution(windows, weights, groups), np.repeat(bias, windows.out[0] * windows.out[1]), windows.stride
    )


def _pool(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    value, given = value_of(node, operands[0]), attributes_of(node)
    if node.op_type == "GlobalAveragePool":
        given = {"kernel_shape": list(value.shape[1:])}
    kernel = [int(k) for k in given["kernel_shape"]]
    if len(kernel) != len(value.shape) - 1 or len(kernel) not in (1, 2):
        raise unsupported(node, f"pools {len(kernel)} dimensions of values of shape {value.shape}", "one or two dimensions")
    windows = _windows(node, value, (kernel[0], kernel[1]) if len(kernel) == 2 else (1, kernel[0]), given)
    within(node, value.shape[0] * windows.out[0] * windows.out[1] * prod(kernel))
    matrix = averaging(windows, value.shape[0], count_padding=bool(given.get("count_include_pad", 0)))
    shape = (value.shape[0], *windows.out) if len(value.shape) == 3 else (value.shape[0], windows.out[1])
    return tracer.affine(value, name_of(node), shape, matrix, np.zeros(matrix.shape[0]), windows.stride)


def _windows(node: Any, value: Value, kernel: tuple[int, int], given: Attributes) -> Windows:
    one = len(value.shape) == 2

    def pair(name: str) -> tuple[int, int]:
        numbers = [int(number) for number in given.get(name, [1] * (1 if one else 2))]
        return (1, numbers[0]) if one else (numbers[0], numbers[1])

    size = (1, value.shape[1]) if one else (value.shape[1], value.shape[2])
    stride, dilation = pair("strides"), pair("dilations")
    pads = [int(pad) for pad in given.get("pads", [0] * (2 if one else 4))]
    before, after = ((0, pads[0]), (0, pads[1])) if one else ((pads[0], pads[1]), (pads[2], pads[3]))
    automatic = given.get("auto_pad", b"NOTSET")
    if automatic in (b"SAME_UPPER", b"SAME_LOWER"):
        total = [max((-(-size[k] // stride[k]) - 1) * stride[k] + (kernel[k] - 1) * dilation[k] + 1 - size[k], 0) for k in (0, 1)]
        less, more = (total[0] // 2, total[1] // 2), (total[0] - total[0] // 2, total[1] - total[1] // 2)
        before, after = (less, more) if automatic == b"SAME_UPPER" else (more, less)
    elif automatic == b"VALID":
        before, after = (0, 0), (0, 0)
    if min(*before, *after) < 0 or min(*stride, *dilation) < 1:
        raise unsupported(node, "has negative pads, or strides below one")
    windows = Windows(size, kernel, stride, dilation, (before, after), bool(given.get("ceil_mode", 0)))
    if min(windows.out) < 1:
        raise unsupported(node, f"a kernel of {kernel} does not fit values of shape {value.shape}")
    return windows


def _batch_norm(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    given = attributes_of(node)
    if given.get("training_mode", 0) or len(node.output) > 1 or not given.get("spatial", 1):
        raise unsupported(node, "is in training mode: it would look at other samples", "model.eval() before the export")
    value = value_of(node, operands[0])
    scale, bias, mean, variance = (np.asarray(constant_of(node, one, "a statistic"), np.float64) for one in operands[1:5])
    if any(one.shape != value.shape[:1] for one in (scale, bias, mean, variance)) or np.any(variance < 0):
        raise unsupported(node, f"statistics of shape {scale.shape} for values of shape {value.shape}, or negative ones")
    factor = scale / np.sqrt(variance + given.get("epsilon", 1e-5))
    each = value.size // value.shape[0]
    return shifted(scaled(value, np.repeat(factor, each)), np.repeat(bias - mean * factor, each))


def _constant_node(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    given = attributes_of(node)
    if "value" in given:
        return Constant(array_of(given["value"]))
    for name in ("value_float", "value_floats", "value_int", "value_ints"):
        if name in given:
            return Constant(np.asarray(given[name]))
    raise unsupported(node, "holds neither numbers nor a tensor")


def _same(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    """Identity, Cast and Dropout outside training."""
    if node.op_type == "Dropout" and len(operands) > 2 and operands[2] is not None and np.any(constant_of(node, operands[2], "its mode")):
        raise unsupported(node, "is in training mode", "model.eval() before the export")
    first = operands[0]
    if isinstance(first, Value) and node.op_type == "Cast" and attributes_of(node)["to"] not in FLOATS:
        raise unsupported(node, "turns values into whole numbers")
    if isinstance(first, Constant) and node.op_type == "Cast":
        from onnx import helper

        return Constant(first.array.astype(helper.tensor_dtype_to_np_dtype(attributes_of(node)["to"])))
    if first is None:
        raise unsupported(node, "reads nothing")
    return first


OPERATORS: dict[str, Operator] = {
    **SHAPES,
    "Add": _add,
    "Sum": _add,
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
    "Neg": _neg,
    "Pow": _pow,
    "Sigmoid": _activation("sigmoid"),
    "Tanh": _activation("tanh"),
    "Relu": _activation("relu"),
    "Gelu": _gelu,
    "Erf": _activation("erf"),
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _conv,
    "AveragePool": _pool,
    "GlobalAveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Constant": _constant_node,
    "Identity": _same,
    "Cast": _same,
    "Dropout": _same,
}
"""Operator -> what it does. Softmax and the like at the very end are left away by `trace`."""
