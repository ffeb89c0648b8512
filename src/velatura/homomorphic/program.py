"""A program over ciphertexts: what the compiler makes and what an engine, the simulator and the range proof all run.

Six kinds of step; each names the steps that it reads by their position. Levels and scales are not here: `levels` gives each step its own for a
chain of primes, so that one program can be tried under many chains. No step knows an engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Add", "Multiply", "Program", "ProgramBuilder", "Ref", "Rotate", "Shift", "Step", "Take", "Weigh", "reads", "spends", "without_gaps"]

Floats: TypeAlias = NDArray[np.float64]
Ref: TypeAlias = int
"""Position of the step that made a ciphertext."""


@dataclass(frozen=True, slots=True)
class Take:
    """The client's `index`-th ciphertext of the kind `source` (0: the sample; training takes weights as source 1)."""

    index: int
    source: int = 0


@dataclass(frozen=True, slots=True)
class Rotate:
    """Slot i of the result is slot i + by (modulo the slots) of `of`. `by` is in [1, slots)."""

    of: Ref
    by: int


@dataclass(frozen=True, slots=True)
class Weigh:
    """Sum of plain vectors times ciphertexts, rescaled: one level, or none.

    Args:
        terms: (ciphertext, plain vector) pairs.
        like: the step whose scale the result shall have exactly (it is added to it later); None: a scale of its own, the `scale`-th of the plan.
        scale: number of that scale; steps of one layer share it.
        lazy: not rescaled: the next product that is divides by a prime wide enough for both.
    """

    terms: tuple[tuple[Ref, int], ...]
    scale: int = 0
    like: Ref | None = None
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class Multiply:
    """Sum of products of ciphertexts, relinearised once and rescaled: one level. The products must have one scale."""

    pairs: tuple[tuple[Ref, Ref], ...]


@dataclass(frozen=True, slots=True)
class Add:
    """Sum of ciphertexts of one scale; those on a higher level are dropped to the lowest first."""

    of: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """A plain vector added."""

    of: Ref
    by: int


Step: TypeAlias = Take | Rotate | Weigh | Multiply | Add | Shift


@dataclass(frozen=True, slots=True)
class Program:
    """
    Args:
        slots: of a ciphertext, a power of two.
        steps: each reads earlier ones only.
        plains: plain vectors, (slots,) or (1,) for the same number in each slot.
        outputs: steps whose ciphertexts go back.
        scales: how many scales are free (at least 1: number 0 is the input's).
        layer: for each step the name of the node that it was made for.
    """

    slots: int
    steps: tuple[Step, ...]
    plains: tuple[Floats, ...]
    outputs: tuple[Ref, ...]
    scales: int
    layer: tuple[str, ...]

    @property
    def rotations(self) -> tuple[int, ...]:
        """Steps by which something is rotated, in increasing order: one key each."""
        return tuple(sorted({step.by for step in self.steps if isinstance(step, Rotate)}))

    @property
    def depth(self) -> int:
        """Primes that are consumed on the longest way from input to output."""
        return max((self.depths()[ref] for ref in self.outputs), default=0)

    def depths(self) -> list[int]:
        """For each step the rescalings on the longest way to it."""
        depths: list[int] = []
        for step in self.steps:
            below = max((depths[ref] for ref in reads(step)), default=0)
            depths.append(below + spends(step))
        return depths


def spends(step: Step) -> int:
    """Primes that a step drops: one, or none."""
    return int(isinstance(step, Multiply) or (isinstance(step, Weigh) and not step.lazy))


def reads(step: Step) -> tuple[Ref, ...]:
    """The steps that a step reads (`like` is a scale, not a reading)."""
    match step:
        case Take():
            return ()
        case Rotate(of=of) | Shift(of=of):
            return (of,)
        case Weigh(terms=terms):
            return tuple(ref for ref, _ in terms)
        case Multiply(pairs=pairs):
            return tuple(ref for pair in pairs for ref in pair)
        case Add(of=refs):
            return refs


