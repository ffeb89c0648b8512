"""How large a value may become at each step, unused slots and partial sums included: proven by intervals, else measured.

CKKS wraps without a word where |value| * scale passes half the modulus left, and a polynomial explodes outside the range it was fitted to. `proven`
runs the program on intervals: what it says holds for every input within the client's bounds. `calibrated` runs it on samples and adds a margin: it
holds for inputs like those, which is all that can be said where the intervals grow too wide (deep nets, fitted activations).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, log2
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.engine import run
from velatura.homomorphic.levels import Plan, plan
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.program import Add, Multiply, Program, Ref, Shift, Take
from velatura.homomorphic.simulator import Simulator

__all__ = ["MARGIN", "SPARE", "Interval", "Ranges", "calibrated", "chebyshev_arguments", "proven", "spare_bits"]

Floats: TypeAlias = NDArray[np.float64]
MARGIN = 1.25
"""What a measured bound is multiplied by."""
SPARE = 2.0
"""Bits that must be left at each step."""
_ROUNDING = 1e-9
"""Relative; intervals are computed in doubles that round to nearest, far below the noise."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """
    Args:
        peak: (steps,) bound of |value| over all slots of each step's result; not finite where intervals grew beyond every double.
        proven: for every input within the bounds; else measured on samples, with a margin.
        within: each Chebyshev polynomial's argument stays in [-1, 1].
    """

    peak: Floats
    proven: bool
    within: bool


@dataclass(frozen=True, slots=True)
class Interval:
    """low <= value <= high, slot by slot."""

    low: Floats
    high: Floats


def proven(program: Program, inputs: Mapping[tuple[int, int], Interval], *, known: Mapping[str, float] | None = None) -> Ranges:
    """Bounds that hold for all inputs in these intervals; (source, index) -> (slots,) low and high.

    Args:
        known: layer -> bound of |value| of all its steps that the caller proves otherwise: intervals know nothing of norms (Cauchy, Schwarz).
    """
    engine = _Intervals([(known or {}).get(layer, inf) for layer in program.layer])
    with np.errstate(over="ignore", invalid="ignore"):  # bounds beyond every double are no bounds: `search` refuses them
        run(program, _unit_plan(program), engine, inputs, watch=engine.watch)
    for ref, step in enumerate(program.steps):
        if isinstance(step, Take):
            engine.peak[ref] = _peak(inputs[step.source, step.index])
    return Ranges(engine.peak, proven=True, within=_within(program, engine.peak, 1 + _ROUNDING))


def calibrated(program: Program, inputs: Mapping[tuple[int, int], Floats], *, margin: float = MARGIN) -> Ranges:
    """Bounds seen on samples, times `margin`; (source, index) -> (samples, slots)."""
    chain = Parameters(2 * program.slots, (1,) * (program.depth + 1), 1)
    simulator = Simulator(chain)
    run(program, _unit_plan(program), simulator, {key: simulator.encrypt(one, 1.0) for key, one in inputs.items()}, watch=simulator.watch)
    peak = np.zeros(len(program.steps))
    for ref, step in enumerate(program.steps):
        peak[ref] = float(np.max(np.abs(inputs[step.source, step.index]))) if isinstance(step, Take) else simulator.peak[ref]
    return Ranges(peak * margin, proven=False, within=_within(program, peak, 1 + _ROUNDING))


def spare_bits(ranges: Ranges, planned: Plan, primes: Sequence[float]) -> Floats:
    """(steps,) log2 of half the modulus left, minus log2 of the greatest |value| * scale. What is dropped to a lower level is not looked at again."""
    log_q = np.concatenate([[0.0], np.cumsum([log2(prime) for prime in primes])])
    return np.asarray(log_q[list(planned.level)] - 1 - np.log2(np.maximum(ranges.peak * np.array(planned.scale), 1.0)), np.float64)


def chebyshev_arguments(program: Program) -> tuple[Ref, ...]:
    """Steps a of which 2 a^2 - 1 is taken: the doubling of Chebyshev polynomials, which is bounded for |a| <= 1 alone."""
    found = []
    for step in program.steps:
        if isinstance(step, Shift) and program.plains[step.by].tolist() == [-1.0]:
            doubled = program.steps[step.of]
            if isinstance(doubled, Add) and len(doubled.of) == 2 and doubled.of[0] == doubled.of[1]:
                square = program.steps[doubled.of[0]]
                if isinstance(square, Multiply) and len(square.pairs) == 1 and square.pairs[0][0] == square.pairs[0][1]:
                    found.append(square.pairs[0][0])
    return tuple(found)


class _Intervals:
    """A `CkksEngine` over intervals. Plain vectors are themselves; levels and scales are not looked at."""

    def __init__(self, known: Sequence[float]) -> None:
        self.peak = np.zeros(len(known))
        self._known = known
        self._step: Ref = -1

    def watch(self, step: Ref) -> None:
        self._step = step

    def encode(self, values: Floats, level: int, scale: float) -> Floats:
        return values

    def rotate(self, of: Interval, by: int) -> Interval:
        return self._seen(Interval(np.roll(of.low, -by), np.roll(of.high, -by)))

    def weigh(self, terms: Sequence[tuple[Interval, Floats]], scale: float) -> Interval:
        low, high = np.zeros(terms[0][0].low.shape), np.zeros(terms[0][0].low.shape)
        for of, by in terms:
            one, other = of.low * by, of.high * by
            low += np.minimum(one, other)
            high += np.maximum(one, other)
        return self._seen(Interval(low, high))

    def multiply(self, pairs: Sequence[tuple[Interval, Interval]]) -> Interval:
        parts = [_square(a) if a is b else _product(a, b) for a, b in pairs]
        return self._sum(parts)

    def add(self, of: Sequence[Interval]) -> Interval:
        return self._sum(of)

    def shift(self, of: Interval, by: Floats) -> Interval:
        return self._seen(Interval(of.low + by, of.high + by))

    def rescale(self, of: Interval, scale: float) -> Interval:
        return of

    def drop(self, of: Interval, level: int) -> Interval:
        return of

    def _seen(self, of: Interval) -> Interval:
        most = self._known[self._step]
        if most < inf:
            of = Interval(np.maximum(of.low, -most), np.minimum(of.high, most))
        self.peak[self._step] = _peak(of)
        return of

    def _sum(self, parts: Sequence[Interval]) -> Interval:
        return self._seen(Interval(np.sum([one.low for one in parts], axis=0), np.sum([one.high for one in parts], axis=0)))


def _square(of: Interval) -> Interval:
    one, other = of.low**2, of.high**2
    crosses = (of.low < 0) & (of.high > 0)
    return Interval(np.where(crosses, 0.0, np.minimum(one, other)), np.maximum(one, other))


def _product(a: Interval, b: Interval) -> Interval:
    corners = np.stack([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high])
    return Interval(corners.min(axis=0), corners.max(axis=0))


def _peak(of: Interval) -> float:
    return float(max(np.max(np.abs(of.low)), np.max(np.abs(of.high)))) * (1 + _ROUNDING)


def _within(program: Program, peak: Floats, limit: float) -> bool:
    return all(peak[ref] <= limit for ref in chebyshev_arguments(program))


def _unit_plan(program: Program) -> Plan:
    """A plan in which nothing is scaled: for engines that look at values alone."""
    return plan(program, [1.0] * (program.depth + 1), [1.0] * program.scales)
