"""Who is on it? Closed-set identification of protected pictures by attackers who treat a gallery of their own in the same way ("parrot").

In each split a random half of every person's pictures is the attacker's: he has them clear, knows who is on them, and puts them through the same
arm that the probes went through. Several attackers compare the two side by side: a blind guess, three closed forms (`closed_form`), and where they
are here a network that he trains (`cnn`) and one that the user brings (`embedding`).
Success is a person's rate of right first names over his probes and the splits; each person weighs the same, so that a blind guess gets 1/people.
Limit: it measures identification among known people in pictures taken alike, the attacker's best case; it says nothing on pixels that come back.
Source: the protocol of McPherson, Shokri, Shmatikov, "Defeating Image Obfuscation with Deep Learning", arXiv 1609.00408; "parrot" after
Newton, Sweeney, Malin, "Preserving privacy by de-identifying face images", TKDE 2005, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks import cnn
from velatura.attacks.album import Album, album_of
from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Picture, Shown
from velatura.attacks.closed_form import CLOSED_FORMS, gram, identify, products, tie_noise
from velatura.attacks.embedding import PREFIX, Embedder, cosine, why_not
from velatura.attacks.pictures import Form, common_form, rows
from velatura.attacks.tally import Tally
from velatura.errors import BadSpec, Missing, nearest
from velatura.models.store import ModelStore

__all__ = ["ATTACKERS", "GUESS", "LEAST_SPLITS", "Reidentify", "available", "identify"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ATTACKERS: Mapping[str, str] = MappingProxyType({"nearest": "", "ridge": "", "lda": "", "cnn": "train", "embedding:NAME": ""})
"""Attackers that a person may name, and the extra that each needs; NAME is of a network in the model store."""

GUESS = "guess"
LEAST_SPLITS = 5
"""With one split half as many reports of a protection that holds say so: a person's few probes are too far from their mean."""
MOST_SHOWN = 6


