"""The people of an identification: photos of those who have two or more, numbered 0 ... P-1, and random halves into gallery and probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Photo
from velatura.errors import BadInput

__all__ = ["MOST_PICTURES", "Album", "album_of"]

MOST_PICTURES = 4000
"""More are not taken: the products of 4,000 pictures with each other are 128 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """Who is to be told apart.

    Attributes:
        photos: ordered by person.
        people: (n,), whose they are: 0 ... P-1.
        left_out: who and what is not here, in words; "" if all are.
    """

    photos: list[Photo]
    people: NDArray[np.int64]
    left_out: str = ""

    @property
    def count(self) -> int:
        """P, how many people."""
        return int(self.people[-1]) + 1

    def half(self, rng: Generator) -> NDArray[np.bool_]:
        """(n,), True: the gallery. A random half of each person's photos; of an odd number the gallery has one more."""
        counts = np.bincount(self.people)
        shuffled = np.lexsort((rng.random(len(self.people)), self.people))
        rank = np.arange(len(shuffled)) - np.repeat(np.cumsum(counts) - counts, counts)
        own = np.zeros(len(shuffled), np.bool_)
        own[shuffled] = 2 * rank < counts[self.people]
        return own


def album_of(secrets: Sequence[Photo], rng: Generator) -> Album:
    """Those of `secrets` that can be attacked; photos of nobody (person -1) are passed over.

    Raises:
        BadInput: `attack.one-person`: fewer than two people; `attack.one-picture`: fewer than two with two photos.
    """
    of: dict[int, list[Photo]] = {}
    for photo in secrets:
        if photo.person >= 0:
            of.setdefault(photo.person, []).append(photo)
    if len(of) < 2:
        raise BadInput("attack.one-person", f"there are pictures of {len(of)} people: nobody to confuse", hint="hand in two people or more")
    usable = {person: of[person] for person in sorted(of) if len(of[person]) >= 2}
    alone = len(of) - len(usable)
    if len(usable) < 2:
        told = f"{alone} of {len(of)} people have one picture each, which cannot be both gallery and probe"
        raise BadInput("attack.one-picture", told, hint="hand in two pictures or more of at least two people")
    chosen = _bounded(usable, rng)
    photos = [photo for some in chosen.values() for photo in some]
    people = np.repeat(np.arange(len(chosen)), [len(some) for some in chosen.values()])
    beyond = sum(map(len, usable.values())) - len(photos)
    left_out = [(alone, f"{alone} people with one picture"), (beyond, f"{beyond} pictures, drawn at random, beyond {MOST_PICTURES}")]
    return Album(photos, people, "; ".join(words for count, words in left_out if count))


def _bounded(of: dict[int, list[Photo]], rng: Generator) -> dict[int, list[Photo]]:
    """At most `MOST_PICTURES`: of as many people as have two there, and of each at most an equal share."""
    if sum(map(len, of.values())) <= MOST_PICTURES:
        return of
    people = sorted(rng.permutation(list(of))[: MOST_PICTURES // 2])
    most = MOST_PICTURES // len(people)
    return {person: [of[person][at] for at in sorted(rng.permutation(len(of[person]))[:most])] for person in people}
