"""Levels and scales: for a program and a chain of primes, how many primes each step has left and what its scale is, exactly.

Engines compare scales as doubles, so every scale is computed here in the order in which the engine computes it. A plain vector's scale is chosen
such that the product, after its rescaling, lands on the target: target * prime / scale of the ciphertext (notes: exact scale tracking).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from velatura.errors import Unsupported
from velatura.homomorphic.program import Add, Multiply, Program, Rotate, Shift, Take, Weigh, reads, spends

__all__ = ["Plan", "check_scales", "plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One entry for each step.

    Args:
        level: data primes left of the step's result; inputs have all.
        scale: of the step's result.
        raw_scale: of `Weigh` and `Multiply` before they are rescaled, if they are; 0 for the others.
    """

    level: tuple[int, ...]
    scale: tuple[float, ...]
    raw_scale: tuple[float, ...]


def plan(program: Program, primes: Sequence[float], scales: Sequence[float]) -> Plan:
    """
    Args:
        primes: the data primes, in the order of the chain: the last is dropped first. At least `program.depth` + 1.
        scales: the free scales; number 0 is the input's.

    Raises:
        Unsupported: `he.scales` where two things that are added cannot be brought to one scale.
    """
    level: list[int] = []
    scale: list[float] = []
    raw: list[float] = []
    for step in program.steps:
        below = [level[ref] for ref in reads(step)]
        before = 0.0
        match step:
            case Take():
                here, now = len(primes), float(scales[0])
            case Rotate(of=of) | Shift(of=of):
                here, now = level[of], scale[of]
            case Add(of=refs):
                here, now = min(below), scale[refs[0]]
                check_scales(type(step).__name__, [scale[ref] for ref in refs])
            case Weigh():
                here = min(below) - spends(step)
                now = scale[step.like] if step.like is not None else float(scales[step.scale])
                before = now if step.lazy else now * primes[here]
            case Multiply(pairs=pairs):
                here = min(below) - 1
                before = scale[pairs[0][0]] * scale[pairs[0][1]]
                check_scales(type(step).__name__, [scale[a] * scale[b] for a, b in pairs])
                now = before / primes[here]
        level.append(here)
        scale.append(now)
        raw.append(before)
    return Plan(tuple(level), tuple(scale), tuple(raw))


def check_scales(what: str, scales: Sequence[float]) -> None:
    """Things that are added have one scale, as far as rounding of doubles allows.

    Raises:
        Unsupported: `he.scales`.
    """
    if any(abs(one / scales[0] - 1) > 1e-9 for one in scales):
        raise Unsupported(
            "he.scales",
            f"{what} of ciphertexts of different scales",
            hint="this is a mistake of the compiler: please report the model",
        )
