"""The same program on numbers that anyone can read: CKKS's noise and its limits without CKKS.

A ciphertext is the values in its slots, its level and its scale; an operation is numpy's, plus Gaussian noise of the size that the cryptography has.
Tens of milliseconds a network: error prediction and property tests use it; SEAL is needed to confirm. Without a generator it is quiet: no noise,
nothing rounded, exact float64.

Variances of a polynomial's coefficient (SEAL: errors centred binomial, 21 pairs of bits; uniform ternary secret; `s` is 3.24): fresh s^2; rescaling
or dropping the special prime P rounds c0 + c1 s: (1 + 2 n / 3) / 12; a slot's real part deviates by sqrt(n / 2) / scale of the square root of that.
Key switching multiplies digits by the key's errors. SEAL's digits lie in [0, q), so beside the part of variance n s^2 / 12 sum (q / P)^2 there is
a constant one: q / 2 (1 + X + X^2 + ...) times the errors, which in slot j is a bias of variance s^2 sum (q / P)^2 / |1 - zeta^(3^j)|^2. Each key has
its own, the same at every use; it is large in slots 0, 1 and 2 (slot 0 of n = 8192: a hundred times the deviation of the others). Plain vectors are
rounded as the encoder rounds them. Within a factor of two of SEAL, slot 0 apart and for itself (tests/homomorphic/test_seal_public.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, log2, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.homomorphic import embedding
from velatura.homomorphic.levels import check_scales
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.program import Ref

__all__ = ["FRESH", "Plain", "Simulated", "Simulator", "bias_profile", "rounding_variance", "switching_strength", "transparent"]

Floats: TypeAlias = NDArray[np.float64]
FRESH = sqrt(42 / 4)
"""Standard deviation of an error's coefficient: SEAL adds 21 bits and takes 21 away."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """`values`: (..., slots): leading dimensions are samples that go through together. Fewer slots do where nothing is rotated and plain values are
    single numbers (batches)."""

    values: Floats
    level: int
    scale: float


@dataclass(frozen=True, slots=True)
class Plain:
    """`values`: (slots,) or (1,), as they are after rounding."""

    values: Floats
    level: int
    scale: float


class Simulator:
    """A `CkksEngine` over numpy.

    Args:
        rng: draws the noise; None: quiet.

    Attributes:
        room: step -> spare bits: log2 of half the modulus left minus log2 of the greatest |value| * scale, over all slots, those that nobody reads
            included, and products before they are rescaled. Below zero a value has wrapped. Steps are known where `watch` was given to `engine.run`.
        peak: step -> greatest |value| of its result, over all slots.
    """

    def __init__(self, parameters: Parameters, rng: np.random.Generator | None = None) -> None:
        self.parameters = parameters
        self.room: dict[Ref, float] = {}
        self.peak: dict[Ref, float] = {}
        self._rng = rng
        self._step: Ref = -1
        self._biases: dict[int, Floats] = {}
        self._log_q = np.concatenate([[0.0], np.cumsum([log2(prime) for prime in parameters.data])])

    def watch(self, step: Ref) -> None:
        self._step = step

    def least_room(self) -> tuple[float, Ref]:
        """Spare bits where they are fewest, and the step."""
        step = min(self.room, key=self.room.__getitem__, default=-1)
        return self.room.get(step, inf), step

    def encrypt(self, values: Floats, scale: float) -> Simulated:
        """`values`: (..., slots). A fresh ciphertext on the top level."""
        return self._noisy(Simulated(np.asarray(values, np.float64), len(self.parameters.data), scale), FRESH**2 + 1 / 12)

    def decrypt(self, of: Simulated) -> Floats:
        return of.values

    def encode(self, values: Floats, level: int, scale: float) -> Plain:
        if not np.all(np.isfinite(values)):
            raise BadInput("he.not-finite", "a plain vector holds NaN or infinity", hint="check the model's weights")
        return Plain(values if self._rng is None else _rounded(values, scale), level, scale)

    def rotate(self, of: Simulated, by: int) -> Simulated:
        return self._switched(Simulated(np.roll(of.values, -by, axis=-1), of.level, of.scale), key=by)

    def weigh(self, terms: Sequence[tuple[Simulated, Plain]], scale: float) -> Simulated:
        check_scales("Weigh", [scale, *(ciphertext.scale * plain.scale for ciphertext, plain in terms)])
        first, by = terms[0]
        assert all(ciphertext.level == plain.level == first.level for ciphertext, plain in terms), "a product of different levels"
        if not all(plain.values.any() for _, plain in terms):
            raise transparent()
        total = first.values * by.values
        for ciphertext, plain in terms[1:]:
            total += ciphertext.values * plain.values
        return self._seen(Simulated(total, first.level, scale))

    def multiply(self, pairs: Sequence[tuple[Simulated, Simulated]]) -> Simulated:
        check_scales("Multiply", [a.scale * b.scale for a, b in pairs])
        first, other = pairs[0]
        assert all(a.level == b.level == first.level for a, b in pairs), "a product of different levels"
        total = first.values * other.values
        for a, b in pairs[1:]:
            total += a.values * b.values
        return self._switched(Simulated(total, first.level, first.scale * other.scale), key=0)

    def add(self, of: Sequence[Simulated]) -> Simulated:
        check_scales("Add", [one.scale for one in of])
        assert all(one.level == of[0].level for one in of), "a sum of different levels"
        total = of[0].values + of[1].values
        for one in of[2:]:
            total += one.values
        return self._seen(Simulated(total, of[0].level, of[0].scale))

    def shift(self, of: Simulated, by: Plain) -> Simulated:
        check_scales("Shift", [of.scale, by.scale])
        return self._seen(Simulated(of.values + by.values, of.level, of.scale))

    def rescale(self, of: Simulated, scale: float) -> Simulated:
        level = of.level - 1
        assert level >= 1, "the last prime is not dropped"
        check_scales("Rescale", [of.scale / self.parameters.data[level], scale])
        return self._noisy(Simulated(of.values, level, scale), rounding_variance(self.parameters.n))

    def drop(self, of: Simulated, level: int) -> Simulated:
        assert 1 <= level <= of.level, "a level is only dropped"
        return self._seen(Simulated(of.values, level, of.scale))

    def _switched(self, of: Simulated, key: int) -> Simulated:
        """The noise of key switching under a key: of the rotation by that many slots, 0: of products."""
        n, data, special = self.parameters.n, self.parameters.data[: of.level], self.parameters.special
        if self._rng is not None:
            if key not in self._biases:
                self._biases[key] = self._rng.standard_normal(of.values.shape) * np.sqrt(bias_profile(n, of.values.shape[-1]))
            deviation = sqrt(switching_strength(data, special) * n / 2) / of.scale
            of = Simulated(of.values + deviation * self._biases[key], of.level, of.scale)
        return self._noisy(of, switching_strength(data, special) * n / 12 + rounding_variance(n))

    def _noisy(self, of: Simulated, variance: float) -> Simulated:
        """`variance`: of a coefficient."""
        if self._rng is not None:
            deviation = sqrt(variance * self.parameters.n / 2) / of.scale
            of = Simulated(of.values + deviation * self._rng.standard_normal(of.values.shape), of.level, of.scale)
        return self._seen(of)

    def _seen(self, of: Simulated) -> Simulated:
        greatest = float(np.max(np.abs(of.values), initial=0.0))
        if not greatest < inf:
            raise BadInput("he.not-finite", "a value is NaN or infinite", hint="check the input and the model's weights")
        room = float(self._log_q[of.level]) - 1 - log2(max(greatest * of.scale, 1.0))
        self.room[self._step] = min(room, self.room.get(self._step, inf))
        self.peak[self._step] = greatest  # the last operation of a step gives its result
        return of


def rounding_variance(n: int) -> float:
    """Of a coefficient of c0 + c1 s, both rounded."""
    return (1 + 2 * n / 3) / 12


def switching_strength(data: Sequence[float], special: float) -> float:
    """What both parts of key switching's variance are multiples of: n / 12 of it evenly, `bias_profile` of it as a bias. `data`: the primes left."""
    return FRESH**2 * sum((prime / special) ** 2 for prime in data)


@lru_cache(maxsize=8)
def bias_profile(n: int, width: int) -> Floats:
    """(width,) 1 / |1 - zeta^(3^j)|^2: how strongly a key's errors stand in each slot; their mean where only some slots are simulated."""
    profile: Floats = 1 / np.abs(1 - embedding.roots(n)) ** 2 if 2 * width == n else np.full(width, n / 4)
    profile.flags.writeable = False
    return profile


def transparent() -> BadInput:
    """A product with zero, which is no longer encrypted."""
    return BadInput(
        "he.transparent",
        "a plain vector is zero at its scale: its product would not be encrypted",
        hint="weights so small do nothing: leave them out, or give the layer a larger scale",
    )


def _rounded(values: Floats, scale: float) -> Floats:
    """What an encoder makes of plain values."""
    if len(values) == 1:
        return np.rint(values * scale) / scale
    whole = np.rint(embedding.coefficients(values) * scale)
    return np.ascontiguousarray(embedding.slots(whole).real) / scale
