"""Small worlds in memory for tests of attacks: people who can be told apart, arms whose strength is known, and attackers of a few lines.

    photos = album(people=10, pictures=10)
    trial(Nearest(), "constant", plain=identity, protected=constant, claim=Claim(), secrets=photos, seed=1, budget_s=9, findings=1)

`identity` must break under any attack on pictures, `constant` and `Swapped(photos)` must not; with `shuffled(photos)` not even the unprotected
arm may fall.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter

from velatura.attacks.attack import Arm, Outcomes, Photo, Picture


def album(people: int = 10, pictures: int = 10, *, size: tuple[int, int] = (28, 23), seed: int = 0, noise: float = 12.0) -> list[Photo]:
    """Grey photos, `pictures` of each person: a smooth pattern of his own, (height, width), under fresh noise of `noise` grey levels."""
    rng = np.random.default_rng(seed)
    faces = gaussian_filter(rng.normal(size=(people, *size)), (0, 3, 3))
    faces = 128 + 45 * faces / faces.std()
    takes = np.repeat(faces, pictures, 0) + rng.normal(0, noise, (people * pictures, *size))
    return [Photo(np.clip(np.rint(take), 0, 255).astype(np.uint8), at // pictures) for at, take in enumerate(takes)]


def shuffled(photos: Sequence[Photo], seed: int = 0) -> list[Photo]:
    """The same photos and the same names, but the names tell nothing."""
    names = np.random.default_rng(seed).permutation([photo.person for photo in photos])
    return [replace(photo, person=int(name)) for photo, name in zip(photos, names, strict=True)]


def identity(photo: Photo, rng: Generator) -> Picture:
    """No protection."""
    return photo.picture


def constant(photo: Photo, rng: Generator) -> Picture:
    """The same grey whoever it is."""
    return np.full_like(photo.picture, 96)


def faint(share: float) -> Arm[Photo, Picture]:
    """The picture of `share` of the people as it is (the same people always), of the others a grey."""

    def arm(photo: Photo, rng: Generator) -> Picture:
        return photo.picture if (photo.person * 0.6180339887) % 1 < share else constant(photo, rng)

    return arm


@dataclass(frozen=True, slots=True, eq=False)
class Swapped:
    """Somebody's picture, drawn afresh: looks like one, tells nothing of who it was."""

    photos: Sequence[Photo]

    def __call__(self, photo: Photo, rng: Generator) -> Picture:
        return self.photos[int(rng.integers(len(self.photos)))].picture


@dataclass(frozen=True, slots=True)
class Nearest:
    """Takes each probe for the nearest of the gallery, which went through the same arm; and guesses blindly, beside it."""

    name: str = "nearest"
    knowledge: str = "Has other pictures of everybody, and the protection."
    splits: int = 5

    def play(self, arm: Arm[Photo, Picture], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        person = np.array([photo.person for photo in secrets])
        people = int(person.max()) + 1
        guesses = np.zeros((2, people, people))
        for _ in range(self.splits):
            seen = np.stack([arm(photo, rng) for photo in secrets]).reshape(len(secrets), -1) + rng.normal(0, 1e-3, (len(secrets), 1))
            probe = _halves(person, rng)
            far = ((seen[probe][:, None] - seen[~probe][None]) ** 2).sum(-1) + rng.normal(0, 1e-3, (probe.sum(), (~probe).sum()))
            np.add.at(guesses[0], (person[probe], person[~probe][far.argmin(1)]), 1)
            np.add.at(guesses[1], (person[probe], rng.integers(people, size=probe.sum())), 1)
        guesses /= guesses.sum(-1, keepdims=True)
        right = np.diagonal(guesses, axis1=1, axis2=2)
        probes = int(np.unique(person, return_counts=True)[1].min())
        return Outcomes(right, ("nearest", "guess"), 1 / people, "people", "rank-1 rate", probes, guesses=guesses)


def _halves(person: np.ndarray, rng: Generator) -> np.ndarray:
    """A random half of each person's pictures."""
    probe = np.zeros(len(person), bool)
    for name in np.unique(person):
        of_him = rng.permutation(np.flatnonzero(person == name))
        probe[of_him[: len(of_him) // 2]] = True
    return probe


@dataclass(slots=True)
class Scripted:
    """Says what it is told to, one answer a play, the last one again and again; an exception is raised. `arms` is what it was handed."""

    answers: list[Outcomes | BaseException]
    name: str = "scripted"
    knowledge: str = "Knows its lines."
    arms: list[Callable[..., object]] = field(default_factory=list)
    draws: list[float] = field(default_factory=list)

    def play(self, arm: Callable[..., object], secrets: Sequence[object], rng: Generator, *, budget_s: float) -> Outcomes:
        self.arms.append(arm)
        self.draws.append(rng.random())
        answer = self.answers[min(len(self.arms), len(self.answers)) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return answer


def rates(*success: float, people: int = 40, probes: int = 10, chance: float = 0.025, cut: bool = False, spread: bool = True) -> Outcomes:
    """A closed-set result of one attacker for each of `success`: everybody's rate is that share, rounded to whole probes so that the mean is kept."""
    rows = []
    for share in success:
        hits = np.diff(np.floor(np.arange(people + 1) * share * probes + 1e-9)) if spread else np.full(people, share * probes)
        rows.append(hits / probes)
    return Outcomes(np.array(rows), tuple(f"a{at}" for at in range(len(rows))), chance, "people", "rank-1 rate", probes, cut=cut)
