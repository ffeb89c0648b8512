"""What a program costs before a key exists: milliseconds, bytes that travel, bytes that the server holds.

Time is a sum over operations. With l data primes left, a rotation or relinearisation takes a l (l + 1) + b l (one decomposition into l digits, each
transformed under l + 1 primes), all else is linear in l. The factors below were measured on one core of an AMD EPYC with TenSEAL 0.3.18; `calibrate`
measures them anew. Within a factor of two on machines like that; SEAL's transforms dominate, so ratios hold more widely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import exp, log
from types import MappingProxyType

from velatura.homomorphic.levels import Plan, plan
from velatura.homomorphic.parameters import PRIME_BITS, Parameters
from velatura.homomorphic.program import Add, Multiply, Program, Ref, Rotate, Shift, Weigh, spends
from velatura.specs import Spec

__all__ = ["MEASURED", "Factors", "Prices", "Sizes", "least_milliseconds", "milliseconds", "operations", "prices", "sizes"]


class Factors(Spec, frozen=True):
    """Milliseconds at one degree, for each data prime left; `switch_square` for each l (l + 1)."""

    n: int
    switch_square: float
    switch: float
    weigh: float
    multiply: float
    square: float
    rescale: float
    add: float
    drop: float
    encode: float
    encode_number: float


MEASURED: tuple[Factors, ...] = (
    Factors(8192, 0.0625, 0.4625, 0.055, 0.12, 0.085, 0.22, 0.015, 0.02, 0.145, 0.004),
    Factors(16384, 0.179, 0.813, 0.11, 0.24, 0.171, 0.41, 0.0275, 0.04, 0.28, 0.008),
)


_BYTES = (
    *(3.32, 3.43, 3.55, 3.56, 3.48, 3.93, 4.08, 4.24, 4.38, 4.46),  # 20 to 29 bits
    *(4.52, 4.47, 4.34, 4.89, 5.09, 5.32, 5.51, 5.70, 5.86, 5.97),
    *(6.05, 6.23, 6.41, 6.55, 6.67, 6.73, 6.81, 6.84, 6.88, 7.06),
    *(7.21, 7.33, 7.43, 7.50, 7.54, 7.55, 7.58, 7.68, 7.78, 7.87, 8.02),
)
PACKED: Mapping[int, float] = MappingProxyType(dict(zip(PRIME_BITS, _BYTES, strict=True)))
"""Bits of a prime -> bytes of a residue as SEAL compresses them, measured where all primes are of one size. It does best where bits fill bytes."""
_MIXED = 0.02 * 16384
"""Over n, the share that compression loses where primes of different sizes come together in its blocks of 128 KiB (measured: at most)."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes.

    Args:
        upload: one fresh ciphertext, half of it a seed. `result`: one that comes back, on its level.
        evaluation_keys: as they travel, half of each a seed.
        keys_held, plains_held: in the server's memory: evaluation keys unpacked, plain vectors encoded (single numbers are not kept).
    """

    upload: int
    result: int
    evaluation_keys: int
    keys_held: int
    plains_held: int


@dataclass(frozen=True, slots=True)
class Prices:
    """Milliseconds of single operations at one degree, for the search of layouts."""

    switch_square: float
    switch: float
    term: float
    division: float

    def rotate(self, level: int) -> float:
        return self.switch_square * level * (level + 1) + self.switch * level

    def weigh(self, level: int) -> float:
        """One product with a plain vector, added."""
        return self.term * level

    def rescale(self, level: int) -> float:
        return self.division * level


@cache
def prices(slots: int) -> Prices:
    """By the measured factors."""
    at = _at(2 * slots, MEASURED)
    return Prices(at["switch_square"], at["switch"], at["weigh"] + at["add"], at["rescale"])


def least_milliseconds(program: Program) -> float:
    """Time on the shortest chain that the program fits, before its primes are known."""
    return milliseconds(program, plan(program, [1.0] * (program.depth + 1), [1.0] * program.scales))


def operations(program: Program, planned: Plan) -> Counter[tuple[str, int]]:
    """(operation, data primes left) -> how many. `encode`: different vectors at different levels and scales; `encode_number`: each use of one."""
    found: Counter[tuple[str, int]] = Counter()
    encoded: set[tuple[int, int, float]] = set()
    for ref, step in enumerate(program.steps):
        level = planned.level[ref]
        match step:
            case Rotate():
                found["switch", level] += 1
            case Weigh():
                above = level + spends(step)
                found["weigh", above] += len(step.terms)
                found["add", above] += len(step.terms) - 1
                found["rescale", above] += spends(step)
                found["drop", above] += _dropped(planned, [of for of, _ in step.terms], above)
                for of, number in step.terms:
                    if len(program.plains[number]) == 1:
                        found["encode_number", above] += 1
                    else:
                        encoded.add((number, above, planned.raw_scale[ref] / planned.scale[of]))
            case Multiply():
                for a, b in step.pairs:
                    found["square" if a == b else "multiply", level + 1] += 1
                found["add", level + 1] += len(step.pairs) - 1
                found["switch", level + 1] += 1
                found["rescale", level + 1] += 1
                found["drop", level + 1] += _dropped(planned, [of for pair in step.pairs for of in dict.fromkeys(pair)], level + 1)
            case Add():
                found["add", level] += len(step.of) - 1
                found["drop", level] += _dropped(planned, step.of, level)
            case Shift():
                found["add", level] += 1
                if len(program.plains[step.by]) == 1:
                    found["encode_number", level] += 1
                else:
                    encoded.add((step.by, level, planned.scale[ref]))
    found.update(("encode", level) for _, level, _ in encoded)
    return +found


def milliseconds(program: Program, planned: Plan, *, encoding: bool = False, measured: tuple[Factors, ...] = MEASURED) -> float:
    """Time of one run on one core. `encoding`: the first run, which encodes the plain vectors."""
    at = _at(2 * program.slots, measured)
    total = 0.0
    for (operation, level), count in operations(program, planned).items():
        if operation == "switch":
            total += count * (at["switch_square"] * level * (level + 1) + at["switch"] * level)
        elif encoding or operation != "encode":
            total += count * at[operation] * level
    return total


def sizes(program: Program, planned: Plan, parameters: Parameters) -> Sizes:
    """Bytes of a program. What travels is compressed by SEAL: estimated within a twentieth, evaluation keys from above."""
    n, count = parameters.n, len(parameters.data)
    keys = len(program.rotations) + any(isinstance(step, Multiply) for step in program.steps)
    found = operations(program, planned)
    level = planned.level[program.outputs[0]]
    return Sizes(
        upload=round(n * _packed(n, parameters.data)),
        result=round(2 * n * _packed(n, parameters.data[:level])),
        evaluation_keys=round(keys * n * count * _packed(n, (*parameters.data, parameters.special))),
        keys_held=keys * 2 * n * count * (count + 1) * 8,
        plains_held=sum(number * n * primes * 8 for (operation, primes), number in found.items() if operation == "encode"),
    )


def _packed(n: int, primes: tuple[int, ...]) -> float:
    """Bytes of one coefficient under all primes. SEAL writes eight for each and compresses them, which finds the zeros and little else."""
    together = sum(PACKED[prime.bit_length()] for prime in primes)
    return together * (1 + _MIXED / n) if len({prime.bit_length() for prime in primes}) > 1 else together


def _dropped(planned: Plan, refs: list[Ref] | tuple[Ref, ...], level: int) -> int:
    return sum(planned.level[of] > level for of in refs)


def _at(n: int, measured: tuple[Factors, ...]) -> Mapping[str, float]:
    """Factors at a degree: on the straight line, in logarithms, through the two measured ones that are nearest."""
    ordered = sorted(measured, key=lambda one: abs(log(one.n / n)))
    names = [name for name in Factors.__struct_fields__ if name != "n"]
    if len(ordered) == 1 or ordered[0].n == n:
        return {name: getattr(ordered[0], name) * n / ordered[0].n for name in names}
    a, b = ordered[:2]
    share = log(n / a.n) / log(b.n / a.n)
    return {name: exp((1 - share) * log(getattr(a, name)) + share * log(getattr(b, name))) for name in names}
