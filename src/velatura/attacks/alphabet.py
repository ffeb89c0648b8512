"""All records that a policy can let out, numbered: a sender that was given a number makes that record, and whoever reads it gets the number.

Counts below k are not told, and slots of tracks are sorted: those are the records that there are. Slots hold a set, numbered as combinations
(the combinatorial number system: n = C(c_m, m) + ... + C(c_1, 1) with c_m > ... > c_1).
Source: Knuth, The Art of Computer Programming 4A, section 7.2.1.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from velatura.attacks.errand import Field

__all__ = ["Alphabet"]


class Alphabet:
    """Args: fields: of a record. k: counts below it are told as 0."""

    def __init__(self, fields: Sequence[Field], k: int = 0) -> None:
        self._fields = tuple(fields)
        self._counts = [(name, _told(size, k if kind in ("flow", "state") else 0)) for name, size, kind in fields if kind != "slot"]
        slots = [(name.partition(".")[0], name, size) for name, size, kind in fields if kind == "slot"]
        self._slots = list(dict.fromkeys(number for number, _, _ in slots))
        self._parts = [(name.partition(".")[2], size) for number, name, size in slots if number == self._slots[0]]
        self._tracks = math.prod(size - (part == "label") for part, size in self._parts) if self._slots else 0
        sets = math.comb(self._tracks, len(self._slots)) if self._slots else 1
        self.size = math.prod(len(told) for _, told in self._counts) * sets

    @property
    def bits(self) -> int:
        """Whole bits that one record can carry."""
        return self.size.bit_length() - 1

    def record(self, number: int) -> dict[str, int]:
        """0 <= number < size."""
        values = {}
        for name, told in self._counts:
            number, at = divmod(number, len(told))
            values[name] = told[at]
        return values | self._tracked(number)

    def number(self, values: Mapping[str, int]) -> int | None:
        """Of a record; None: no record of ours."""
        tracks = [self._packed(values, slot) for slot in self._slots]
        if len(set(tracks)) < len(tracks) or min(tracks, default=0) < 0:
            return None
        number = sum(math.comb(track, place + 1) for place, track in enumerate(sorted(tracks)))
        for name, told in reversed(self._counts):
            if values[name] not in told:
                return None
            number = number * len(told) + told.index(values[name])
        return number

    def _tracked(self, number: int) -> dict[str, int]:
        values: dict[str, int] = {}
        for place, slot in zip(range(len(self._slots), 0, -1), self._slots, strict=True):
            track = _largest(number, place, self._tracks)
            number -= math.comb(track, place)
            for part, size in reversed(self._parts):
                first = int(part == "label")  # label 0 is an empty slot
                track, value = divmod(track, size - first)
                values[f"{slot}.{part}"] = value + first
        return values

    def _packed(self, values: Mapping[str, int], slot: str) -> int:
        track = 0
        for part, size in self._parts:
            first = int(part == "label")
            track = track * (size - first) + values[f"{slot}.{part}"] - first
        return track


def _told(size: int, k: int) -> range | list[int]:
    return range(size) if k < 2 else [0, *range(k, size)]


def _largest(number: int, place: int, below: int) -> int:
    """The largest c < below with C(c, place) <= number."""
    low, high = place - 1, below - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if math.comb(middle, place) <= number else (low, middle - 1)
    return low
