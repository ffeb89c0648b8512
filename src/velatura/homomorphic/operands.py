"""What an operator of a model may ask of the values and constants that it reads, and how it refuses them."""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.trace import Constant, Operand, Value, unsupported
from velatura.homomorphic.window_layers import MOST_WEIGHTS

__all__ = ["Attributes", "Floats", "attributes_of", "axes_of", "constant_of", "name_of", "of_constants", "place", "spread", "value_of", "within"]

Floats: TypeAlias = NDArray[np.float64]
Attributes: TypeAlias = dict[str, Any]


def name_of(node: Any) -> str:
    """What the node's result is called: the node's own name, or its output's."""
    return str(node.name or node.output[0])


def attributes_of(node: Any) -> Attributes:
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def value_of(node: Any, operand: Operand | None) -> Value:
    """What depends on the input."""
    if not isinstance(operand, Value):
        raise unsupported(node, "reads a constant where the data should be", "export the model again")
    return operand


def constant_of(node: Any, operand: Operand | None, what: str) -> NDArray[Any]:
    if not isinstance(operand, Constant):
        raise unsupported(node, f"{what} is not a constant", "weights and shapes must not depend on the data")
    return operand.array


def place(node: Any, axis: int, rank: int) -> int:
    """An axis as a number from 0."""
    if not -rank <= axis < rank:
        raise unsupported(node, f"names dimension {axis} of {rank}")
    return axis % rank


def axes_of(node: Any, given: Attributes, operands: list[Operand | None]) -> list[int] | None:
    """The attribute (before opset 13) or the second operand; None where neither is there."""
    if "axes" in given:
        return [int(axis) for axis in given["axes"]]
    if len(operands) > 1 and operands[1] is not None:
        return [int(axis) for axis in constant_of(node, operands[1], "the list of axes").reshape(-1).tolist()]
    return None


def spread(node: Any, array: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    """A constant against a value of `shape`: (1,) or (size,), by the rules of broadcasting with a batch of one."""
    array = np.asarray(array, np.float64)
    try:
        if array.ndim > len(shape) + 1:
            raise ValueError("the value would get more dimensions")
        if array.size == 1:
            return array.reshape(1)
        return np.broadcast_to(array, (1, *shape)).reshape(-1).copy()
    except ValueError:
        raise unsupported(
            node, f"a constant of shape {array.shape} does not fit values of shape {shape}", "one number, or one for each channel or element"
        ) from None


def of_constants(node: Any, function: Any, a: Constant, b: Constant) -> Constant:
    """A function of two constants, by numpy's rules of broadcasting."""
    within(node, prod(np.broadcast_shapes(a.array.shape, b.array.shape)))
    return Constant(np.asarray(function(a.array, b.array)))


def within(node: Any, weights: int) -> None:
    """Refuses what would be too large before it is made."""
    if weights > MOST_WEIGHTS:
        raise unsupported(node, f"has {weights:.3g} weights when written out", f"at most {MOST_WEIGHTS:.3g}")
