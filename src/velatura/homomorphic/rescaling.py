"""Fewer and wider primes: a layer's products need not be rescaled where the next product's prime is wide enough for both.

What a step costs goes by the number of primes that are left, not by their bits, and the last layer need not be rescaled at all. The price is digits:
two products share one prime's bits, so weights keep fewer of them. Single numbers (a batch's weights) lose nothing by that; a plain vector's rounding
error grows with the degree's root, and there it shows. (EVA, Dathathri et al., PLDI 2020, calls it waterline rescaling.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from velatura.homomorphic.program import Program, Weigh

__all__ = ["lazily"]


def lazily(program: Program) -> Iterator[Program]:
    """The program with the last layers not rescaled: all of them first, which is fastest, then one less and so on, in the end the program itself."""
    layers = list(dict.fromkeys(step.scale for step in program.steps if isinstance(step, Weigh) and step.like is None))
    for first in range(len(layers)):
        late = frozenset(layers[first:])
        yield replace(program, steps=tuple(_lazy(step, late) if isinstance(step, Weigh) else step for step in program.steps))
    yield program


def _lazy(step: Weigh, layers: frozenset[int]) -> Weigh:
    return replace(step, lazy=True) if step.like is None and step.scale in layers else step
