"""Primes and scales for a program: the least error that the security table and the ranges allow.

With every size a power of two, error is a posynomial (`sensitivity`) and each bound (spare bits, sum of all primes, special prime not narrower than
the others) is linear in the exponents: a geometric program, convex, one optimum. It is solved in real numbers; then primes are rounded to whole bits
and moved bit by bit while that helps, scales solved anew each time. Last, the simulator runs samples with the primes that were chosen: its error is
the one that is reported. Against 2^s everywhere this gives several times less error at equal time (notes: eight times for the tutorial's network).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log2
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, Unsupported
from velatura.homomorphic.engine import run
from velatura.homomorphic.exponents import Exponents, exponents, limits
from velatura.homomorphic.levels import Plan, plan
from velatura.homomorphic.parameters import MAX_LOG_QP, PRIME_BITS, Parameters, parameters
from velatura.homomorphic.program import Program
from velatura.homomorphic.ranges import SPARE, Ranges, spare_bits
from velatura.homomorphic.sensitivity import Posynomial, output_variance
from velatura.homomorphic.simulator import Simulator

__all__ = ["Found", "imprecise", "measured_error", "search"]

Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.integer]
ROWS, ROW_SLOTS = 8, 1 << 16
"""Samples of the backward pass, fewer where ciphertexts are long: it holds every step's values."""
TRIALS = 120
"""Chains tried while rounding."""
NEAR = 0.1
"""log2 of the variance: rounding ends where it has cost no more than this (four percent of the error)."""
MOST_SCALE = 100.0
"""Bits, either way: large values are brought down by a scale below one."""
SURELY = 2.0
"""Times the usual deviation: the greatest of ten outputs of two samples is larger than that."""


@dataclass(frozen=True, slots=True)
class Found:
    """
    Args:
        error: greatest deviation of an output element, by the simulator over samples, relative to the largest output.
        spare: least spare bits of all steps under the ranges; `layer` is where.
    """

    parameters: Parameters
    scales: tuple[float, ...]
    plan: Plan
    error: float
    spare: float
    layer: str


def search(
    program: Program,
    inputs: Mapping[tuple[int, int], Floats],
    places: Places,
    ranges: Ranges,
    *,
    seed: int = 0,
    spare: float = SPARE,
    max_log_qp: float | None = None,
    trials: int = TRIALS,
    largest: float | None = None,
    wanted: float = inf,
) -> Found:
    """The chain and scales of least error at the program's own degree (twice its slots). Deterministic by `seed`.

    Args:
        inputs: calibration samples, packed: (source, index) -> (samples, slots).
        places: (outputs, 2) output ciphertext and slot of each output element.
        spare: bits that must be left at each step.
        max_log_qp: beyond the table on somebody's own word; the parameters say so.
        largest: output, to which errors are relative; None: of these samples.
        wanted: greatest relative error; what will certainly pass it is not simulated.

    Raises:
        Unsupported: `he.depth` where the program's levels do not fit under the table, or a value has no bound; `he.precision`.
    """
    if not np.all(np.isfinite(ranges.peak)):
        layer = program.layer[int(np.argmin(np.isfinite(ranges.peak)))]
        raise Unsupported(
            "he.depth", f"a value of {layer} has no bound: it grows beyond every number", hint="fewer layers, or polynomials of lower degree"
        )
    n = 2 * program.slots
    allowed = MAX_LOG_QP[n] if max_log_qp is None else max_log_qp
    unknowns = exponents(program, program.depth + 1)
    rng = np.random.default_rng(seed)
    error = output_variance(program, _rows(inputs), places, unknowns, rng)
    problem = _Problem(unknowns, error, _Bounds.of(program, unknowns, ranges, n, allowed, spare))
    v = _rounded(problem, trials)
    if v is None:
        raise Unsupported(
            "he.depth",
            f"{program.depth} levels do not fit at degree {n}, where 128 bits of security allow primes of {allowed} bits in all",
            hint="fewer layers, polynomials of lower degree, or a greater degree",
        )
    usual = 2.0 ** (error.log2(v) / 2) / (largest or inf)
    if SURELY * usual > wanted:
        raise imprecise(SURELY * usual, wanted, n)
    bits = [round(one) for one in v[: unknowns.primes + 1]]
    chosen = parameters(n, bits[:-1], bits[-1], insecure_ok=max_log_qp is not None)
    scales = tuple(float(2.0**one) for one in v[unknowns.primes + 1 :])
    planned = plan(program, chosen.data, scales)
    left = spare_bits(ranges, planned, chosen.data)
    where = int(np.argmin(left))
    off = measured_error(program, planned, chosen, inputs, places, rng, largest=largest)
    return Found(chosen, scales, planned, off, float(left[where]), program.layer[where])


def imprecise(error: float, wanted: float, n: int) -> Unsupported:
    """`he.precision`."""
    return Unsupported(
        "he.precision",
        f"the outputs would be off by {error:.1e} of the largest, more than {wanted:.1e}, at degree {n}",
        hint="a larger --error (half of it is aimed at), a smaller network, or --share label where results were to be shared",
    )


