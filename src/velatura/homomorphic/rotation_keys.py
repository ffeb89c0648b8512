"""Fewer rotation keys: a rotation may be made of two whose keys are there, and a key of a large degree weighs megabytes.

Keys are given up one after the other, the one whose uses cost least first; a rotation that two rotations share is made once, so that giving up a key
is often free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from velatura.errors import Unsupported
from velatura.homomorphic.cost import least_milliseconds
from velatura.homomorphic.program import Add, Multiply, Program, ProgramBuilder, Ref, Rotate, Shift, Take, Weigh

__all__ = ["limited", "thrifty"]

Ways = Mapping[int, tuple[int, ...]]


def limited(program: Program, most: int) -> Program:
    """At most so many keys.

    Raises:
        Unsupported: `he.keys` where so few cannot make all rotations.
    """
    ways: dict[int, tuple[int, ...]] = {by: (by,) for by in program.rotations}
    while len(_keys(ways)) > most:
        fewer = _without_one(program, ways)
        if fewer is None:
            raise Unsupported("he.keys", f"{most} rotation keys are too few, {len(_keys(ways))} are needed", hint="a higher --max-key-mb")
        ways = fewer
    return _composed(program, ways)


def thrifty(program: Program, *, slower: float = 0.03) -> Program:
    """As few keys as cost at most the share `slower` of the time."""
    best, allowed = program, (1 + slower) * least_milliseconds(program)
    ways: dict[int, tuple[int, ...]] = {by: (by,) for by in program.rotations}
    while (fewer := _without_one(program, ways)) is not None:
        made = _composed(program, fewer)
        if least_milliseconds(made) > allowed:
            break
        best, ways = made, fewer
    return best


def _keys(ways: Ways) -> set[int]:
    return {by for way in ways.values() for by in way}


def _without_one(program: Program, ways: Ways) -> dict[int, tuple[int, ...]] | None:
    """The ways without the key that is least missed; None where each is needed."""
    uses: Counter[int] = Counter()
    for step in program.steps:
        if isinstance(step, Rotate):
            uses.update(ways[step.by])
    keys = _keys(ways)
    for gone in sorted(keys, key=lambda by: (uses[by], -by)):
        pair = next(((a, b) for a in sorted(keys - {gone}) if (b := (gone - a) % program.slots) in keys - {gone}), None)
        if pair is not None:
            return {by: tuple(part for key in way for part in (pair if key == gone else (key,))) for by, way in ways.items()}
    return None


def _composed(program: Program, ways: Ways) -> Program:
    """The program with each rotation made of its parts, in increasing order, so that those with a common beginning share it."""
    builder = ProgramBuilder(program.slots)
    builder.scales = program.scales
    made: list[Ref] = []
    for step, layer in zip(program.steps, program.layer, strict=True):
        builder.layer = layer
        match step:
            case Take():
                ref = builder.take(step.index, step.source)
            case Rotate():
                ref = made[step.of]
                for by in sorted(ways[step.by]):
                    ref = builder.rotate(ref, by)
            case Weigh():
                like = None if step.like is None else made[step.like]
                ref = builder.weigh([(made[of], program.plains[number]) for of, number in step.terms], scale=step.scale, like=like, lazy=step.lazy)
            case Multiply():
                ref = builder.multiply([(made[a], made[b]) for a, b in step.pairs])
            case Add():
                ref = builder.add([made[of] for of in step.of])
            case Shift():
                ref = builder.shift(made[step.of], program.plains[step.by])
        made.append(ref)
    return builder.build([made[ref] for ref in program.outputs])
