"""What an owner's samples have to be before they are encrypted: of the model's shape, finite, within the bounds for which its ranges hold."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from velatura.errors import BadInput
from velatura.homomorphic.artefacts import ClientArtefact

__all__ = ["checked_input", "number_outside"]

Floats: TypeAlias = NDArray[np.float64]


def checked_input(artefact: ClientArtefact, x: ArrayLike, *, clip: bool = False) -> Floats:
    """Samples as (samples, elements), finite and within the bounds.

    Raises:
        BadInput: `he.shape`, `he.dtype`, `he.not-finite`, `he.empty`, `he.range`, `he.batch`.
    """
    given = np.asarray(x)
    if given.dtype.kind not in "fiu":
        raise BadInput("he.dtype", f"an input of type {given.dtype}", hint="give real numbers; truth values as 0 and 1, if the model takes them so")
    shape = artefact.input_shape
    if given.shape == shape:
        given = given[None]
    if given.shape[1:] not in (shape, (len(artefact.input_low),)):
        raise BadInput("he.shape", f"an input of shape {given.shape}", hint=f"(samples, {', '.join(map(str, shape))}), or one sample")
    if not len(given):
        raise BadInput("he.empty", "no sample is given", hint=f"(samples, {', '.join(map(str, shape))}) with one sample at least")
    if artefact.packing.batch and len(given) > artefact.parameters.slots:
        raise BadInput("he.batch", f"{len(given)} samples in one batch", hint=f"at most {artefact.parameters.slots} at a time")
    values = given.reshape(len(given), -1).astype(np.float64)
    if not np.all(np.isfinite(values)):
        sample, element = np.argwhere(~np.isfinite(values))[0]
        raise BadInput("he.not-finite", f"element {element} of sample {sample} is NaN or infinite", hint="remove or replace it")
    if clip:
        return np.clip(values, artefact.input_low, artefact.input_high)
    outside = (values < artefact.input_low) | (values > artefact.input_high)
    if outside.any():
        sample, element = np.argwhere(outside)[0]
        low, high = artefact.input_low[element], artefact.input_high[element]
        raise BadInput(
            "he.range",
            f"element {element} of sample {sample} is {values[sample, element]:g}, outside the calibrated [{low:g}, {high:g}]; {outside.sum()} are",
            hint="--clip brings values to the bounds; or compile with samples that cover them",
        )
    return values


def number_outside(artefact: ClientArtefact, x: ArrayLike) -> int:
    """How many values of samples that `checked_input` takes lie outside the bounds, and are another value once they are clipped."""
    values = np.asarray(x).reshape(-1, len(artefact.input_low)).astype(np.float64)
    return int(np.count_nonzero((values < artefact.input_low) | (values > artefact.input_high)))
