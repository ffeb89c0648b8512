"""What each ONNX operator is: on constants numpy, on values an affine map, a polynomial or a sum. Source: ONNX operators, opset 7 to 22."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.graph import Activation
from velatura.homomorphic.trace import Constant, Operand, Operator, Tracer, Value, product, scaled, shifted, unsupported
from velatura.homomorphic.window_layers import MOST_WEIGHTS, Windows, averaging, convolution

__all__ = ["OPERATORS"]

Floats: TypeAlias = NDArray[np.float64]
Attributes: TypeAlias = dict[str, Any]


def _attributes(node: Any) -> Attributes:
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def _value(node: Any, operand: Operand | None) -> Value:
    if not isinstance(operand, Value):
        raise unsupported(node, "reads a constant where the data should be", "export the model again")
    return operand


def _constant(node: Any, operand: Operand | None, what: str) -> NDArray[Any]:
    if not isinstance(operand, Constant):
        raise unsupported(node, f"{what} is not a constant", "weights and shapes must not depend on the data")
    return operand.array


def _spread(node: Any, array: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    """A constant against a value of `shape`: (1,) or (size,), by the rules of broadcasting with a batch of one."""
    array = np.asarray(array, np.float64)
    if array.size == 1:
        return array.reshape(1)
    try:
        return np.broadcast_to(array, (1, *shape)).reshape(-1).copy()
    except ValueError:
        raise unsupported(
            node, f"a constant of shape {array.shape} does not fit values of shape {shape}", "one number, or one for each channel or element"
        ) from None


def _affine_of_both(kind: str) -> Operator:
    def operator(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
        a, b = operands[0], operands[1]
        sign = -1.0 if kind == "Sub" else 1.0
        if isinstance(a, Constant) and isinstance(b, Constant):
            return Constant(a.array - b.array if kind == "Sub" else a.array + b.array)
        if isinstance(a, Value) and isinstance(b, Value):
            if a.shape != b.shape:
                raise unsupported(node, f"values of shapes {a.shape} and {b.shape} are added", "of one shape")
            return tracer.summed(a, scaled(b, np.array([sign])), _name(node))
        if isinstance(a, Value):
            return shifted(a, sign * _spread(node, _constant(node, b, "a summand"), a.shape))
        value = _value(node, b)
        return shifted(scaled(value, np.array([sign])), _spread(node, _constant(node, a, "a summand"), value.shape))

    return operator


def _mul(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    a, b = operands[0], operands[1]
    if isinstance(a, Constant) and isinstance(b, Constant):
        return Constant(a.array * b.array)
    if isinstance(a, Value) and isinstance(b, Value):
        if a.base == b.base and a.shape == b.shape:
            return product(a, b)
        for one, other in ((a, b), (b, a)):
            if made := _gated(tracer, node, one, other):
                return made
        raise unsupported(
            node, "multiplies two different values", "products of a value with itself, with constants, x * sigmoid(x) and GELU are known"
        )
    value, constant = (a, b) if isinstance(a, Value) else (_value(node, b), a)
    return scaled(value, _spread(node, _constant(node, constant, "a factor"), value.shape))


def _gated(tracer: Tracer, node: Any, value: Value, gate: Value) -> Value | None:
    """x * sigmoid(x), and x * (1 + erf(x / sqrt 2)) as torch writes GELU: one activation each."""
    of = tracer.named[gate.base]
    if not isinstance(of, Activation) or value.shape != gate.shape or len(gate.rows) != 2 or len(value.rows) != 2 or np.any(value.rows[0]):
        return None
    if of.kind == "sigmoid" and of.of == (value.base,) and not np.any(gate.rows[0]):
        gated = tracer.activation(Value(value.base, (np.zeros(1), np.ones(1)), value.shape), _name(node), "silu")
        return scaled(gated, value.rows[1] * gate.rows[1])
    if of.kind == "erf" and np.allclose(gate.rows[0], gate.rows[1]):
        inner = tracer.named[of.of[0]]
        scale = getattr(inner, "matrix", None)
        if scale is not None and inner.of == (value.base,) and np.allclose(scale.diagonal(), np.sqrt(0.5)) and scale.nnz == value.size:
            gated = tracer.activation(Value(value.base, (np.zeros(1), np.ones(1)), value.shape), _name(node), "gelu")
            return scaled(gated, 2 * value.rows[1] * gate.rows[1])
    return None


def _div(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    divisor = _constant(node, operands[1], "the divisor")
    if isinstance(operands[0], Constant):
        whole = operands[0].array.dtype.kind in "iu" and divisor.dtype.kind in "iu"
        return Constant(operands[0].array // divisor if whole else operands[0].array / divisor)
    value = _value(node, operands[0])
    if np.any(divisor == 0):
        raise unsupported(node, "divides by zero", "export the model again")
    return scaled(value, 1.0 / _spread(node, divisor, value.shape))


def _neg(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    return Constant(-operands[0].array) if isinstance(operands[0], Constant) else scaled(_value(node, operands[0]), np.array([-1.0]))


def _pow(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    exponent = np.asarray(_constant(node, operands[1], "the exponent"), np.float64)
    if isinstance(operands[0], Constant):
        return Constant(operands[0].array ** exponent)
    value = _value(node, operands[0])
    power = float(exponent.reshape(-1)[0]) if exponent.size == 1 else -1.0
    if not power.is_integer() or not 1 <= power <= 16:
        raise unsupported(node, f"raises to the power {power:g}", "whole powers from 1 to 16")
    result = value
    for _ in range(int(power) - 1):
        result = product(result, value)
    return result


def _activation(kind: str) -> Operator:
    def operator(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
        if kind == "gelu" and _attributes(node).get("approximate", b"none") not in (b"none", b"tanh"):
            raise unsupported(node, "has an approximation that is not known")
        return tracer.activation(_value(node, operands[0]), _name(node), kind)

    return operator


def _matmul(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    if isinstance(operands[0], Constant) and isinstance(operands[1], Constant):
        return Constant(operands[0].array @ operands[1].array)
    value, weights = _value(node, operands[0]), np.asarray(_constant(node, operands[1], "the matrix"), np.float64)
    return _dense(tracer, node, value, weights, np.zeros(weights.shape[-1]))


def _gemm(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    given = _attributes(node)
    value, weights = _value(node, operands[0]), np.asarray(_constant(node, operands[1], "the matrix"), np.float64)
    if given.get("transA", 0):
        raise unsupported(node, "transposes the data")
    weights = (weights.T if given.get("transB", 0) else weights) * given.get("alpha", 1.0)
    bias = np.zeros(weights.shape[-1])
    if len(operands) > 2 and operands[2] is not None:
        bias = np.broadcast_to(np.asarray(_constant(node, operands[2], "the bias"), np.float64).reshape(-1), bias.shape) * given.get("beta", 1.0)
    return _dense(tracer, node, value, weights, bias)


def _dense(tracer: Tracer, node: Any, value: Value, weights: Floats, bias: Floats) -> Value:
    from scipy.sparse import csr_array, kron

    if weights.ndim != 2 or weights.shape[0] != value.shape[-1]:
        raise unsupported(node, f"a matrix of shape {weights.shape} does not fit values of shape {value.shape}")
    rows = int(np.prod(value.shape[:-1], dtype=np.int64))
    _small(node, rows * weights.size)
    matrix = csr_array(weights.T)
    if rows > 1:
        matrix = csr_array(kron(np.eye(rows), matrix, format="csr"))
    return tracer.affine(value, _name(node), (*value.shape[:-1], weights.shape[1]), matrix, np.tile(bias, rows))


def _conv(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    value, weights = _value(node, operands[0]), np.asarray(_constant(node, operands[1], "the kernel"), np.float64)
    given = _attributes(node)
    groups = given.get("group", 1)
    if weights.ndim not in (3, 4) or weights.ndim != len(value.shape) + 1:
        raise unsupported(node, f"a kernel of shape {weights.shape} over values of shape {value.shape}", "one or two dimensions")
    if weights.ndim == 3:
        weights = weights[:, :, None]
    if weights.shape[1] * groups != value.shape[0] or weights.shape[0] % groups:
        raise unsupported(node, f"{groups} groups do not divide {value.shape[0]} channels into kernels of {weights.shape[1]}")
    windows = _windows(node, value, (weights.shape[2], weights.shape[3]), given)
    _small(node, weights.size * windows.out[0] * windows.out[1])
    bias = np.zeros(len(weights))
    if len(operands) > 2 and operands[2] is not None:
        bias = np.asarray(_constant(node, operands[2], "the bias"), np.float64)
    shape = (len(weights), *windows.out) if len(value.shape) == 3 else (len(weights), windows.out[1])
    return tracer.affine(
        value, _name(node), shape, convolution(windows, weights, groups), np.repeat(bias, windows.out[0] * windows.out[1]), windows.stride
    )


def _pool(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    value, given = _value(node, operands[0]), _attributes(node)
    if node.op_type == "GlobalAveragePool":
        given = {"kernel_shape": list(value.shape[1:])}
    kernel = [int(k) for k in given["kernel_shape"]]
    if len(kernel) != len(value.shape) - 1 or len(kernel) not in (1, 2):
        raise unsupported(node, f"pools {len(kernel)} dimensions of values of shape {value.shape}", "one or two dimensions")
    windows = _windows(node, value, (kernel[0], kernel[1]) if len(kernel) == 2 else (1, kernel[0]), given)
    _small(node, value.shape[0] * windows.out[0] * windows.out[1] * int(np.prod(kernel)))
    matrix = averaging(windows, value.shape[0], count_padding=bool(given.get("count_include_pad", 0)))
    shape = (value.shape[0], *windows.out) if len(value.shape) == 3 else (value.shape[0], windows.out[1])
    return tracer.affine(value, _name(node), shape, matrix, np.zeros(matrix.shape[0]), windows.stride)


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
    given = _attributes(node)
    if given.get("training_mode", 0) or len(node.output) > 1:
        raise unsupported(node, "is in training mode: it would look at other samples", "model.eval() before the export")
    value = _value(node, operands[0])
    scale, bias, mean, variance = (np.asarray(_constant(node, one, "a statistic"), np.float64) for one in operands[1:5])
    factor = scale / np.sqrt(variance + given.get("epsilon", 1e-5))
    each = value.size // value.shape[0]
    if len(factor) != value.shape[0] or np.any(variance < 0):
        raise unsupported(node, f"{len(factor)} statistics for values of shape {value.shape}")
    return shifted(scaled(value, np.repeat(factor, each)), np.repeat(bias - mean * factor, each))


def _reshaped(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    """Reshape, Flatten, Squeeze, Unsqueeze: the elements keep their order."""
    first = operands[0]
    array = first.array if isinstance(first, Constant) else np.empty((batch, *_value(node, first).shape), np.int8)
    given = _attributes(node)
    axes = given.get("axes")
    if axes is None and node.op_type in ("Squeeze", "Unsqueeze") and len(operands) > 1 and operands[1] is not None:
        axes = _constant(node, operands[1], "the list of axes").tolist()
    try:
        match node.op_type:
            case "Reshape":
                target = [int(n) for n in np.asarray(_constant(node, operands[1], "the shape")).tolist()]
                target = [array.shape[k] if n == 0 and not given.get("allowzero", 0) else n for k, n in enumerate(target)]
                result = array.reshape(target)
            case "Flatten":
                axis = given.get("axis", 1) % (array.ndim + 1)
                result = array.reshape(int(np.prod(array.shape[:axis])), -1)
            case "Squeeze":
                result = np.squeeze(array, None if axes is None else tuple(int(axis) for axis in axes))
            case _:
                result = np.expand_dims(array, tuple(int(axis) for axis in axes or ()))
    except (ValueError, IndexError):
        raise unsupported(node, f"does not fit values of shape {array.shape[1:]}", "shapes must not mix the batch with other dimensions") from None
    if isinstance(first, Constant):
        return Constant(result)
    value = _value(node, first)
    if result.ndim < 2 or result.shape[0] != batch or not all(result.shape):
        raise unsupported(node, "mixes the batch with other dimensions", "keep the first dimension as it is")
    return Value(value.base, value.rows, result.shape[1:])


def _picked(how: Callable[[Any, Attributes, NDArray[np.int64], list[Operand | None]], NDArray[np.int64]]) -> Operator:
    """Operators that copy elements to other places: run on their numbers."""

    def operator(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
        from scipy.sparse import csr_array

        first = operands[0]
        if isinstance(first, Constant):
            return Constant(how(node, _attributes(node), first.array, operands))
        value = _value(node, first)
        result = how(node, _attributes(node), np.arange(value.size).reshape(1, *value.shape), operands)
        if result.ndim < 2 or len(result) != 1 or not result.size:
            raise unsupported(node, "mixes the batch with other dimensions, or leaves nothing")
        chosen = result.reshape(-1)
        if np.array_equal(chosen, np.arange(value.size)):
            return Value(value.base, value.rows, result.shape[1:])
        matrix = csr_array((np.ones(len(chosen)), (np.arange(len(chosen)), chosen)), shape=(len(chosen), value.size))
        return tracer.affine(value, _name(node), result.shape[1:], matrix, np.zeros(len(chosen)))

    return operator


def _transpose(node: Any, given: Attributes, numbers: NDArray[np.int64], operands: list[Operand | None]) -> NDArray[np.int64]:
    return np.transpose(numbers, given.get("perm"))


def _slice(node: Any, given: Attributes, numbers: NDArray[np.int64], operands: list[Operand | None]) -> NDArray[np.int64]:
    if "starts" in given:
        starts, ends, axes, steps = given["starts"], given["ends"], given.get("axes"), None
    else:
        parts = [None if one is None else _constant(node, one, "a bound").tolist() for one in operands[1:]]
        starts, ends, axes, steps = (*parts, None, None)[:4]
    axes = list(range(len(starts))) if axes is None else axes
    cut = [slice(None)] * numbers.ndim
    for number, axis in enumerate(axes):
        step = 1 if steps is None else int(steps[number])
        end = None if step < 0 and ends[number] < -numbers.shape[axis] else int(ends[number])
        cut[int(axis)] = slice(int(starts[number]), end, step)
    return numbers[tuple(cut)]


def _gather(node: Any, given: Attributes, numbers: NDArray[np.int64], operands: list[Operand | None]) -> NDArray[np.int64]:
    return np.take(numbers, _constant(node, operands[1], "the list of places"), axis=given.get("axis", 0))


def _reduced(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    from scipy.sparse import csr_array

    value, given = _value(node, operands[0]), _attributes(node)
    axes = given.get("axes")
    if axes is None and len(operands) > 1 and operands[1] is not None:
        axes = _constant(node, operands[1], "the list of axes").tolist()
    rank = len(value.shape) + 1
    over = sorted({int(axis) % rank for axis in axes}) if axes else list(range(1, rank))
    if 0 in over or (not axes and given.get("noop_with_empty_axes", 0)):
        raise unsupported(node, "sums over the batch")
    kept = [1 if axis + 1 in over else size for axis, size in enumerate(value.shape)]
    target = np.broadcast_to(np.arange(int(np.prod(kept))).reshape(kept), value.shape).reshape(-1)
    count = value.size // int(np.prod(kept))
    weight = 1.0 / count if node.op_type == "ReduceMean" else 1.0
    matrix = csr_array((np.full(value.size, weight), (target, np.arange(value.size))), shape=(int(np.prod(kept)), value.size))
    shape = tuple(kept) if given.get("keepdims", 1) else tuple(size for axis, size in enumerate(kept) if axis + 1 not in over)
    return tracer.affine(value, _name(node), shape or (1,), matrix, np.zeros(matrix.shape[0]))


def _constant_node(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    from onnx import numpy_helper

    given = _attributes(node)
    if "value" in given:
        array = numpy_helper.to_array(given["value"])
        return Constant(array.astype(np.float64) if array.dtype.kind == "f" else array)
    for name in ("value_float", "value_floats", "value_int", "value_ints"):
        if name in given:
            return Constant(np.asarray(given[name]))
    raise unsupported(node, "holds neither numbers nor a tensor")


def _shape_of(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    first = operands[0]
    shape = first.array.shape if isinstance(first, Constant) else (batch, *_value(node, first).shape)
    given = _attributes(node)
    return Constant(np.array(shape, np.int64)[given.get("start", 0) : given.get("end", len(shape))])


def _concat(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    from scipy.sparse import csr_array

    axis = _attributes(node)["axis"]
    if all(isinstance(one, Constant) for one in operands):
        return Constant(np.concatenate([np.atleast_1d(one.array) for one in operands if isinstance(one, Constant)], axis))
    values = [_value(node, one) for one in operands]
    rank = len(values[0].shape) + 1
    if axis % rank == 0:
        raise unsupported(node, "joins samples of the batch")
    starts = np.cumsum([0] + [one.size for one in values])
    order = np.concatenate([np.arange(one.size).reshape(one.shape) + start for one, start in zip(values, starts, strict=False)], axis % rank - 1)
    where = np.argsort(order.reshape(-1))
    total = None
    for one, start in zip(values, starts, strict=False):
        places = where[start : start + one.size]
        matrix = csr_array((np.ones(one.size), (places, np.arange(one.size))), shape=(int(starts[-1]), one.size))
        part = tracer.affine(one, f"{_name(node)}.part", order.shape, matrix, np.zeros(int(starts[-1])))
        total = part if total is None else tracer.summed(total, part, _name(node))
    assert total is not None
    return total


def _same(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    """Identity, Cast and Dropout outside training."""
    if node.op_type == "Dropout" and len(operands) > 2 and operands[2] is not None and np.any(_constant(node, operands[2], "its mode")):
        raise unsupported(node, "is in training mode", "model.eval() before the export")
    first = operands[0]
    if isinstance(first, Value) and node.op_type == "Cast" and _attributes(node)["to"] not in (1, 10, 11):
        raise unsupported(node, "turns values into whole numbers")
    if isinstance(first, Constant) and node.op_type == "Cast":
        from onnx import helper

        return Constant(first.array.astype(helper.tensor_dtype_to_np_dtype(_attributes(node)["to"])))
    return first if first is not None else Constant(np.zeros(1))


def _name(node: Any) -> str:
    return str(node.name or node.output[0])


def _small(node: Any, weights: int) -> None:
    if weights > MOST_WEIGHTS:
        raise unsupported(node, f"has {weights:.3g} weights when written out", f"at most {MOST_WEIGHTS:.3g}")


OPERATORS: dict[str, Operator] = {
    "Add": _affine_of_both("Add"),
    "Sub": _affine_of_both("Sub"),
    "Sum": _affine_of_both("Add"),
    "Mul": _mul,
    "Div": _div,
    "Neg": _neg,
    "Pow": _pow,
    "Sigmoid": _activation("sigmoid"),
    "Tanh": _activation("tanh"),
    "Relu": _activation("relu"),
    "Gelu": _activation("gelu"),
    "Erf": _activation("erf"),
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _conv,
    "AveragePool": _pool,
    "GlobalAveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Reshape": _reshaped,
    "Flatten": _reshaped,
    "Squeeze": _reshaped,
    "Unsqueeze": _reshaped,
    "Transpose": _picked(_transpose),
    "Slice": _picked(_slice),
    "Gather": _picked(_gather),
    "ReduceSum": _reduced,
    "ReduceMean": _reduced,
    "Constant": _constant_node,
    "Shape": _shape_of,
    "Concat": _concat,
    "Identity": _same,
    "Cast": _same,
    "Dropout": _same,
}
"""Operator -> what it does. Softmax and the like at the very end are left away by `trace`."""
