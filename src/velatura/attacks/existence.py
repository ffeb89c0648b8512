"""Was somebody there at all? Releases of pictures with a person against releases of the same pictures without one.

On a picture with nobody the protection has nothing to cover, so a mask gives presence away: for methods that mask this is stated, not judged; it
judges methods that take people out. Two attackers look at the place: a detector at a low threshold, and a linear classifier (ridge regression on
grey levels and edges of the place with a margin of half its size, 24 x 24 pixels) that learns on half of the people and is asked on the others.
Limit: the pictures without a person are made (`taken_out`); what is found may be that they were.
Source: Hoerl, Kennard, Technometrics 1970 (ridge regression), in its dual form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Picture, Shown
from velatura.attacks.pictures import Form, fitted
from velatura.attacks.residue import Find, ghost
from velatura.attacks.taken_out import NOWHERE, emptied, evenly, own_numbers, place
from velatura.errors import BadInput

__all__ = ["Existence"]

Floats = NDArray[np.float64]

SIDE_PX = 24
MARGIN = 0.5
RIDGE = 0.1
LEAST_PEOPLE = 4
LEAST_PAIRS = 4
LEAST_SPREAD = 1e-6  # of a feature, in grey levels
MOST_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Existence:
    """An `Attack[Photo, Picture]`. `Photo.box` is where somebody is; a photo with an empty box is handed to the arm for "nobody is here".

    Attributes:
        find: the attacker's detector at its low threshold.
        most: so many pictures are looked at.
    """

    find: Find
    most: int = 120
    name: ClassVar[str] = "existence"
    knowledge: ClassVar[str] = (
        "has finished pictures of other places, with and without a person, and knows which are which; has a face detector; knows where to look"
    )

    def play(self, arm: Arm[Photo, Picture], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        """AUC over releases of the people that the classifier did not learn on; see `Attack.play`.

        Raises:
            BadInput: `attack.too-few`: fewer than four people; `attack.box`, `attack.release`.
        """
        photos = evenly(secrets, self.most, rng)
        people = own_numbers(photos)
        names = rng.permutation(np.unique(people))
        if len(names) < LEAST_PEOPLE:
            raise BadInput("attack.too-few", f"{len(names)} people: too few to learn on some and ask about others", hint=f"at least {LEAST_PEOPLE}")
        learned = np.isin(people, names[: len(names) // 2])
        seeds = rng.integers(2**63, size=len(photos))
        # Turn and turn about, so that a budget which ends leaves both halves.
        order = np.argsort(np.where(learned, np.cumsum(learned), np.cumsum(~learned)), kind="stable")
        deadline, pairs = Deadline(budget_s), list[_Pair]()
        for index in order:
            if len(pairs) >= LEAST_PAIRS and deadline.passed():
                break
            pairs.append(_Pair.of(arm, photos[index], int(seeds[index]), learned=bool(learned[index])))
        return _outcomes(self.find, pairs, cut=len(pairs) < len(photos))


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """One photo: its release, and that of the picture with nobody on it; `learned`: the classifier may see both beforehand."""

    photo: Photo
    somebody: Picture
    nobody: Picture
    learned: bool

    @classmethod
    def of(cls, arm: Arm[Photo, Picture], photo: Photo, seed: int, *, learned: bool) -> _Pair:
        chance = np.random.default_rng(seed)
        somebody = arm(photo, chance)
        return cls(photo, somebody, arm(replace(photo, picture=emptied(photo), box=NOWHERE), chance), learned)


def _outcomes(find: Find, pairs: Sequence[_Pair], *, cut: bool) -> Outcomes:
    asked = [pair for pair in pairs if not pair.learned]
    detector = [_score(find, pair.somebody, pair.photo) for pair in asked] + [_score(find, pair.nobody, pair.photo) for pair in asked]
    classifier = _classified([pair for pair in pairs if pair.learned], asked)
    return Outcomes(
        np.stack([np.array(detector), classifier]),
        ("detector", "classifier"),
        0.5,
        "pictures",
        "AUC",
        kind="auc",
        member=np.repeat([True, False], len(asked)),
        cut=cut,
        notes={
            "learned on": f"{len(pairs) - len(asked)} pictures with somebody and as many without; asked about {len(asked)} and {len(asked)} others"
        },
        shown=[Shown(pair.somebody, pair.nobody, pair.photo.picture, "with the person; without") for pair in asked[:MOST_SHOWN]],
    )


def _score(find: Find, release: Picture, photo: Photo) -> float:
    found = ghost(find, release, photo)
    return found.score if found else 0.0


def _classified(learned: Sequence[_Pair], asked: Sequence[_Pair]) -> Floats:
    """(2 asked,) scores, those with somebody first: ridge regression on +1 and -1 in its dual form, since features outnumber pictures."""
    known, unknown = _rows(learned), _rows(asked)
    middle, spread = known.mean(0), known.std(0)
    scale = np.where(spread > LEAST_SPREAD, spread, np.inf)  # what never changed says nothing
    known, unknown = (known - middle) / scale, (unknown - middle) / scale
    products = known @ known.T / known.shape[1]
    weights = np.linalg.solve(products + RIDGE * np.eye(len(known)), np.repeat([1.0, -1.0], len(learned)))
    return np.asarray(unknown @ (known.T @ weights))


def _rows(pairs: Sequence[_Pair]) -> Floats:
    """(2 pairs, features): releases with somebody, then those without."""
    return np.stack([_features(pair.somebody, pair.photo) for pair in pairs] + [_features(pair.nobody, pair.photo) for pair in pairs])


def _features(release: Picture, photo: Photo) -> Floats:
    """Grey levels and edges of the place with its margin."""
    x0, y0, x1, y1 = place(photo)
    beside, above = round((x1 - x0) * MARGIN), round((y1 - y0) * MARGIN)
    part = release[max(y0 - above, 0) : y1 + above, max(x0 - beside, 0) : x1 + beside]
    grey = fitted(part, Form(SIDE_PX, SIDE_PX)).astype(np.float64)
    return np.concatenate([grey.ravel(), np.hypot(*np.gradient(grey)).ravel()])
