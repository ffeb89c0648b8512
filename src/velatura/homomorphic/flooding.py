"""Noise over a decryption before it is given out, so that it does not tell the key.

Decrypted numbers carry the ciphertext's error, and the error is a linear equation in the key (Li, Micciancio, EUROCRYPT 2021, eprint 2020/1533).
A discrete Gaussian on each *coefficient* of the decrypted polynomial, sqrt(12 tau) 2^(s/2) times as wide as the error can be, leaves an adversary
who sees tau decryptions an advantage of about 2^-s (Li, Micciancio, Schultz, Sorrell, CRYPTO 2022, corollary 2, as OpenFHE applies it).
The error's bound is the simulator's at the corners of the input's range, times six: an error grows with its message. Noise comes from the
operating system, drawn exactly (`velatura.dp.mechanisms`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from math import ceil, log2, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.dp.mechanisms import gaussian
from velatura.homomorphic import embedding
from velatura.homomorphic.compiled import Compiled, pack
from velatura.homomorphic.engine import run
from velatura.homomorphic.levels import plan
from velatura.homomorphic.sharing import Sharing
from velatura.homomorphic.simulator import Simulator

__all__ = ["CERTAINTY", "flooded", "flooding_bits", "own_noise", "slot_deviation", "strength"]

Floats: TypeAlias = NDArray[np.float64]
CERTAINTY = 6.0
"""Standard deviations of its error that a ciphertext is taken to have at most."""
_CORNERS = 16


def strength(sharing: Sharing) -> float:
    """Width of the flooding noise, in bounds of the ciphertext's own."""
    assert sharing.queries is not None, "public answers are always limited"
    return sqrt(12 * sharing.queries * 2.0**sharing.statistical_bits)


def flooding_bits(sharing: Sharing) -> float:
    """Bits that a result loses to flooding: the compiler chooses the chain so much finer."""
    return log2(CERTAINTY * strength(sharing)) if sharing.share == "public" else 0.0


def own_noise(compiled: Compiled, *, seed: int = 0) -> tuple[float, ...]:
    """For each output the bound of its error's coefficients: `CERTAINTY` deviations, as the simulator has them for inputs at the range's corners."""
    rng = np.random.default_rng(seed)
    corners = np.where(rng.random((_CORNERS, len(compiled.input_low))) < 0.5, compiled.input_low, compiled.input_high)
    corners[0], corners[1] = compiled.input_low, compiled.input_high
    planned = plan(compiled.program, compiled.parameters.data, compiled.scales)
    # with a batch the samples lie in slots, and the rest of them is left out: nothing is rotated there
    packed = pack(compiled.packing, _CORNERS if compiled.packing.batch else compiled.program.slots, corners)

    def outputs(simulator: Simulator) -> list[Floats]:
        inputs = {(0, number): simulator.encrypt(packed[:, number], compiled.scales[0]) for number in range(packed.shape[1])}
        return [one.values for one in run(compiled.program, planned, simulator, inputs)]

    found = []
    for ref, exact, noisy in zip(
        compiled.program.outputs, outputs(Simulator(compiled.parameters)), outputs(Simulator(compiled.parameters, rng)), strict=True
    ):
        deviation = float(np.sqrt(np.mean((noisy - exact) ** 2, axis=-1)).max())
        found.append(CERTAINTY * max(deviation * planned.scale[ref] / sqrt(compiled.parameters.n / 2), 1.0))
    return tuple(found)


def slot_deviation(sigma: float, *, n: int, scale: float) -> float:
    """What noise of `sigma` on coefficients does to the real part of a slot."""
    return sigma * sqrt(n / 2) / scale


def flooded(values: NDArray[np.complex128], sigma: float, *, scale: float, entropy: Callable[[int], bytes] = os.urandom) -> Floats:
    """Decrypted slots (slots,) with noise of `sigma` on every coefficient; real parts."""
    variance = Fraction(ceil(sigma * sigma))
    polynomial = np.rint(embedding.coefficients(values) * scale)
    noise = np.array([gaussian(variance, entropy) for _ in range(len(polynomial))], np.float64)
    return np.ascontiguousarray(embedding.slots(polynomial + noise).real) / scale
