"""The receiver's half of codes over the allowed output: bits are read out of what came, when, how long it was, and what it said.

Every reading is tried on every run. What is counted is information: n (1 - H(e)) bits of n that were read with a share e of wrong ones, less what
a receiver pays to learn the alignment of both clocks and which way round a sign is (which it is told here). What a guesser reaches once in a hundred
thousand tries counts nothing.
Readings are of two kinds: out of the numbers of records, which the published bound counts, and out of what lies beside them, which it must not need.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from velatura.attacks.alphabet import Alphabet
from velatura.attacks.errand import FACE_BITS, SIDE, Bits, Haul, Told, bits_of
from velatura.attacks.smuggler import MANY, status_bits, track_pair

__all__ = ["BESIDE", "READINGS", "Read", "codes", "information", "numbers", "read", "words_a_face"]

GUESSES = 100_000
SHIFTS = (0.0, 1 / 3, 2 / 3)
"""Of the sender's period; which one is right, the receiver is told."""
LEAST_TIMES = 3
Pairs = list[tuple[int, int]]
"""(period, bit)."""


@dataclass(frozen=True, slots=True)
class Read:
    """One reading. bits: of information. n, wrong: bits that were read, and how many of them were not those that were sent."""

    bits: float
    n: int
    wrong: int


def information(n: int, wrong: int, *, tries: int = 1) -> float:
    """Bits in n of which some are wrong, the best of so many tries; 0 where guessing could have done it."""
    few = min(wrong, n - wrong) if tries > 1 else wrong
    if not n or 2 * few >= n:
        return 0.0
    if n <= FACE_BITS and GUESSES * tries * sum(math.comb(n, x) for x in range(few + 1)) > 2**n:
        return 0.0
    e = few / n
    entropy = -sum(p * math.log2(p) for p in (e, 1 - e) if p)
    return max(n * (1 - entropy) - math.log2(tries), 0.0)


