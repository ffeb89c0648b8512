"""What the compiler hands on: a program, its parameters, and how a sample goes into slots and comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.program import Program

__all__ = ["Compiled", "Packing", "Unpacking", "pack", "unpack"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Packing:
    """
    Args:
        gather: (ciphertexts, slots): the input element that lies in a slot, -1 for zero. With `batch` (ciphertexts, 1): the element of each.
        batch: a ciphertext is an element and a slot is a sample.
    """

    gather: NDArray[np.int32]
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Unpacking:
    """All other slots hold zero, or the same outputs again.

    Args:
        places: (outputs, 2): ciphertext and slot of each output element; with `batch` the slot is the sample and stands as 0.
    """

    places: NDArray[np.int32]
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """
    Args:
        scales: the free scales of `program`; number 0 is the input's.
        input_low, input_high: (elements,) bounds of the input for which ranges hold; the client clips or refuses beyond them.
        range: "proven" for every input within the bounds, or "calibrated" on samples.
        report: what `report.json` holds.
        left_away: as `graph.Graph` has it.
    """

    program: Program
    parameters: Parameters
    scales: tuple[float, ...]
    packing: Packing
    unpacking: Unpacking
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_low: Floats
    input_high: Floats
    range: str
    report: Mapping[str, Any]
    left_away: str = ""


def pack(packing: Packing, slots: int, x: Floats) -> Floats:
    """Samples in slots: (samples, elements) -> (samples, ciphertexts, slots); with `batch` (1, ciphertexts, slots), samples beside each other."""
    if packing.batch:
        result = np.zeros((1, len(packing.gather), slots))
        result[0, :, : len(x)] = x[:, packing.gather[:, 0]].T
        return result
    return np.where(packing.gather >= 0, x[:, np.maximum(packing.gather, 0)], 0.0)


def unpack(unpacking: Unpacking, slots: Floats, samples: int) -> Floats:
    """(ciphertexts, slots) of one answer -> (samples, outputs); without `batch` one sample."""
    if unpacking.batch:
        return slots[unpacking.places[:, 0], :samples].T
    return slots[unpacking.places[:, 0], unpacking.places[:, 1]][None]
