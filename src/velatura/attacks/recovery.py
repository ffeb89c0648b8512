"""How recovered pictures are counted: likeness to the secret, paired with the blind guess of the same person; and whom they are taken for.

Success is the SSIM with the secret, s - blind + mean(blind), where the blind guess is the mean of the attacker's own people; a person's pictures are
averaged. It is absolute: the unprotected release has 1. A gain over the release would have nothing to gain there; it is noted, not judged.
Limit: with one person there is no interval; the number is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Outcomes, Photo, Picture, Shown
from velatura.attacks.likeness import psnr, ssim
from velatura.attacks.pictures import common_form, fitted, rows
from velatura.attacks.rounds import form_of

__all__ = ["BLIND", "LOOK", "Recovery", "counted", "eight_bits"]

BLIND, LOOK = "guess", "look"
SHOWN = 6
KEPT_PX = 256
_GRID = 1 << 20


def eight_bits(picture: NDArray[np.floating] | Picture, like: Picture) -> Picture:
    """Rounded to grey levels, in the shape of `like`."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8).reshape(like.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Recovery:
    """One attacked picture.

    Attributes:
        person: whose.
        likeness, noise_db: attacker -> SSIM and PSNR with the secret; `BLIND` and `LOOK` are among them.
        secret, pictures: at most 256 pixels a side; attacker -> picture.
    """

    person: int
    likeness: Mapping[str, float]
    noise_db: Mapping[str, float]
    secret: Picture
    pictures: Mapping[str, Picture]

    @classmethod
    def of(cls, person: int, secret: Picture, pictures: Mapping[str, Picture]) -> Recovery:
        """Compare at full size, keep small pictures."""
        small = form_of(secret).within(KEPT_PX)
        return cls(
            person,
            {name: ssim(picture, secret) for name, picture in pictures.items()},
            {name: psnr(picture, secret) for name, picture in pictures.items()},
            fitted(secret, small),
            {name: fitted(picture, small) for name, picture in pictures.items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """(attackers, people) of one quantity, people ascending."""

    names: tuple[str, ...]
    people: tuple[int, ...]
    values: NDArray[np.float64] = field(repr=False)

    @classmethod
    def of(cls, found: Sequence[Recovery]) -> _Table:
        names, people = tuple(found[0].likeness), tuple(sorted({one.person for one in found}))
        values = [[np.mean([one.likeness[name] for one in found if one.person == p]) for p in people] for name in names]
        return cls(names, people, np.array(values))

    def row(self, name: str) -> NDArray[np.float64]:
        return np.asarray(self.values[self.names.index(name)])

    def best(self) -> str:
        """The strongest of those that do more than look or guess."""
        return max((name for name in self.names if name not in (BLIND, LOOK)), key=lambda name: float(self.row(name).mean()))


def counted(found: Sequence[Recovery], gallery: Sequence[Photo], rng: Generator, *, cut: bool, notes: Mapping[str, str]) -> Outcomes:
    """Outcomes of all recoveries of one attack.

    Args:
        found: at least one.
        gallery: clear pictures of the same people that were not attacked.
        notes: further facts.
    """
    table = _Table.of(found)
    best, blind = table.best(), table.row(BLIND)
    # On a grid, sums of equal numbers are exact: an attacker who only guesses is at chance, not a rounding error above it.
    chance = np.rint(blind.mean() * _GRID) / _GRID
    success = np.rint((table.values - blind) * _GRID) / _GRID + chance
    gain = table.row(best) - np.maximum(table.row(LOOK), blind)
    told = {
        "PSNR": f"{_mean_db(found, best)} ({best}); the release {_mean_db(found, LOOK)}; the guess {_mean_db(found, BLIND)}",
        "gain over the release": f"{gain.mean():+.3f} SSIM ({best}), over the better of release and guess, person by person",
    }
    again = _searched(found, gallery, best, rng)
    if again:
        told["re-identification of the recovered pictures"] = again
    return Outcomes(success, table.names, float(chance), "people", "SSIM", kind="gain", cut=cut, notes={**told, **notes}, shown=_shown(found, best))


def _mean_db(found: Sequence[Recovery], name: str) -> str:
    mean = float(np.mean([one.noise_db[name] for one in found]))
    return f"{mean:.1f} dB" if np.isfinite(mean) else "exact"


def _shown(found: Sequence[Recovery], best: str) -> list[Shown]:
    """One picture of each of the first people."""
    firsts = list({one.person: one for one in reversed(found)}.values())[::-1][:SHOWN]
    return [Shown(one.pictures[LOOK], one.pictures[best], one.secret, _caption(one, best)) for one in firsts]


def _caption(one: Recovery, best: str) -> str:
    return f"SSIM {one.likeness[best]:.2f} ({best}); the release {one.likeness[LOOK]:.2f}; a blind guess {one.likeness[BLIND]:.2f}"


def _searched(found: Sequence[Recovery], gallery: Sequence[Photo], best: str, rng: Generator) -> str:
    """Search the recovered pictures in a gallery of clear ones; "" where fewer than two people have one left."""
    from velatura.attacks.closed_form import CLOSED_FORMS, identify
    from velatura.attacks.intervals import estimate

    seen = {one.person for one in found}
    gallery = [photo for photo in gallery if photo.person in seen]
    people = sorted({photo.person for photo in gallery})
    asked = [one for one in found if one.person in people]
    if len(people) < 2:
        return ""
    form = common_form([photo.picture for photo in gallery])
    scores = identify(
        rows([photo.picture for photo in gallery], form),
        np.array([photo.person for photo in gallery]),
        rows([one.pictures[best] for one in asked], form),
        rng=rng,
    )
    right = scores.argmax(-1) == np.searchsorted(people, [one.person for one in asked])
    rates = np.array([[row[[one.person == p for one in asked]].mean() for p in people] for row in right])
    most = max(sum(one.person == p for one in asked) for p in people)
    e = estimate(Outcomes(rates, tuple(CLOSED_FORMS), 1 / len(people), "people", "rank-1 rate", probes=most))
    return (
        f"{100 * e.value:.1f} % [{100 * e.low:.1f} %, {100 * e.high:.1f} %] of {len(people)} people, in a gallery of their other pictures, "
        f"unprotected; guessing {100 * e.chance:.1f} %"
    )
