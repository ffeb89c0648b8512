"""Is somebody still found where the protection covered them? Detectors once more on the release, at a low threshold.

A detector also fires on masks, on noise and on nothing. So each picture is paired with itself without the person (`taken_out`), put through the
same arm with the same chance: what is found there too tells nothing of the person. Success is found - found without + how often it is found
without on average, and that average is what a blind guess gets.
Limit: it tells whether a detector sees a face, not whose; the detectors are those that were handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Picture, Shown
from velatura.attacks.taken_out import emptied, evenly, own_numbers
from velatura.detect.nms import iou
from velatura.detect.region import Region
from velatura.detect.residual import INSIDE, hidden_share
from velatura.errors import BadInput

__all__ = ["Find", "Redetect", "ghost"]

Find = Callable[[Picture], Sequence[Region]]
"""A detector at its low threshold: boxes in pixels of the picture."""

SAME = 0.4
"""Overlap (intersection over union) from which on a region is the place that was covered; so is one that lies in it by `residual.INSIDE`."""
MOST_SHOWN = 6
_FRAME = (255, 64, 0)


@dataclass(frozen=True, slots=True)
class Redetect:
    """An `Attack[Photo, Picture]`. `Photo.box` is what the protection covers, and where the attacker looks.

    Attributes:
        find: the attacker's detector.
        most: so many pictures are looked at, as many of each person as of the others; each costs four searches in a trial.
    """

    find: Find
    most: int = 120
    name: ClassVar[str] = "residue"
    knowledge: ClassVar[str] = "has the finished picture and a face detector at a low threshold; knows where the protection has covered something"

    def play(self, arm: Arm[Photo, Picture], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        """Success per person, in "re-detection rate"; see `Attack.play`.

        Raises:
            BadInput: `attack.no-photos`, `attack.box`, `attack.release`.
        """
        photos = evenly(secrets, self.most, rng)
        if not photos:
            raise BadInput("attack.no-photos", "there is no picture to look at", hint="hand in at least two")
        seeds = rng.integers(2**63, size=len(photos))
        deadline, game = Deadline(budget_s), _Game(self.find)
        for photo, seed in zip(photos, seeds, strict=True):
            if game.with_scores and deadline.passed():
                break
            game.look(arm, photo, int(seed))
        return game.outcomes(photos, cut=len(game.with_scores) < len(photos))


def ghost(find: Find, release: Picture, photo: Photo) -> Region | None:
    """What a detector finds in the photo's box on the release, the surest; None where it finds nothing.

    Raises:
        BadInput: `attack.release`: the release has another size than the photo.
    """
    if release.shape[:2] != photo.picture.shape[:2]:
        told = f"the release has shape {release.shape}, the picture {photo.picture.shape}"
        raise BadInput("attack.release", told, hint="where a person was cannot be told on a picture of another size")
    height, width = release.shape[:2]
    box = photo.box or (0.0, 0.0, float(width), float(height))
    inside = [region for region in find(release) if _is_in(region, box, (width, height))]
    return max(inside, key=lambda region: region.score, default=None)


def _is_in(region: Region, box: tuple[float, float, float, float], size: tuple[int, int]) -> bool:
    overlap = float(iou(np.array([region.box], np.float64), np.array([box], np.float64))[0, 0])
    return overlap >= SAME or hidden_share(region.box, [box], size) >= INSIDE


@dataclass(slots=True, eq=False)
class _Game:
    """What was found so far: scores with the person and without, 0 where nothing was found."""

    find: Find
    with_scores: list[float] = field(default_factory=list)
    without_scores: list[float] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)

    def look(self, arm: Arm[Photo, Picture], photo: Photo, seed: int) -> None:
        """One picture with the person, and without: the arm draws the same chance for both."""
        release = arm(photo, np.random.default_rng(seed))
        blank = arm(replace(photo, picture=emptied(photo)), np.random.default_rng(seed))
        found, also = ghost(self.find, release, photo), ghost(self.find, blank, photo)
        self.with_scores.append(found.score if found else 0.0)
        self.without_scores.append(also.score if also else 0.0)
        if found and not also and len(self.shown) < MOST_SHOWN:
            told = f"a {found.label} is found, score {found.score:.2f}"
            self.shown.append(Shown(release, _framed(release, found), photo.picture, told))

    def outcomes(self, photos: Sequence[Photo], *, cut: bool) -> Outcomes:
        scores, also = np.array(self.with_scores), np.array(self.without_scores)
        chance = float((also > 0).mean())
        gains = (scores > 0).astype(np.float64) - (also > 0) + chance
        people = own_numbers(photos)[: len(gains)]
        notes = {
            "pictures": f"{len(gains)}, one in which the person was taken out beside each",
            "found with the person": f"{(scores > 0).mean():.3f} of the pictures",
            "found without the person": f"{chance:.3f} of the pictures",
            "ghost score inside the mask": f"mean {scores.mean():.3f}, largest {scores.max():.3f} (0 where nothing is found)",
            "the same without the person": f"mean {also.mean():.3f}, largest {also.max():.3f}",
        }
        success = _per_person(gains, people)[None]
        return Outcomes(success, ("detector",), chance, "people", "re-detection rate", kind="gain", cut=cut, notes=notes, shown=self.shown)


def _per_person(values: NDArray[np.float64], people: Sequence[int]) -> NDArray[np.float64]:
    """(people,), each the mean over his pictures."""
    _, whose = np.unique(people, return_inverse=True)
    return np.asarray(np.bincount(whose, values) / np.bincount(whose))


def _framed(release: Picture, region: Region) -> Picture:
    """A copy in colour with a thin frame around a region."""
    shown = np.repeat(release[..., None], 3, 2) if release.ndim == 2 else release.copy()
    height, width = shown.shape[:2]
    thick = max(1, max(height, width) // 200)
    x0, y0, x1, y1 = (int(np.clip(round(side), 0, most)) for side, most in zip(region.box, (width, height, width, height), strict=True))
    inner = shown[y0 + thick : max(y1 - thick, y0 + thick), x0 + thick : max(x1 - thick, x0 + thick)].copy()
    shown[y0:y1, x0:x1] = _FRAME
    shown[y0 + thick : y0 + thick + inner.shape[0], x0 + thick : x0 + thick + inner.shape[1]] = inner
    return shown