def available(names: Sequence[str], store: ModelStore | None = None) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Those that run here, and why each of the others does not, with what to do.

    Args:
        store: where `embedding:NAME` is looked for; None: the user's.

    Raises:
        BadSpec: `attack.attacker`: no such name.
    """
    reasons = {name: _why_not(name, store) for name in dict.fromkeys(names)}
    return tuple(name for name, reason in reasons.items() if not reason), {name: reason for name, reason in reasons.items() if reason}


def _why_not(name: str, store: ModelStore | None) -> str:
    _check(name)
    if name.startswith(PREFIX):
        return why_not(name, store or ModelStore())
    return "" if not ATTACKERS[name] or cnn.has_torch() else f"it needs torch; pip install 'velatura[{ATTACKERS[name]}]'"


def _check(name: str) -> None:
    if name not in ATTACKERS and not name.startswith(PREFIX):
        raise BadSpec("attack.attacker", f"there is no attacker {name!r}", hint=nearest(name, ATTACKERS))


@dataclass(frozen=True, slots=True)
class Reidentify:
    """An `Attack[Photo, Picture]`; secrets are photos with a `person`.

    Attributes:
        attackers: of `ATTACKERS`; a blind guess, "guess", is always one more, the first.
        splits: random halves; at least `LEAST_SPLITS`.
        store: where `embedding:NAME` is looked for; None: the user's.

    Raises:
        BadSpec: `attack.attacker`, `attack.splits`.
    """

    attackers: tuple[str, ...] = tuple(CLOSED_FORMS)
    splits: int = LEAST_SPLITS
    store: ModelStore | None = None
    name: ClassVar[str] = "reidentify"
    knowledge: ClassVar[str] = (
        "has clear pictures of everybody, half of all, and knows who is on them; knows the method with its settings and treats his pictures in the "
        "same way; knows that one of these people is on each picture; has no key"
    )

    def __post_init__(self) -> None:
        if self.splits < LEAST_SPLITS:
            raise BadSpec("attack.splits", f"{self.splits} splits are too few", hint=f"at least {LEAST_SPLITS}")
        for name in self.attackers:
            _check(name)

    def play(self, arm: Arm[Photo, Picture], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        """Success per person, in "rank-1 rate"; see `Attack.play`. The budget bounds `cnn` and `embedding`; the others take about a second.

        Raises:
            BadInput: `attack.one-person`, `attack.one-picture`, `attack.picture`, `attack.embedding`.
            Missing: `attack.attackers`: none of those that were asked for can run here.
        """
        names, missing = available(self.attackers, self.store)
        if not names:
            told = "; ".join(f"{name}: {reason}" for name, reason in missing.items()) or "none is named"
            raise Missing("attack.attackers", f"no attacker can run here: {told}", hint="nearest, ridge and lda always can")
        album = album_of(secrets, rng)
        # Halves and seeds come first: both arms of a trial are split alike, however much chance an arm draws.
        halves = [album.half(rng) for _ in range(self.splits)]
        seeds = rng.integers(2**63, size=self.splits)
        game = _Game(arm, album, names, Deadline(budget_s), self.store)
        for left, own, seed in zip(range(self.splits, 0, -1), halves, seeds, strict=True):
            game.split(own, np.random.default_rng(seed), left)
        return game.outcomes(missing, probes=int(np.bincount(album.people[~np.all(halves, axis=0)]).min()))


@dataclass(slots=True, eq=False)
class _Released:
    """What the arm made of all photos, once."""

    pictures: list[Picture]
    form: Form
    width: int
    gram: Floats
    for_good: bool
    """No chance was drawn, so that it would be the same again."""
    vectors: dict[str, Floats]

    def of(self, indices: Integers) -> list[Picture]:
        return [self.pictures[index] for index in indices]


def _released(arm: Arm[Photo, Picture], photos: Sequence[Photo], rng: Generator) -> _Released:
    before = rng.bit_generator.state
    pictures = [arm(photo, rng) for photo in photos]
    form = common_form(pictures)
    flat = rows(pictures, form)
    return _Released(pictures, form, flat.shape[1], gram(flat), bool(before == rng.bit_generator.state), {})


class _Game:
    """One arm's play: split after split, every attacker."""

    def __init__(self, arm: Arm[Photo, Picture], album: Album, names: Sequence[str], deadline: Deadline, store: ModelStore | None) -> None:
        self._arm, self._album, self._deadline = arm, album, deadline
        self._closed = [name for name in names if name in CLOSED_FORMS]
        self._long = [name for name in names if name not in CLOSED_FORMS]
        self._embedders = {name: Embedder(name, store or ModelStore()) for name in self._long if name.startswith(PREFIX)}
        self._tallies = {name: Tally(album.count) for name in (GUESS, *self._closed, *self._long)}
        self._released: _Released | None = None
        self._taken: dict[str, Integers] = {}
        self._own = self._asked = np.zeros(0, np.int64)
        self._splits, self._epochs, self._cut = 0, 0, False

    def split(self, own: NDArray[np.bool_], rng: Generator, left: int) -> None:
        """Play one half against the other; `left`: splits still to come, this one included."""
        if self._released is None or not self._released.for_good:
            self._released = _released(self._arm, self._album.photos, rng)
        self._own, self._asked = np.flatnonzero(own), np.flatnonzero(~own)
        self._splits, self._taken = self._splits + 1, {}
        self._answer(GUESS, rng.random((len(self._asked), self._album.count)))
        ties = tie_noise(len(own), self._released.width, rng)
        found = products(self._released.gram + ties, self._album.people, self._own, self._asked)
        for name in self._closed:
            self._answer(name, CLOSED_FORMS[name](found))
        for number, name in enumerate(self._long):
            deadline = self._deadline.share(left * len(self._long) - number)
            scores = self._embedded(name, self._released, deadline) if name in self._embedders else self._learnt(self._released, rng, deadline)
            self._cut |= scores is None
            if scores is not None:
                self._answer(name, scores)

    def _answer(self, name: str, scores: Floats) -> None:
        self._taken[name] = self._tallies[name].add(scores, self._album.people[self._asked])

    def _learnt(self, released: _Released, rng: Generator, deadline: Deadline) -> Floats | None:
        people = self._album.people[self._own]
        learnt = cnn.learn(released.of(self._own), people, released.of(self._asked), rng, deadline, form=released.form)
        self._epochs, self._cut = self._epochs + learnt.epochs, self._cut or learnt.cut
        return learnt.scores

    def _embedded(self, name: str, released: _Released, deadline: Deadline) -> Floats | None:
        vectors = released.vectors.get(name)
        if vectors is None:
            vectors = self._embedders[name].vectors(released.pictures, deadline)
            if vectors is None:
                return None
            released.vectors[name] = vectors
        return cosine(vectors[self._own], self._album.people[self._own], vectors[self._asked])

    def outcomes(self, missing: Mapping[str, str], *, probes: int) -> Outcomes:
        done = {name: tally for name, tally in self._tallies.items() if tally.splits}
        success = np.stack([tally.rank_1() for tally in done.values()])
        return Outcomes(
            success,
            tuple(done),
            1 / self._album.count,
            "people",
            "rank-1 rate",
            probes=probes,
            guesses=np.stack([tally.shares() for tally in done.values()]),
            cut=self._cut,
            notes=self._notes(missing, strongest=list(done)[int(success.mean(1).argmax())]),
            shown=self._shown(),
        )

    def _notes(self, missing: Mapping[str, str], *, strongest: str) -> dict[str, str]:
        people, tally = self._album.count, self._tallies[strongest]
        notes = {"people": str(people), "pictures": str(len(self._album.photos)), "strongest attacker": strongest}
        if people > 5:
            notes["rank-5 rate"] = f"{100 * tally.rank_5():.1f} %; guessing {500 / people:.1f} %"
        if self._album.left_out:
            notes["left out"] = self._album.left_out
        for name in self._long:
            done = self._tallies[name].splits
            told = f"{done} of {self._splits} splits" + (f", {self._epochs} epochs" if name not in self._embedders else "")
            notes[name if done else f"not run: {name}"] = told if done else "the time budget ended before its first split"
        return notes | {f"not run: {name}": reason for name, reason in missing.items()}

    def _shown(self) -> list[Shown]:
        """One probe each of some people, evenly apart, of the last split; names are those of the strongest who answered it."""
        assert self._released is not None, "a split was played"
        photos, taken = self._album.photos, self._taken[max(self._taken, key=lambda name: self._tallies[name].rank_1().mean())]
        examples = []
        for person in np.unique(np.linspace(0, self._album.count - 1, MOST_SHOWN).round()):
            at = int(np.argmax(self._album.people[self._asked] == person))
            clear = self._own[np.argmax(self._album.people[self._own] == taken[at])]
            named, true = photos[clear], photos[self._asked[at]]
            examples.append(Shown(self._released.pictures[self._asked[at]], named.picture, true.picture, _caption(named.person, true.person)))
        return examples


def _caption(named: int, true: int) -> str:
    return f"taken for person {named}, rightly" if named == true else f"taken for person {named}; is person {true}"
