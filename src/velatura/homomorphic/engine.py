"""The protocol that every CKKS engine answers to, and the one loop that runs a program on it.

Levels are numbers of data primes left; a scale is the factor by which values are multiplied before they are rounded. The compiler never sees an
engine's types: `run` is all that stands between a `Program` and SEAL, the simulator or the range proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.levels import Plan
from velatura.homomorphic.program import Add, Multiply, Program, Ref, Rotate, Shift, Take, Weigh, reads, spends

__all__ = ["CkksEngine", "run"]

Floats: TypeAlias = NDArray[np.float64]
C = TypeVar("C")
P = TypeVar("P")


class CkksEngine(Protocol[C, P]):
    """What a program needs of an engine. Ciphertexts are never changed in place: a step's result may be read by several."""

    def encode(self, values: Floats, level: int, scale: float) -> P:
        """`values`: (slots,) or (1,)."""
        ...

    def rotate(self, of: C, by: int) -> C: ...

    def weigh(self, terms: Sequence[tuple[C, P]], scale: float) -> C:
        """Sum of products with plain vectors; not rescaled. `scale`: the products', up to rounding of doubles; the result's is set to it."""
        ...

    def multiply(self, pairs: Sequence[tuple[C, C]]) -> C:
        """Sum of products, relinearised once; not rescaled."""
        ...

    def add(self, of: Sequence[C]) -> C: ...

    def shift(self, of: C, by: P) -> C: ...

    def rescale(self, of: C, scale: float) -> C:
        """Divides by the last prime and drops it. `scale`: what that gives up to rounding of doubles; the result's is set to it."""
        ...

    def drop(self, of: C, level: int) -> C:
        """Leaves primes away; the scale stays."""
        ...


def run(
    program: Program,
    plan: Plan,
    engine: CkksEngine[C, P],
    inputs: Mapping[tuple[int, int], C],
    *,
    plains: dict[tuple[int, int, float], P] | None = None,
    watch: Callable[[Ref], None] | None = None,
) -> list[C]:
    """The outputs' ciphertexts.

    Args:
        inputs: (source, index) -> ciphertext on the plan's top level.
        plains: a memory of encoded vectors that the caller keeps from run to run: (number, level, scale) -> encoded. None: each is encoded when used.
        watch: told each step before it is made (the simulator says by it where least room was left).
    """
    left = _last_readers(program)
    values: dict[Ref, C] = {}

    def encoded(number: int, level: int, scale: float) -> P:
        key = (number, level, scale)
        if plains is not None and key in plains:
            return plains[key]
        made = engine.encode(program.plains[number], level, scale)
        if plains is not None and len(program.plains[number]) > 1:  # one number is encoded in microseconds, and would take a vector's memory
            plains[key] = made
        return made

    def at(ref: Ref, level: int) -> C:
        return values[ref] if plan.level[ref] == level else engine.drop(values[ref], level)

    def both(a: Ref, b: Ref, level: int) -> tuple[C, C]:
        one = at(a, level)
        return one, one if a == b else at(b, level)  # one thing twice is a square: engines do that cheaper

    for ref, step in enumerate(program.steps):
        level, scale = plan.level[ref], plan.scale[ref]
        if watch is not None:
            watch(ref)
        match step:
            case Take():
                values[ref] = inputs[step.source, step.index]
            case Rotate():
                values[ref] = engine.rotate(values[step.of], step.by)
            case Weigh():
                raw = plan.raw_scale[ref]
                above = level + spends(step)
                terms = [(at(of, above), encoded(number, above, raw / plan.scale[of])) for of, number in step.terms]
                values[ref] = engine.weigh(terms, raw)
                if not step.lazy:
                    values[ref] = engine.rescale(values[ref], scale)
            case Multiply():
                values[ref] = engine.rescale(engine.multiply([both(a, b, level + 1) for a, b in step.pairs]), scale)
            case Add():
                values[ref] = engine.add([at(of, level) for of in step.of])
            case Shift():
                values[ref] = engine.shift(values[step.of], encoded(step.by, level, scale))
        for done in {*reads(step), ref}:
            if left[done] <= ref and done not in program.outputs:
                values.pop(done, None)
    return [values[ref] for ref in program.outputs]


def _last_readers(program: Program) -> list[Ref]:
    """For each step the last one that reads it (itself where none does), so that memory is given back early."""
    last = list(range(len(program.steps)))
    for ref, step in enumerate(program.steps):
        for below in reads(step):
            last[below] = ref
    return last
