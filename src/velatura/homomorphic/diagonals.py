"""A sparse matrix times a vector in slots: which rotations, and what each is multiplied by.

Generalised diagonals (Halevi, Shoup, CRYPTO 2014, section 4.1) in baby and giant steps (CRYPTO 2018), with two freedoms that published layouts use
one by one: the input may lie there in copies, and a result may be left in parts that a fold adds up. Output o is wanted at slot t(o); its parts may
lie at t(o) + f for f in the fold F; element i lies at s(i) + q for its copies q. The weight W[o, i] can then be applied with any rotation
R = s(i) + q - f - t(o). As only the differences s(i) - t(o) matter, the least set of rotations is a covering of a set of differences by
translates of {f - q}: solved greedily, counts by convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.layout import Layout

__all__ = ["Fold", "Split", "Target", "cover", "fold_offsets", "least_rotations", "pairs", "rotations_of", "split", "vectors"]

Floats: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = NDArray[np.int64]
TOO_MANY = 4096
"""A placement that needs more rotations than this is not considered."""


class Fold(NamedTuple):
    """Sum of `terms` slots that lie `step` apart."""

    terms: int
    step: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where the outputs of a matrix shall lie.

    Args:
        row, ciphertext, slot: (places,): output `row` is wanted there; an output may have several places.
        folds: applied one after the other to what the diagonals give.
    """

    row: Numbers
    ciphertext: Numbers
    slot: Numbers
    folds: tuple[Fold, ...] = ()


class Split(NamedTuple):
    """rotation = baby + giant; each rotation's own pair. Both modulo the slots."""

    babies: Numbers
    giants: Numbers


def fold_offsets(folds: Sequence[Fold], slots: int) -> Numbers:
    """All f: the offsets whose slots the folds add up."""
    offsets = np.zeros(1, np.int64)
    for count, step in folds:
        offsets = (offsets[:, None] + step * np.arange(count)[None, :]).ravel()
    return offsets % slots


@dataclass(frozen=True, slots=True)
class Pairs:
    """One entry for each weight and place of its output: output's place, input's place, difference of the slots, the weight."""

    place: Numbers
    source: Numbers
    slot: Numbers
    difference: Numbers
    weight: Floats


def pairs(matrix: Any, layout: Layout, target: Target) -> Pairs:
    """`matrix`: csr_array (outputs, inputs), no stored zeros."""
    counts = np.diff(matrix.indptr)[target.row]
    place = np.repeat(np.arange(len(target.row)), counts)
    start = matrix.indptr[target.row].astype(np.int64)
    within = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
    entry = np.repeat(start, counts) + within
    element = matrix.indices[entry]
    source, slot = layout.first(matrix.shape[1])
    return Pairs(place, source[element], slot[element], (slot[element] - target.slot[place]) % layout.slots, matrix.data[entry])


def _correlated(wanted: Floats, spectrum: NDArray[np.complex128]) -> Numbers:
    """For each rotation how many of the wanted differences it serves."""
    made: Numbers = np.rint(np.fft.irfft(np.fft.rfft(wanted) * spectrum, len(wanted))).astype(np.int64)
    return made


