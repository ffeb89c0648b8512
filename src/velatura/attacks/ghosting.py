"""Does a shadow of who was taken out lie in what took his place? The release against the secret, sample by sample.

A background that is a blend of wall and person, or a hole feathered inwards, leaves the person's own edges in the picture, too faint to see. Two
attackers look for them: one correlates the release with the secret, both without their slow parts; the other first takes away what the same place
looks like without anybody, which he may ask the arm for, and correlates what is left. Success is the correlation with the right secret minus the mean
one with other people's: 0 is what somebody gets who guesses.
Limit: it knows where the secret stood and how large; a ghost that is displaced is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Picture, Shown
from velatura.attacks.taken_out import NOWHERE, evenly, own_numbers
from velatura.errors import BadInput

__all__ = ["Ghosting"]

Floats = NDArray[np.float64]

SMOOTH_PX = 3.0
LEAST_PEOPLE = 4
MOST_SHOWN = 6
AMPLIFIED = 8.0
ATTACKERS = ("correlation", "correlation of the difference")


@dataclass(frozen=True, slots=True)
class Ghosting:
    """An `Attack[Photo, Picture]`; a release has the size of its photo. A photo with an empty box is handed to the arm for "nobody is here".

    Attributes:
        most: so many pictures are looked at; each costs two plays of the arm.
    """

    most: int = 120
    name: ClassVar[str] = "ghosting"
    knowledge: ClassVar[str] = "has the finished picture, a picture of the same place without anybody, and pictures of those who may have stood there"

    def play(self, arm: Arm[Photo, Picture], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        """Gain per person, in "correlation"; see `Attack.play`.

        Raises:
            BadInput: `attack.too-few`: fewer than four people; `attack.release`; `attack.box`.
        """
        photos = evenly(secrets, self.most, rng)
        people = np.array(own_numbers(photos))
        if len(np.unique(people)) < LEAST_PEOPLE:
            raise BadInput("attack.too-few", f"{len(np.unique(people))} people: nobody to compare with", hint=f"at least {LEAST_PEOPLE}")
        seeds = rng.integers(2**63, size=(len(photos), 2)).tolist()
        deadline, seen = Deadline(budget_s), dict[int, tuple[Picture, Picture]]()
        for at in _in_turn(people):  # so that a budget which ends leaves as many people as it can
            if len(np.unique(people[list(seen)])) >= LEAST_PEOPLE and deadline.passed():
                break
            seen[at] = _pair(arm, photos[at], *seeds[at])
        kept = sorted(seen)
        return _outcomes([photos[at] for at in kept], people[kept], [seen[at] for at in kept], cut=len(seen) < len(photos))


def _in_turn(people: NDArray[np.int64]) -> list[int]:
    """One photo of each person, then the second of each ..."""
    rank = [int((people[:at] == name).sum()) for at, name in enumerate(people)]
    return sorted(range(len(people)), key=lambda at: rank[at])


def _pair(arm: Arm[Photo, Picture], photo: Photo, one: int, other: int) -> tuple[Picture, Picture]:
    """The release, and what the place looks like without anybody, with another chance."""
    release = arm(photo, np.random.default_rng(one))
    nobody = arm(replace(photo, box=NOWHERE), np.random.default_rng(other))
    if release.shape[:2] != photo.picture.shape[:2] or nobody.shape != release.shape:
        raise BadInput("attack.release", f"the release has shape {release.shape}, the picture {photo.picture.shape}")
    return release, nobody


def _outcomes(photos: Sequence[Photo], people: NDArray[np.int64], seen: Sequence[tuple[Picture, Picture]], *, cut: bool) -> Outcomes:
    secrets = [_edges(photo.picture) for photo in photos]
    looks: list[list[Floats]] = [[_edges(release) for release, _ in seen], [_edges(release) - _edges(nobody) for release, nobody in seen]]
    gains = [np.array([_gain(look, secrets, people, at) for at, look in enumerate(edges)]) for edges in looks]
    names = np.unique(people)
    success = np.array([[float(row[people == name].mean()) for name in names] for row in gains])
    return Outcomes(
        success,
        ATTACKERS,
        0.0,
        "people",
        "correlation",
        probes=max(1, int(np.bincount(np.unique(people, return_inverse=True)[1]).min())),
        kind="gain",
        cut=cut,
        shown=[
            Shown(release, _amplified(release, nobody), photo.picture, "the release; what differs from the empty place, eight times")
            for photo, (release, nobody) in list(zip(photos, seen, strict=True))[:MOST_SHOWN]
        ],
    )


def _gain(look: Floats, secrets: Sequence[Floats], people: NDArray[np.int64], at: int) -> float:
    """Correlation with the own secret, minus the mean one with other people's, brought to its size."""
    height, width = look.shape
    others = [cv2.resize(secrets[k], (width, height), interpolation=cv2.INTER_AREA) for k in np.flatnonzero(people != people[at]).tolist()]
    return _correlation(look, secrets[at]) - float(np.mean([_correlation(look, np.asarray(other, np.float64)) for other in others]))


def _correlation(a: Floats, b: Floats) -> float:
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / power if power > 1e-9 else 0.0


def _edges(picture: Picture) -> Floats:
    """Brightness without its slow part and its mean."""
    grey = picture.astype(np.float64) if picture.ndim == 2 else picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    high = grey - cv2.GaussianBlur(grey, (0, 0), SMOOTH_PX)
    return np.asarray(high - high.mean(), np.float64)


def _amplified(release: Picture, nobody: Picture) -> Picture:
    apart = (release.astype(np.float64) - nobody) * AMPLIFIED + 128
    return np.clip(apart, 0, 255).astype(np.uint8)
