"""Who is it in the next record? People walk, records hold their places and no names, and whoever reads them follows each to the nearest place.

For outputs that tell places (tracks at every tick). Where they are few and walk slowly they are followed without an error: a name that somebody
learns once, at a desk, say, then stands at every place of that way. Limit: nearest places alone; one who knows doors and habits follows better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes

__all__ = ["Crowd", "Linkage", "Places"]

Floats = NDArray[np.float64]
Places = Sequence[tuple[int, float, float]]
"""Of one record: name of a track, or -1; its place, in shares of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """People who walk at once. ways: (ticks, people, 2), shares of width and height."""

    ways: Floats

    @classmethod
    def walking(cls, people: int, ticks: int, step: float, rng: Generator) -> Crowd:
        """Each goes straight on, turns a little, and turns back at the edge. step: shares of the picture a tick."""
        at, heading = rng.uniform(0.1, 0.9, (people, 2)), rng.uniform(0, 2 * np.pi, people)
        ways = []
        for _ in range(ticks):
            heading = heading + rng.normal(0, 0.3, people)
            move = step * np.stack([np.cos(heading), np.sin(heading)], 1)
            outside = np.any(np.abs(at + move - 0.5) > 0.45, axis=1, keepdims=True)
            heading, move = heading + np.pi * outside[:, 0], np.where(outside, -move, move)
            at = np.clip(at + move, 0.02, 0.98)
            ways.append(at)
        return cls(np.stack(ways))


@dataclass(frozen=True, slots=True)
class Linkage:
    """An `Attack[Crowd, Sequence[Places]]`. Success: share of all later records in which he is still at the place of whom he follows."""

    name: ClassVar[str] = "linkage"
    knowledge: ClassVar[str] = "sees every record, has seen once where somebody stood, and follows each place to the nearest one of the next record"

    def play(self, arm: Arm[Crowd, Sequence[Places]], secrets: Sequence[Crowd], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack.play`; people are the units."""
        deadline, shares, people = Deadline(budget_s), list[float](), 0
        for crowd in secrets:
            if shares and deadline.passed():
                break
            people = max(people, crowd.ways.shape[1])
            shares += _followed(arm(crowd, rng), crowd)
        seen = len(secrets[0].ways)
        return Outcomes(
            np.array([shares]), ("nearest place",), 1 / people, "people", "following rate", cut=deadline.passed(),
            notes={"crowds": f"{len(secrets)} of {people} people, {seen} records each"},
        )  # fmt: skip


def _followed(records: Sequence[Places], crowd: Crowd) -> list[float]:
    """For each person."""
    return [_one(records, crowd.ways[:, person], crowd.ways) for person in range(crowd.ways.shape[1])]


def _one(records: Sequence[Places], way: Floats, everybody: Floats) -> float:
    """He knows the first place; then names, where there are any, else the nearest place."""
    if not records or not records[0]:
        return 0.0
    name, *at = min(records[0], key=lambda place: _apart(place[1:], way[0]))
    right = 0
    for number, places in enumerate(records[1:], start=1):
        if places:
            known = [place for place in places if place[0] == name >= 0]
            at = list((known or [min(places, key=lambda place: _apart(place[1:], at))])[0][1:])
        right += int(np.argmin(np.hypot(*(everybody[number] - np.asarray(at)).T)) == np.argmin(np.hypot(*(everybody[number] - way[number]).T)))
    return right / (len(records) - 1)


def _apart(place: Sequence[float], at: Sequence[float] | Floats) -> float:
    return float(np.hypot(place[0] - at[0], place[1] - at[1]))