def measured_error(
    program: Program,
    planned: Plan,
    chosen: Parameters,
    inputs: Mapping[tuple[int, int], Floats],
    places: Places,
    rng: np.random.Generator,
    *,
    largest: float | None = None,
) -> float:
    """Greatest deviation of an output element over the samples, relative to `largest` (else to the largest output of these samples), as the simulator
    has it; infinite where a plain vector has no digit left."""
    scale = planned.scale[next(ref for ref, level in enumerate(planned.level) if level == len(chosen.data))]
    results = []
    for simulator in (Simulator(chosen), Simulator(chosen, rng)):
        fresh = {key: simulator.encrypt(one, scale) for key, one in inputs.items()}
        try:
            outputs = run(program, planned, simulator, fresh)
        except BadInput as error:
            if error.code == "he.transparent":
                return inf
            raise
        results.append(np.stack([outputs[number].values[..., slot] for number, slot in places], axis=-1))
    exact, noisy = results
    return float(np.max(np.abs(noisy - exact)) / max(largest or float(np.max(np.abs(exact))), 1e-300))


@dataclass(frozen=True, slots=True)
class _Bounds:
    """matrix @ v >= least; low <= v <= high."""

    matrix: Floats
    least: Floats
    low: Floats
    high: Floats

    @staticmethod
    def of(program: Program, unknowns: Exponents, ranges: Ranges, n: int, allowed: float, spare: float) -> _Bounds:
        rows: list[Sequence[int]] = []
        least: list[float] = []
        for (level, scale), greatest in limits(program, unknowns, ranges.peak).items():
            rows.append(unknowns.minus(unknowns.left(level), scale))
            least.append(1 + spare + log2(greatest) + 1e-3)  # primes lie a little below their power of two
        for number in range(unknowns.primes):  # the special prime is no narrower than any
            rows.append(unknowns.minus(unknowns.unit(unknowns.primes), unknowns.unit(number)))
            least.append(0.0)
        rows.append(unknowns.times(unknowns.left(unknowns.primes + 1), -1))
        least.append(-float(allowed))
        low = np.full(unknowns.unknowns, -MOST_SCALE)
        low[: unknowns.primes + 1] = max(PRIME_BITS.start, n.bit_length() + 6)  # below, there are too few primes 1 modulo 2n
        high = np.full(unknowns.unknowns, MOST_SCALE)
        high[: unknowns.primes + 1] = PRIME_BITS.stop - 1
        return _Bounds(np.array(rows, np.float64), np.array(least), low, high)


@dataclass(frozen=True, slots=True)
class _Problem:
    unknowns: Exponents
    error: Posynomial
    bounds: _Bounds

    def solved(self, fixed: Floats) -> tuple[Floats, float] | None:
        """The best v whose first entries are `fixed` (none: all are free), and log2 of its variance; None where nothing fits."""
        from scipy.optimize import linprog, minimize

        k = len(fixed)
        if np.any(fixed < self.bounds.low[:k]) or np.any(fixed > self.bounds.high[:k]):
            return None
        rows, least = self.bounds.matrix[:, k:], self.bounds.least - self.bounds.matrix[:, :k] @ fixed
        box = list(zip(self.bounds.low[k:], self.bounds.high[k:], strict=True))
        # a start that holds every bound, with the scales as large as may be
        feasible = linprog(-np.ones(rows.shape[1]), A_ub=-rows, b_ub=-least, bounds=box)
        if not feasible.success:
            return None

        def whole(part: Floats) -> Floats:
            return np.concatenate([fixed, part])

        found = minimize(
            lambda part: self.error.log2(whole(part)),
            feasible.x,
            jac=lambda part: self.error.gradient(whole(part))[k:],
            bounds=box,
            constraints={"type": "ineq", "fun": lambda part: rows @ part - least, "jac": lambda part: rows},
            method="SLSQP",
            options={"maxiter": 100, "ftol": 1e-4},
        )
        best = found.x if np.all(rows @ found.x >= least - 1e-6) else feasible.x
        return whole(best), self.error.log2(whole(best))


def _rounded(problem: _Problem, trials: int) -> Floats | None:
    """The best v with whole bits for primes that was found; None where nothing fits."""
    real = problem.solved(np.empty(0))
    if real is None:
        return None
    primes = _whole(real[0][: problem.unknowns.primes + 1])
    best = problem.solved(primes)
    tried = {tuple(primes)}
    improved = True
    while improved and (best is None or best[1] > real[1] + NEAR):
        improved = False
        for moved in _moves(primes):
            if tuple(moved) in tried or len(tried) > trials:
                continue
            tried.add(tuple(moved))
            found = problem.solved(moved)
            if found is not None and (best is None or found[1] < best[1] - 1e-3):
                best, primes, improved = found, moved, True
                break
    return None if best is None else best[0]


def _whole(bits: Floats) -> Floats:
    """Rounded down, and what that cut off given back where it cut most: the sum does not grow."""
    whole = np.floor(bits + 1e-6)
    missing = int(np.floor(float(np.sum(bits - whole)) + 1e-6))
    whole[np.argsort(whole - bits, kind="stable")[:missing]] += 1
    return whole


def _moves(primes: Floats) -> Iterator[Floats]:
    """A bit from one prime to another."""
    for giver in range(len(primes)):
        for taker in range(len(primes)):
            if giver != taker:
                moved = primes.copy()
                moved[giver] -= 1
                moved[taker] += 1
                yield moved


def _rows(inputs: Mapping[tuple[int, int], Floats]) -> dict[tuple[int, int], Floats]:
    """Samples for the backward pass, the first ones again where there are fewer."""
    return {key: np.resize(one, (max(2, min(ROWS, ROW_SLOTS // one.shape[-1])), one.shape[-1])) for key, one in inputs.items()}