def least_rotations(matrix: Any, layout: Layout, target: Target) -> int:
    """A lower bound on the rotations of a placement, from a sample of its outputs: differences over how many one rotation serves."""
    sample = np.linspace(0, len(target.row) - 1, min(24, len(target.row))).astype(np.int64)
    few = Target(target.row[sample], target.ciphertext[sample], target.slot[sample], target.folds)
    serves = min(layout.slots, len(layout.copies) * int(np.prod([fold.terms for fold in target.folds], dtype=np.int64)))
    return -(-len(np.unique(pairs(matrix, layout, few).difference)) // serves)


def cover(differences: Numbers, reach: Numbers, slots: int, at_most: int = TOO_MANY) -> tuple[Numbers, Numbers] | None:
    """A small set of rotations, and which of them each difference takes; None where it is not small.

    Args:
        differences: (pairs,) s - t modulo the slots.
        reach: the offsets f - q: rotation R serves the difference d when d - R is among them.
        at_most: rotations; where more are needed, None.

    Returns:
        rotations, index into them (slots,) for each difference that occurs.
    """
    wanted = np.zeros(slots)
    wanted[differences] = 1
    chosen = np.full(slots, -1, np.int64)
    count = np.count_nonzero(wanted)
    if count > at_most * len(reach):
        return None
    if len(reach) == 1:
        rotations = (np.flatnonzero(wanted) - reach[0]) % slots
        chosen[np.flatnonzero(wanted)] = np.arange(len(rotations))
        return rotations, chosen
    swept = _sweep(wanted, reach, at_most) if 0 in reach else None
    if swept is not None and len(swept[0]) * len(reach) < count + len(reach):
        return swept  # no covering has fewer
    greedy = _greedy(wanted, reach, at_most if swept is None else len(swept[0]) - 1)
    return swept if greedy is None else greedy


def _sweep(wanted: Floats, reach: Numbers, at_most: int) -> tuple[Numbers, Numbers] | None:
    """From left to right, each rotation at the first difference that is left: even windows give even rotations, which split into few."""
    slots = len(wanted)
    left = wanted > 0
    chosen = np.full(slots, -1, np.int64)
    taken: list[int] = []
    for first in np.flatnonzero(left).tolist():
        if left[first]:
            if len(taken) == at_most:
                return None
            served = (first + reach) % slots
            served = served[left[served]]
            chosen[served] = len(taken)
            left[served] = False
            taken.append(first)
    return np.array(taken), chosen


def _greedy(wanted: Floats, reach: Numbers, at_most: int) -> tuple[Numbers, Numbers] | None:
    """Each rotation where it serves most of what is left."""
    slots = len(wanted)
    wanted = wanted.copy()
    chosen = np.full(slots, -1, np.int64)
    mask = np.zeros(slots)
    mask[reach] = 1
    spectrum: NDArray[np.complex128] = np.conj(np.fft.rfft(mask))
    gain = _correlated(wanted, spectrum)
    taken: list[int] = []
    left = int(np.count_nonzero(wanted))
    while left:
        best = int(np.argmax(gain))  # the smallest of the best
        if left > (at_most - len(taken)) * gain[best]:  # gains only fall
            return None
        served = (best + reach) % slots
        served = served[wanted[served] > 0]
        chosen[served] = len(taken)
        wanted[served] = 0
        left -= len(served)
        taken.append(best)
        if len(served) * len(reach) < 3 * slots:
            gain -= np.bincount(((served[:, None] - reach[None, :]) & (slots - 1)).ravel(), minlength=slots)
        else:
            gain = _correlated(wanted, spectrum)
    return np.array(taken), chosen


def rotations_of(layout: Layout, target: Target, found: Pairs, at_most: int = TOO_MANY) -> tuple[Numbers, Numbers, Numbers] | None:
    """The rotations, and for each pair the one it takes and the slot at which its product lies (before the fold); None: more than `at_most`."""
    offsets = fold_offsets(target.folds, layout.slots)
    copies = np.array(layout.copies)
    reach, origin = np.unique((offsets[:, None] - copies[None, :]).ravel() % layout.slots, return_index=True)
    covered = cover(found.difference, reach, layout.slots, at_most)
    if covered is None:
        return None
    rotations, chosen = covered
    number = chosen[found.difference]
    back = np.zeros(layout.slots, np.int64)
    back[reach] = offsets[origin // len(copies)]
    part = back[(found.difference - rotations[number]) % layout.slots]
    return rotations, number, (target.slot[found.place] + part) % layout.slots


def split(rotations: Numbers, slots: int, strides: Sequence[int], *, baby_cost: float, giant_cost: float) -> Split:
    """Cuts each rotation into a baby and a giant such that few different ones are needed.

    Args:
        strides: moduli that are tried beside the powers of two.
        baby_cost, giant_cost: of one rotation (babies are done on each input, giants on each output).
    """
    best = Split(rotations, np.zeros_like(rotations))
    powers = [1 << k for k in range(slots.bit_length())]
    moduli = sorted({*powers, *(m for s in strides for k in range(5) if 1 < (m := s << k) <= slots), *(3 * s for s in strides)})
    modulus = np.repeat(np.array(moduli), 2)[:, None]
    shift = np.where(np.arange(len(modulus)) % 2 == 0, 0, modulus[:, 0] // 2)[:, None]
    babies = ((rotations[None, :] + shift) % modulus - shift) % slots
    giants = (rotations[None, :] - babies) % slots
    costs = baby_cost * _turns(babies) + giant_cost * _turns(giants)
    number = int(np.argmin(costs))
    if costs[number] < baby_cost * np.count_nonzero(rotations):
        best = Split(babies[number], giants[number])
    return best


def _turns(rotations: Numbers) -> Numbers:
    """For each row how many different rotations there are, none apart."""
    ordered = np.sort(rotations, axis=1)
    different = np.count_nonzero(np.diff(ordered, axis=1), axis=1) + 1
    turns: Numbers = different - (ordered[:, 0] == 0)
    return turns


def vectors(found: Pairs, number: Numbers, slot: Numbers, target: Target, slots: int) -> dict[tuple[int, int, int], Floats]:
    """(output ciphertext, input ciphertext, rotation's number) -> the plain vector that the rotated input is multiplied by."""
    result: dict[tuple[int, int, int], Floats] = {}
    key = (target.ciphertext[found.place] * (found.source.max(initial=0) + 1) + found.source) * (number.max(initial=0) + 1) + number
    order = np.argsort(key, kind="stable")
    bounds = np.flatnonzero(np.diff(key[order], prepend=-1))
    for start, stop in zip(bounds, [*bounds[1:], len(order)], strict=True):
        members = order[start:stop]
        vector = np.zeros(slots)
        vector[slot[members]] = found.weight[members]
        first = members[0]
        result[int(target.ciphertext[found.place[first]]), int(found.source[first]), int(number[first])] = vector
    return result
