"""How much the noise of each step matters at the output: the error of a program as a sum of powers of two, before any chain is chosen.

To first order an output's error is the sum over steps of (derivative of the output by the step's value) times (the step's noise). The derivatives
do not depend on levels and scales, so one backward pass finds them all, and what is left is a posynomial: sum of c * 2^(a . v) over the unknown
bits v of primes and scales, evaluated in microseconds. Derivatives by chance: an output's signs are drawn at random (Hutchinson), so that a pass
serves all outputs at once; correlations between slots, copies and uses of one key are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic import embedding
from velatura.homomorphic.exponents import Exponents, Row
from velatura.homomorphic.program import Add, Multiply, Program, Ref, Rotate, Shift, Step, Take, Weigh, spends
from velatura.homomorphic.simulator import FRESH, bias_profile, rounding_variance

__all__ = ["Posynomial", "output_variance", "values"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Posynomial:
    """sum of coefficients * 2^(rows @ v); v: bits of the data primes, of the special one, of the scales.

    Args:
        rows: (terms, unknowns).
        log_coefficients: (terms,) log2.
    """

    rows: Floats
    log_coefficients: Floats

    def log2(self, v: Floats) -> float:
        return float(np.logaddexp2.reduce(self.rows @ v + self.log_coefficients))

    def gradient(self, v: Floats) -> Floats:
        """Of `log2`."""
        exponents = self.rows @ v + self.log_coefficients
        weights = np.exp2(exponents - exponents.max())
        return np.asarray(weights @ self.rows / weights.sum(), np.float64)


def values(program: Program, inputs: Mapping[tuple[int, int], Floats]) -> list[Floats]:
    """Each step's exact values, (samples, slots); rotations are left out (an empty array), `_value` makes them."""
    made: list[Floats] = []
    for step in program.steps:
        match step:
            case Take():
                made.append(inputs[step.source, step.index])
            case Rotate():
                made.append(np.empty(0))
            case Weigh():
                made.append(_sum(_value(program, made, ref) * program.plains[number] for ref, number in step.terms))
            case Multiply():
                made.append(_sum(_value(program, made, a) * _value(program, made, b) for a, b in step.pairs))
            case Add():
                made.append(_sum(_value(program, made, ref) for ref in step.of))
            case Shift():
                made.append(_value(program, made, step.of) + program.plains[step.by])
    return made


def output_variance(
    program: Program, inputs: Mapping[tuple[int, int], Floats], places: NDArray[np.integer], exponents: Exponents, rng: np.random.Generator
) -> Posynomial:
    """The mean variance of the output's elements.

    Args:
        inputs: (source, index) -> (samples, slots): each sample is one row with signs of its own; eight are enough.
        places: (outputs, 2) which of the program's outputs, and which slot, each element is read from.
    """
    exact = values(program, inputs)
    shape = next(iter(inputs.values())).shape
    collected = _Terms(program, exponents, shape[-1])
    derivative: dict[Ref, Floats] = {}
    for number, ref in enumerate(program.outputs):
        signs = np.zeros(shape)
        slots = places[places[:, 0] == number, 1]
        signs[:, slots] = rng.choice([-1.0, 1.0], (shape[0], len(slots))) / np.sqrt(len(places))
        derivative[ref] = derivative.get(ref, 0.0) + signs
    for ref in reversed(range(len(program.steps))):
        if (d := derivative.pop(ref, None)) is None:
            continue
        step = program.steps[ref]
        collected.noise(ref, d)
        for below, part in _passed_on(program, exact, step, d, collected, ref):
            derivative[below] = derivative[below] + part if below in derivative else part
    return collected.posynomial()


def _passed_on(program: Program, exact: Sequence[Floats], step: Step, d: Floats, collected: _Terms, ref: Ref) -> list[tuple[Ref, Floats]]:
    """The derivative by each step that this one reads."""
    match step:
        case Rotate():
            return [(step.of, np.roll(d, step.by, axis=-1))]
        case Shift():
            return [(step.of, d)]
        case Add():
            return [(of, d) for of in step.of]
        case Weigh():
            for of, number in step.terms:
                collected.encoding(ref, of, number, d * _value(program, exact, of))
            return [(of, d * program.plains[number]) for of, number in step.terms]
        case Multiply():
            parts = []
            for a, b in step.pairs:
                parts += [(a, d * _value(program, exact, b)), (b, d * _value(program, exact, a))]
            return parts
    return []


