"""A program as it stands in a file: its steps as short JSON lists, its plain vectors as one array; and the checks that a read one has to pass.

A program from a file is somebody's claim. Every figure is looked at before an engine sees it: what a step reads lies before it, rotations lie within
the slots, plain vectors have the slots' length, levels suffice, and scales that are added agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, Unsupported
from velatura.homomorphic.levels import Plan, plan
from velatura.homomorphic.packed_arrays import refused
from velatura.homomorphic.parameters import MAX_LOG_QP, PRIME_BITS, Parameters
from velatura.homomorphic.program import Add, Multiply, Program, Rotate, Shift, Step, Take, Weigh, reads

__all__ = ["ParametersForm", "StepForm", "check_parameters", "check_program", "formed", "inputs_of", "joined_plains", "parted_plains", "read_steps"]

Floats: TypeAlias = NDArray[np.float64]


class _Take(msgspec.Struct, frozen=True, array_like=True, tag="take", forbid_unknown_fields=True):
    index: int
    source: int


class _Rotate(msgspec.Struct, frozen=True, array_like=True, tag="rotate", forbid_unknown_fields=True):
    of: int
    by: int


class _Weigh(msgspec.Struct, frozen=True, array_like=True, tag="weigh", forbid_unknown_fields=True):
    terms: tuple[tuple[int, int], ...]
    scale: int
    like: int | None
    lazy: bool


class _Multiply(msgspec.Struct, frozen=True, array_like=True, tag="multiply", forbid_unknown_fields=True):
    pairs: tuple[tuple[int, int], ...]


class _Add(msgspec.Struct, frozen=True, array_like=True, tag="add", forbid_unknown_fields=True):
    of: tuple[int, ...]


class _Shift(msgspec.Struct, frozen=True, array_like=True, tag="shift", forbid_unknown_fields=True):
    of: int
    by: int


StepForm: TypeAlias = _Take | _Rotate | _Weigh | _Multiply | _Add | _Shift


class ParametersForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    n: int
    data: tuple[int, ...]
    special: int
    insecure: bool


def formed(steps: Sequence[Step]) -> list[StepForm]:
    made: list[StepForm] = []
    for step in steps:
        match step:
            case Take():
                made.append(_Take(step.index, step.source))
            case Rotate():
                made.append(_Rotate(step.of, step.by))
            case Weigh():
                made.append(_Weigh(step.terms, step.scale, step.like, step.lazy))
            case Multiply():
                made.append(_Multiply(step.pairs))
            case Add():
                made.append(_Add(step.of))
            case Shift():
                made.append(_Shift(step.of, step.by))
    return made


def read_steps(forms: Sequence[StepForm]) -> tuple[Step, ...]:
    """Not checked: `check_program` does."""
    made: list[Step] = []
    for form in forms:
        match form:
            case _Take():
                made.append(Take(form.index, form.source))
            case _Rotate():
                made.append(Rotate(form.of, form.by))
            case _Weigh():
                made.append(Weigh(form.terms, form.scale, form.like, form.lazy))
            case _Multiply():
                made.append(Multiply(form.pairs))
            case _Add():
                made.append(Add(form.of))
            case _Shift():
                made.append(Shift(form.of, form.by))
    return tuple(made)


def joined_plains(plains: Sequence[Floats]) -> tuple[Floats, NDArray[np.int32]]:
    """All plain vectors in one array, and their lengths."""
    values = np.concatenate(plains) if plains else np.empty(0)
    return values, np.array([len(vector) for vector in plains], np.int32)


def parted_plains(values: Floats, lengths: NDArray[np.int32]) -> tuple[Floats, ...]:
    """Raises BadInput: `he.artefact`."""
    if values.ndim != 1 or lengths.ndim != 1 or np.any(lengths < 1) or int(lengths.sum(dtype=np.int64)) != len(values):
        raise refused("its plain vectors do not have the lengths that it says")
    return tuple(np.split(values, np.cumsum(lengths)[:-1])) if len(lengths) else ()


def check_parameters(form: ParametersForm) -> Parameters:
    """Raises BadInput: `he.artefact`, `he.insecure-unsaid`."""
    primes = (*form.data, form.special)
    if form.n not in MAX_LOG_QP or not form.data or any(prime.bit_length() not in PRIME_BITS for prime in primes) or len(set(primes)) != len(primes):
        raise refused("there are no such parameters")
    made = Parameters(form.n, form.data, form.special, form.insecure)
    if made.log_qp > MAX_LOG_QP[form.n] and not form.insecure:
        raise BadInput(
            "he.insecure-unsaid",
            f"parameters of {made.log_qp:.1f} bits at degree {form.n}, where 128 bits of security allow {MAX_LOG_QP[form.n]}, and nothing says so",
            hint="do not use this artefact: compile the model again",
        )
    return made


def check_program(program: Program, parameters: Parameters, scales: Sequence[float]) -> Plan:
    """Levels and scales of a program all of whose figures are possible.

    Raises:
        BadInput: `he.artefact`.
    """
    if program.slots != parameters.slots or len(program.layer) != len(program.steps) or not program.outputs:
        raise refused("slots, steps or outputs are not those of a program")
    if program.scales < 1 or len(scales) != program.scales or not all(isfinite(scale) and scale > 0 for scale in scales):
        raise refused("its scales are none")
    if not {len(vector) for vector in program.plains} <= {1, program.slots}:
        raise refused("a plain vector is neither one number nor as long as the slots")
    for ref, step in enumerate(program.steps):
        if not _possible(ref, step, program):
            raise refused(f"step {ref} is not possible")
    if not all(0 <= ref < len(program.steps) for ref in program.outputs):
        raise refused("an output is no step")
    if program.depth + 1 > len(parameters.data):
        raise refused(f"{program.depth} levels are more than its {len(parameters.data)} primes allow")
    try:
        made = plan(program, parameters.data, scales)
    except Unsupported as error:
        raise refused(error.sentence) from error
    if min(made.level) < 1:
        raise refused("a step has no prime left")
    return made


def inputs_of(program: Program) -> tuple[tuple[int, int], ...]:
    """(source, index) of the ciphertexts that a program takes, in the order in which they travel."""
    return tuple(sorted({(step.source, step.index) for step in program.steps if isinstance(step, Take)}))


def _possible(ref: int, step: Step, program: Program) -> bool:
    below = reads(step)
    if not all(0 <= one < ref for one in below):
        return False
    match step:
        case Take():
            return 0 <= step.index < 1 << 24 and 0 <= step.source < 256
        case Rotate():
            return 0 < step.by < program.slots
        case Weigh():
            plains = all(0 <= number < len(program.plains) for _, number in step.terms)
            return bool(below) and plains and 0 <= step.scale < program.scales and (step.like is None or 0 <= step.like < ref)
        case Multiply():
            return bool(below)
        case Add():
            return len(below) > 1
        case Shift():
            return 0 <= step.by < len(program.plains)