def without_gaps(program: Program) -> tuple[Program, list[int]]:
    """The sample's ciphertexts that are read, numbered anew, and what their numbers were: what no step reads need not travel."""
    read = sorted({step.index for step in program.steps if isinstance(step, Take) and step.source == 0})
    number = {old: new for new, old in enumerate(read)}
    steps = tuple(Take(number[step.index]) if isinstance(step, Take) and step.source == 0 else step for step in program.steps)
    return replace(program, steps=steps), read


@dataclass(slots=True)
class ProgramBuilder:
    """Collects steps; equal ones are made once."""

    slots: int
    steps: list[Step] = field(default_factory=list)
    plains: list[Floats] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    layer: str = ""
    scales: int = 1
    _known: dict[Step, Ref] = field(default_factory=dict)
    _kept: dict[bytes, int] = field(default_factory=dict)

    def new_scale(self) -> int:
        """The number of a free scale."""
        self.scales += 1
        return self.scales - 1

    def take(self, index: int, source: int = 0) -> Ref:
        return self._put(Take(index, source))

    def rotate(self, of: Ref, by: int) -> Ref:
        by %= self.slots
        return self._put(Rotate(of, by)) if by else of

    def weigh(self, terms: Sequence[tuple[Ref, Floats]], *, scale: int = 0, like: Ref | None = None, lazy: bool = False) -> Ref:
        """Terms whose plain vector is zero are left out: engines refuse them (a transparent ciphertext). At least one must be left."""
        kept = tuple((ref, self.plain(vector)) for ref, vector in terms if np.any(vector))
        assert kept, "a sum of nothing is for the caller to see"
        return self._put(Weigh(kept, scale, like, lazy))

    def multiply(self, pairs: Sequence[tuple[Ref, Ref]]) -> Ref:
        return self._put(Multiply(tuple(pairs)))

    def add(self, of: Sequence[Ref]) -> Ref:
        return self._put(Add(tuple(of))) if len(of) > 1 else of[0]

    def shift(self, of: Ref, by: Floats) -> Ref:
        return self._put(Shift(of, self.plain(by))) if np.any(by) else of

    def plain(self, vector: Floats) -> int:
        vector = np.ascontiguousarray(np.atleast_1d(vector), np.float64)
        assert len(vector) in (1, self.slots), "a plain vector fills all slots or is one number"
        if len(vector) > 1 and np.all(vector == vector[0]):
            vector = vector[:1]
        key = vector.tobytes()
        if key not in self._kept:
            self._kept[key] = len(self.plains)
            self.plains.append(vector)
        return self._kept[key]

    def build(self, outputs: Sequence[Ref]) -> Program:
        """The program, without steps and plain vectors that no output needs."""
        needed = [False] * len(self.steps)
        for ref in outputs:
            needed[ref] = True
        for ref in reversed(range(len(self.steps))):
            step = self.steps[ref]
            if needed[ref]:
                for below in (*reads(step), *((step.like,) if isinstance(step, Weigh) and step.like is not None else ())):
                    needed[below] = True
        place = {old: new for new, old in enumerate(ref for ref, here in enumerate(needed) if here)}
        plains: dict[int, int] = {}
        steps = tuple(_moved(self.steps[old], place, plains) for old in place)
        return Program(
            self.slots,
            steps,
            tuple(self.plains[number] for number in plains),
            tuple(place[ref] for ref in outputs),
            self.scales,
            tuple(self.layers[old] for old in place),
        )

    def _put(self, step: Step) -> Ref:
        if step not in self._known:
            self._known[step] = len(self.steps)
            self.steps.append(step)
            self.layers.append(self.layer)
        return self._known[step]


def _moved(step: Step, place: dict[Ref, Ref], plains: dict[int, int]) -> Step:
    """A step with its references and plain vectors renumbered; `plains` grows by those that are seen first."""
    match step:
        case Take():
            return step
        case Rotate():
            return Rotate(place[step.of], step.by)
        case Weigh():
            terms = tuple((place[ref], plains.setdefault(number, len(plains))) for ref, number in step.terms)
            return Weigh(terms, step.scale, None if step.like is None else place[step.like], step.lazy)
        case Multiply():
            return Multiply(tuple((place[a], place[b]) for a, b in step.pairs))
        case Add():
            return Add(tuple(place[ref] for ref in step.of))
        case Shift():
            return Shift(place[step.of], plains.setdefault(step.by, len(plains)))