class _Terms:
    """Gathers coefficients by their exponents."""

    def __init__(self, program: Program, exponents: Exponents, width: int) -> None:
        self._program, self._exponents = program, exponents
        self._n, self._slot = 2 * program.slots, program.slots  # a coefficient's variance times n / 2 is a slot's
        self._profile = bias_profile(2 * program.slots, width)
        self._found: defaultdict[Row, float] = defaultdict(float)
        self._biases: dict[tuple[int, int, Row], Floats] = {}
        self._filled: dict[int, float] = {}

    def noise(self, ref: Ref, d: Floats) -> None:
        """What the step itself adds to its result, whose derivative is `d`."""
        exponents, step = self._exponents, self._program.steps[ref]
        at_scale = exponents.times(exponents.scale[ref], -2)
        if isinstance(step, Take):
            self._add(at_scale, self._slot * (FRESH**2 + 1 / 12) * _square(d))
        if isinstance(step, Rotate):
            self._key_switching(step.by, exponents.level[ref], exponents.scale[ref], d)
        if isinstance(step, Multiply):
            self._key_switching(0, exponents.level[ref] + 1, exponents.raw[ref], d)
        if spends(step):
            self._add(at_scale, self._slot * rounding_variance(self._n) * _square(d))
        if isinstance(step, Shift):
            self._encoding(step.by, at_scale, d)

    def encoding(self, ref: Ref, of: Ref, number: int, d: Floats) -> None:
        """The rounding of a plain vector by which `of` is weighed; `d`: derivative by the vector."""
        exponents = self._exponents
        self._encoding(number, exponents.times(exponents.minus(exponents.raw[ref], exponents.scale[of]), -2), d)

    def posynomial(self) -> Posynomial:
        for (_, level, scale), d in self._biases.items():
            self._strength(level, scale, self._slot * float(np.mean(np.sum(d**2 * self._profile, axis=-1))))
        kept = {row: c for row, c in self._found.items() if c > 0}
        return Posynomial(np.array(list(kept), np.float64), np.log2(list(kept.values())))

    def _key_switching(self, key: int, level: int, scale: Row, d: Floats) -> None:
        self._strength(level, scale, self._slot * self._n / 12 * _square(d))
        self._add(self._exponents.times(scale, -2), self._slot * rounding_variance(self._n) * _square(d))
        where = (key, level, scale)  # a key's bias is the same at each use: derivatives add up before they are squared
        self._biases[where] = self._biases[where] + d if where in self._biases else d

    def _strength(self, level: int, scale: Row, coefficient: float) -> None:
        """`simulator.switching_strength` times a coefficient."""
        for row in self._exponents.digits(level, scale):
            self._add(row, FRESH**2 * coefficient)

    def _encoding(self, number: int, row: Row, d: Floats) -> None:
        plain = self._program.plains[number]
        if len(plain) == 1:  # one number, one rounding
            self._add(row, float(np.mean(np.sum(d, axis=-1) ** 2)) / 12)
            return
        if number not in self._filled:
            self._filled[number] = embedding.filled(plain)
        self._add(row, self._slot * self._filled[number] / 12 * _square(d))

    def _add(self, row: Row, coefficient: float) -> None:
        self._found[row] += coefficient


def _value(program: Program, made: Sequence[Floats], ref: Ref) -> Floats:
    by = 0
    while isinstance(step := program.steps[ref], Rotate):
        ref, by = step.of, by + step.by
    return np.roll(made[ref], -by, axis=-1) if by else made[ref]


def _square(d: Floats) -> float:
    """Mean over samples of the sum over slots."""
    return float(np.mean(np.sum(d * d, axis=-1)))


def _sum(parts: Iterable[Floats]) -> Floats:
    """One at a time: there may be hundreds."""
    total: Floats | None = None
    for part in parts:
        total = part.copy() if total is None else total + part
    assert total is not None, "a sum of nothing"
    return total
