"""The samples that a model is compiled with: what they have to be, and which inputs the program will be good for."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, BadSpec
from velatura.homomorphic.graph import Graph, evaluate

__all__ = ["MOST_JUDGED", "as_rows", "input_bounds", "largest_output"]

Floats: TypeAlias = NDArray[np.float64]
MOST_JUDGED = 4096
"""Samples of which the largest output is taken."""
MOST_OUTPUT = 2.0**90
"""Beyond it no scale brings a value under a modulus."""


def as_rows(graph: Graph, calibration: NDArray[Any]) -> Floats:
    """(samples, elements) of an array as the model takes it.

    Raises:
        BadInput: `he.calibration`.
    """
    array = np.asarray(calibration)
    if array.dtype.kind not in "fiu" or array.ndim < 2 or array.shape[1:] not in (graph.input.shape, (graph.input.size,)) or not len(array):
        raise BadInput(
            "he.calibration",
            f"calibration of shape {array.shape} and type {array.dtype}",
            hint=f"numbers of shape (samples, {', '.join(map(str, graph.input.shape))})",
        )
    if not np.all(np.isfinite(array)):
        raise BadInput("he.calibration", "calibration holds a number that is not finite", hint="remove or replace such samples")
    return array.reshape(len(array), -1).astype(np.float64)


def largest_output(graph: Graph, rows: Floats) -> float:
    """Of the samples: what errors are relative to.

    Raises:
        BadInput: `he.calibration` where it is none, or larger than any ciphertext holds.
    """
    with np.errstate(all="ignore"):  # said below
        largest = float(np.abs(evaluate(graph, rows[:MOST_JUDGED])[graph.output]).max())
    if not largest <= MOST_OUTPUT:
        reach = f"reach {largest:.3g}" if np.isfinite(largest) else "are beyond floating point"
        raise BadInput(
            "he.calibration",
            f"on the calibration, which reaches from {rows.min():.3g} to {rows.max():.3g}, the model's outputs {reach}",
            hint="samples in the units and the normalisation that the model was trained with",
        )
    if not largest:
        raise BadInput(
            "he.calibration", "the model answers zero to all of the calibration, and errors are judged by its outputs", hint="other samples"
        )
    return largest


def input_bounds(graph: Graph, rows: Floats, given: tuple[float, float] | None) -> tuple[Floats, Floats]:
    """(elements,) least and greatest input: as given, or of each channel of a picture, or of each number of a vector and a tenth more.

    A picture's border may be dark in all samples and is not for that always dark; a vector's numbers may have units of their own.

    Raises:
        BadSpec: `he.range-given`. BadInput: `he.calibration`.
    """
    if given is not None:
        low, high = given
        if not (np.isfinite([low, high]).all() and low < high):
            raise BadSpec("he.range-given", f"the range {low:g},{high:g} is no range", hint="--range LOW,HIGH with LOW below HIGH")
        if rows.min() < low or rows.max() > high:
            raise BadInput(
                "he.calibration", f"calibration reaches from {rows.min():g} to {rows.max():g}, beyond --range {low:g},{high:g}", hint="a wider range"
            )
        return np.full(graph.input.size, float(low)), np.full(graph.input.size, float(high))
    if rows.min() == rows.max():
        raise BadInput(
            "he.calibration",
            f"calibration holds no number but {rows.max():g}: that is no range",
            hint="samples like those that will come, or --range",
        )
    if len(graph.input.shape) > 1:
        channels = rows.reshape(len(rows), graph.input.shape[0], -1)
        each = channels.shape[2]
        return np.repeat(channels.min(axis=(0, 2)), each), np.repeat(channels.max(axis=(0, 2)), each)
    below, above = rows.min(axis=0), rows.max(axis=0)
    wider = 0.1 * np.where(above > below, above - below, np.ptp(rows))
    return below - wider, above + wider
