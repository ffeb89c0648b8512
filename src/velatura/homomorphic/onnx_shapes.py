"""ONNX operators that move, join, cut and sum elements: on constants numpy, on values a new shape or a sparse matrix of ones."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.operands import Attributes, attributes_of, axes_of, constant_of, name_of, place, spread, value_of, within
from velatura.homomorphic.trace import Constant, Operand, Operator, Tracer, Value, unsupported

__all__ = ["SHAPES"]

BATCH = "mixes the batch with other dimensions"


def _reshaped(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    """Reshape, Flatten, Squeeze, Unsqueeze: the elements keep their order."""
    first, given = operands[0], attributes_of(node)
    before = first.array.shape if isinstance(first, Constant) else (batch, *value_of(node, first).shape)
    after = _new_shape(node, given, operands, before)
    if isinstance(first, Constant):
        return Constant(first.array.reshape(after))
    of = value_of(node, first)
    if len(after) < 2 or after[0] != batch or prod(after) != prod(before):
        raise unsupported(node, f"{BATCH}, or does not fit values of shape {of.shape}", "keep the first dimension as it is")
    return Value(of.base, of.rows, after[1:])


def _new_shape(node: Any, given: Attributes, operands: list[Operand | None], shape: tuple[int, ...]) -> tuple[int, ...]:
    match node.op_type:
        case "Reshape":
            target = [int(n) for n in constant_of(node, operands[1], "the shape").reshape(-1).tolist()]
            target = [shape[k] if n == 0 and not given.get("allowzero", 0) else n for k, n in enumerate(target)]
            if -1 in target:
                free = target.index(-1)
                target[free] = prod(shape) // max(prod(target[:free] + target[free + 1 :]), 1)
            return tuple(target)
        case "Flatten":
            axis = given.get("axis", 1)
            axis = axis if axis == len(shape) else place(node, axis, len(shape))
            return prod(shape[:axis]), prod(shape[axis:])
        case "Squeeze":
            axes = axes_of(node, given, operands)
            ones = {k for k, n in enumerate(shape) if n == 1}
            gone = ones if axes is None else {place(node, axis, len(shape)) for axis in axes}
            if not gone <= ones:
                raise unsupported(node, f"takes away dimensions {sorted(gone)} of values of shape {shape[1:]}")
            return tuple(n for k, n in enumerate(shape) if k not in gone)
        case _:
            new = axes_of(node, given, operands) or []
            rank = len(shape) + len(new)
            places, rest = {place(node, axis, rank) for axis in new}, iter(shape)
            return tuple(1 if k in places else next(rest) for k in range(rank))


def _picked(how: Callable[[Any, Attributes, NDArray[np.int64], list[Operand | None]], NDArray[np.int64]]) -> Operator:
    """Operators that copy elements to other places: run on their numbers."""

    def operator(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
        first = operands[0]
        if isinstance(first, Constant):
            return Constant(how(node, attributes_of(node), first.array, operands))
        of = value_of(node, first)
        result = how(node, attributes_of(node), np.arange(of.size).reshape(1, *of.shape), operands)
        if result.ndim < 2 or len(result) != 1 or not result.size:
            raise unsupported(node, f"{BATCH}, or leaves nothing")
        return _chosen(tracer, node, of, result.reshape(-1), result.shape[1:])

    return operator


def _chosen(tracer: Tracer, node: Any, of: Value, chosen: NDArray[np.int64], shape: tuple[int, ...], filling: float = 0.0) -> Value:
    """The elements `chosen` by number; -1: the filling."""
    from scipy.sparse import csr_array

    if np.array_equal(chosen, np.arange(of.size)):
        return Value(of.base, of.rows, shape)
    within(node, len(chosen))
    there = np.flatnonzero(chosen >= 0)
    matrix = csr_array((np.ones(len(there)), (there, chosen[there])), shape=(len(chosen), of.size))
    return tracer.affine(of, name_of(node), shape, matrix, np.where(chosen < 0, filling, 0.0))


def _transpose(node: Any, given: Attributes, numbers: NDArray[np.int64], operands: list[Operand | None]) -> NDArray[np.int64]:
    return np.transpose(numbers, given.get("perm"))


def _slice(node: Any, given: Attributes, numbers: NDArray[np.int64], operands: list[Operand | None]) -> NDArray[np.int64]:
    if "starts" in given:
        starts, ends, axes, steps = given["starts"], given["ends"], given.get("axes"), None
    else:
        parts = [None if one is None else constant_of(node, one, "a bound").tolist() for one in operands[1:]]
        starts, ends, axes, steps = (*parts, None, None)[:4]
    axes = list(range(len(starts))) if axes is None else axes
    cut = [slice(None)] * numbers.ndim
    for number, axis in enumerate(axes):
        step = 1 if steps is None else int(steps[number])
        end = None if step < 0 and ends[number] < -numbers.shape[axis] else int(ends[number])
        cut[int(axis)] = slice(int(starts[number]), end, step)
    return numbers[tuple(cut)]


def _gather(node: Any, given: Attributes, numbers: NDArray[np.int64], operands: list[Operand | None]) -> NDArray[np.int64]:
    places = constant_of(node, operands[1], "the list of places")
    within(node, places.size * numbers.size)
    return np.take(numbers, places, axis=given.get("axis", 0))


def _pad(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    of, given = value_of(node, operands[0]), attributes_of(node)
    if given.get("mode", b"constant") != b"constant":
        raise unsupported(node, f"pads by {given['mode'].decode()}", "zeros or another number")
    rank = len(of.shape) + 1
    pads = [int(n) for n in (given["pads"] if "pads" in given else constant_of(node, operands[1], "the padding").reshape(-1).tolist())]
    axes = (
        [place(node, int(n), rank) for n in constant_of(node, operands[3], "the list of axes")] if len(operands) > 3 and operands[3] else range(rank)
    )
    around = {axis: (before, after) for axis, before, after in zip(axes, pads, pads[len(axes) :], strict=False)}
    if 0 in around and around.pop(0) != (0, 0):
        raise unsupported(node, "pads the batch")
    if any(min(pair) < 0 for pair in around.values()):
        raise unsupported(node, "has negative pads")
    widths = [around.get(axis + 1, (0, 0)) for axis in range(len(of.shape))]
    within(node, prod(size + before + after for size, (before, after) in zip(of.shape, widths, strict=True)))
    filling = given.get("value", 0.0)
    if len(operands) > 2 and operands[2] is not None:
        filling = spread(node, constant_of(node, operands[2], "the filling"), (1,))[0]
    numbers = np.pad(np.arange(of.size).reshape(of.shape), widths, constant_values=-1)
    return _chosen(tracer, node, of, numbers.reshape(-1), numbers.shape, float(filling))


def _reduced(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    from scipy.sparse import csr_array

    of, given = value_of(node, operands[0]), attributes_of(node)
    rank = len(of.shape) + 1
    over = sorted({place(node, axis, rank) for axis in axes_of(node, given, operands) or range(rank)})
    if 0 in over:
        raise unsupported(node, "sums over the batch", "name the axes, without the first")
    kept = [1 if axis + 1 in over else size for axis, size in enumerate(of.shape)]
    target = np.broadcast_to(np.arange(prod(kept)).reshape(kept), of.shape).reshape(-1)
    weight = prod(kept) / of.size if node.op_type == "ReduceMean" else 1.0
    matrix = csr_array((np.full(of.size, weight), (target, np.arange(of.size))), shape=(prod(kept), of.size))
    shape = tuple(kept) if given.get("keepdims", 1) else tuple(size for axis, size in enumerate(kept) if axis + 1 not in over)
    return tracer.affine(of, name_of(node), shape or (1,), matrix, np.zeros(matrix.shape[0]))


def _concat(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    from scipy.sparse import csr_array

    axis = attributes_of(node)["axis"]
    if all(isinstance(one, Constant) for one in operands):
        return Constant(np.concatenate([np.atleast_1d(one.array) for one in operands if isinstance(one, Constant)], axis))
    values = [value_of(node, one) for one in operands]
    rank = len(values[0].shape) + 1
    if not (axis := place(node, axis, rank)):
        raise unsupported(node, "joins samples of the batch")
    starts = np.cumsum([0] + [one.size for one in values])
    order = np.concatenate([np.arange(one.size).reshape(one.shape) + start for one, start in zip(values, starts, strict=False)], axis - 1)
    where = np.argsort(order.reshape(-1))
    total = None
    for one, start in zip(values, starts, strict=False):
        places = where[start : start + one.size]
        matrix = csr_array((np.ones(one.size), (places, np.arange(one.size))), shape=(int(starts[-1]), one.size))
        part = tracer.affine(one, f"{name_of(node)}.part", order.shape, matrix, np.zeros(int(starts[-1])))
        total = part if total is None else tracer.summed(total, part, name_of(node))
    assert total is not None
    return total


def _shape_of(tracer: Tracer, node: Any, operands: list[Operand | None], batch: int) -> Operand:
    first = operands[0]
    shape = first.array.shape if isinstance(first, Constant) else (batch, *value_of(node, first).shape)
    given = attributes_of(node)
    return Constant(np.array(shape, np.int64)[given.get("start", 0) : given.get("end", len(shape))])


SHAPES: dict[str, Operator] = {
    "Reshape": _reshaped,
    "Flatten": _reshaped,
    "Squeeze": _reshaped,
    "Unsqueeze": _reshaped,
    "Transpose": _picked(_transpose),
    "Slice": _picked(_slice),
    "Gather": _picked(_gather),
    "Pad": _pad,
    "ReduceSum": _reduced,
    "ReduceMean": _reduced,
    "Concat": _concat,
    "Shape": _shape_of,
}
"""Operator -> what it does."""