def read(haul: Haul, sent: Bits, reading: str) -> Read:
    """The best of all alignments and both signs."""
    found = []
    for shift in SHIFTS:
        began_s = haul.began_s + shift * haul.period_s
        periods = [(int((one.at_s - began_s) // haul.period_s), one) for one in haul.told]
        pairs = READINGS[reading](haul, periods)
        wrong = sum(int(sent[at % len(sent)]) != bit for at, bit in pairs)
        found.append(Read(information(len(pairs), wrong, tries=2 * len(SHIFTS)), len(pairs), min(wrong, len(pairs) - wrong)))
    return max(found, key=lambda one: one.bits)


def _counted(haul: Haul, periods: Iterable[tuple[int, Told]]) -> dict[int, int]:
    """How much came in each period from the first that had something to the last."""
    counts: dict[int, int] = {}
    for at, _ in periods:
        counts[at] = counts.get(at, 0) + 1
    return {at: counts.get(at, 0) for at in range(min(counts), max(counts) + 1)} if counts else {}


def _arrival(haul: Haul, periods: Iterable[tuple[int, Told]]) -> Pairs:
    """Whether anything came with numbers in it."""
    periods = list(periods)
    full = {at for at, one in periods if one.values is not None}
    return [(at, int(at in full)) for at in _counted(haul, periods)]


def _number(haul: Haul, periods: Iterable[tuple[int, Told]]) -> Pairs:
    return [(at, int(count > MANY // 3)) for at, count in _counted(haul, periods).items()]


def _lateness(haul: Haul, periods: Iterable[tuple[int, Told]]) -> Pairs:
    """Against a straight line through all times, later than most; the first output of each period."""
    found = _firsts(periods)
    if len(found) < LEAST_TIMES:
        return []
    steps, times = np.array([at for at, _ in found], float), np.array([one.at_s for _, one in found])
    late = times - np.polyval(np.polyfit(steps - steps[0], times - times[0], 1), steps - steps[0])
    return [(at, int(value > np.median(late))) for (at, _), value in zip(found, late, strict=True)]


def _jump(haul: Haul, periods: Iterable[tuple[int, Told]]) -> Pairs:
    """Whether more time than usual went by since the period before."""
    found = _firsts(periods)
    gaps = [b.at_s - a.at_s for (_, a), (_, b) in pairwise(found)]
    return [(at, int(gap > np.median(gaps))) for (at, _), gap in zip(found[1:], gaps, strict=True)]


def _firsts(periods: Iterable[tuple[int, Told]]) -> list[tuple[int, Told]]:
    first: dict[int, Told] = {}
    for at, one in periods:
        first.setdefault(at, one)
    return list(first.items())


def _size(haul: Haul, periods: Iterable[tuple[int, Told]]) -> Pairs:
    """Whether one of a period's outputs has another length than most."""
    found = list(periods)
    usual = float(np.median([one.size for _, one in found])) if found else 0.0
    odd = {at for at, one in found if one.size != usual}
    return [(at, int(at in odd)) for at in _counted(haul, found)]


def _said(what: Callable[[Mapping[str, int]], int | None]) -> Callable[[Haul, Iterable[tuple[int, Told]]], Pairs]:
    """Of the last output of each period that has numbers."""

    def reading(haul: Haul, periods: Iterable[tuple[int, Told]]) -> Pairs:
        last = {at: what(one.values) for at, one in periods if one.values is not None}
        return [(at, bit) for at, bit in last.items() if bit is not None]

    return reading


def _first(haul: Haul, periods: Iterable[tuple[int, Told]]) -> Pairs:
    """What the first output of each period has in its last count."""
    first: dict[int, int] = {}
    for at, one in periods:
        if one.values is not None and at not in first:
            first[at] = _shown(one.values)
    return [(at, int(not bit)) for at, bit in first.items()]


def _changed(haul: Haul, periods: Iterable[tuple[int, Told]]) -> Pairs:
    """Whether a period's last count is another than that of the period before."""
    last = {at: _shown(one.values) for at, one in periods if one.values is not None}
    return [(at, int(bit != last[at - 1])) for at, bit in last.items() if at - 1 in last]


def _shown(values: Mapping[str, int]) -> int:
    return int(any(value for name, value in values.items() if name != "health"))


def _slots(haul: Haul, periods: Iterable[tuple[int, Told]]) -> Pairs:
    """Which of the two tracks stands first."""
    tracks = track_pair(haul.fields)
    if tracks is None:
        return []
    return _said(lambda values: next((int(t == tracks[0]) for t in tracks if all(values[name] == v for name, v in t.items())), None))(haul, periods)


READINGS: Mapping[str, Callable[[Haul, Iterable[tuple[int, Told]]], Pairs]] = {
    "arrival": _arrival,
    "number": _number,
    "lateness": _lateness,
    "jump": _jump,
    "size": _size,
    "health": _said(lambda values: int(values["health"] == 0)),
    "last count": _said(_shown),
    "first count": _first,
    "changes of a count": _changed,
    "order of tracks": _slots,
}
BESIDE = frozenset(("arrival", "number", "lateness", "jump", "size"))
"""Readings that need no number of a record."""


def codes(haul: Haul, sent: Bits) -> Read:
    """Eight bits of each exit status that was seen."""
    n = wrong = 0
    for at_s, status in haul.exits:
        at = int((at_s - haul.began_s) // haul.period_s)
        wrong += min(int((bits_of(bytes([status & 255])) != status_bits(sent, late)).sum()) for late in (at, at - 1))  # noticed a little later
        n += 8
    return Read(information(n, wrong), n, wrong)


def words_a_face(fields: int) -> int:
    """Messages that one face fills, of 32 bits a field."""
    return math.ceil(FACE_BITS / 32 / fields)


def numbers(haul: Haul) -> Bits:
    """Bits that came as numbers, in the order of the faces."""
    return _raw_words(haul) if haul.raw else _records(haul)


def _records(haul: Haul) -> Bits:
    """One number a record, in their order."""
    alphabet = Alphabet(haul.fields, haul.k)
    parts = [np.zeros(0, np.uint8)]
    for one in haul.told:
        if one.values is not None:
            number = alphabet.number(one.values)
            number = 0 if number is None else number % (1 << alphabet.bits)
            parts.append(np.array([number >> place & 1 for place in reversed(range(alphabet.bits))], np.uint8))
    return np.concatenate(parts)


def _raw_words(haul: Haul) -> Bits:
    """Each face in full, and then one message for a gateway."""
    each = words_a_face(len(haul.fields))
    rows = [list(one.values.values()) for one in haul.told if one.values is not None]
    faces = [rows[at : at + each] for at in range(0, len(rows), each + 1)]
    raw = [np.array(face, np.uint64).astype(">u4").tobytes()[: SIDE * SIDE] for face in faces if len(face) == each]
    return bits_of(b"".join(raw)) if raw else np.zeros(0, np.uint8)
