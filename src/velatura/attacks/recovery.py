"""How recovered pictures are counted: likeness to the secret, paired with a blind guess of the same person; and whom they are taken for.

Success is the SSIM with the secret, s - blind + mean(blind); a person's pictures are averaged. It is absolute: the unprotected release has 1.
A gain over the release would have nothing to gain there; it is noted, not judged.
A blind guess is the mean picture of other people (a flat grey where there are none), or what an attacker makes of *somebody else's* release: a
network that sees only black boxes still learns which one picture is most like all faces, and that is no leak. The strongest is the chance level.
Limit: with one person there is no interval; the number is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Outcomes, Photo, Picture, Shown
from velatura.attacks.filter_estimate import Stack
from velatura.attacks.likeness import psnr, ssims
from velatura.attacks.pictures import common_form, fitted, rows
from velatura.attacks.rounds import form_of

__all__ = ["BLIND", "LOOK", "Recovery", "counted", "recoveries"]

BLIND, LOOK = "guess", "look"
SHOWN = 6
KEPT_PX = 256
_GRID = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Recovery:
    """One attacked picture.

    Attributes:
        person: whose.
        likeness: attacker -> SSIM with the secret; `BLIND` and `LOOK` are among them.
        blind: attacker -> SSIM of what he makes of somebody else's release; under `BLIND` that of the mean of other people.
        noise_db: attacker -> PSNR.
        secret, pictures: at most 256 pixels a side; attacker -> picture.
    """

    person: int
    likeness: Mapping[str, float]
    blind: Mapping[str, float]
    noise_db: Mapping[str, float]
    secret: Picture
    pictures: Mapping[str, Picture]


def recoveries(photos: Sequence[Photo], recovered: Mapping[str, Stack], swapped: Mapping[str, Stack]) -> list[Recovery]:
    """Compare at full size with pictures rounded to 8 bits; keep small ones.

    Args:
        photos: of one shape.
        recovered: attacker -> (n, height, width, channels), what he makes of each photo's release.
        swapped: attacker -> the same of a release of somebody else.
    """
    secrets = np.stack([photo.picture for photo in photos]).reshape(recovered[LOOK].shape)
    small = form_of(photos[0].picture).within(KEPT_PX)
    eight = _each(recovered, _eight_bits)
    likeness = _each(eight, lambda stack: ssims(stack, secrets))
    blind = _each(swapped, lambda stack: ssims(_eight_bits(stack), secrets))
    noise = _each(eight, lambda stack: np.array([psnr(*pair) for pair in zip(stack, secrets, strict=True)]))
    return [
        Recovery(
            photo.person,
            {name: float(values[i]) for name, values in likeness.items()},
            {name: float(values[i]) for name, values in blind.items()},
            {name: float(values[i]) for name, values in noise.items()},
            fitted(photo.picture, small),
            {name: fitted(stack[i].reshape(photo.picture.shape), small) for name, stack in eight.items()},
        )
        for i, photo in enumerate(photos)
    ]


def _each(stacks: Mapping[str, Stack], what: Callable[[Stack], NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """`what` of each stack, once for those that are one and the same (an attacker who falls back on another's)."""
    done = {id(stack): what(stack) for stack in {id(stack): stack for stack in stacks.values()}.values()}
    return {name: done[id(stack)] for name, stack in stacks.items()}


def _eight_bits(stack: Stack) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(stack), 0, 255), np.uint8)


def counted(found: Sequence[Recovery], gallery: Sequence[Photo], rng: Generator, *, cut: bool, notes: Mapping[str, str]) -> Outcomes:
    """Outcomes of all recoveries of one attack.

    Args:
        found: at least one.
        gallery: clear pictures of the same people that were not attacked.
        notes: further facts.
    """
    names, people = tuple(found[0].likeness), sorted({one.person for one in found})
    likeness = _by_person([one.likeness for one in found], found, people)
    blinds = _by_person([one.blind for one in found], found, people)
    guess = max(blinds, key=lambda name: float(blinds[name].mean()))
    blind, best = blinds[guess], max((name for name in names if name not in (BLIND, LOOK)), key=lambda name: float(likeness[name].mean()))
    likeness[BLIND] = blind
    # On a grid, sums of equal numbers are exact: an attacker who only guesses is at chance, not a rounding error above it.
    chance = np.rint(blind.mean() * _GRID) / _GRID
    success = np.stack([np.rint((likeness[name] - blind) * _GRID) / _GRID + chance for name in names])
    gain = float((likeness[best] - np.maximum(likeness[LOOK], blind)).mean())
    told = {
        "PSNR": f"{_mean_db(found, best)} ({best}); the release {_mean_db(found, LOOK)}; the mean picture {_mean_db(found, BLIND)}",
        "gain over the release": f"{gain:+.3f} SSIM ({best}), over the better of release and guess, person by person",
        "blind guess": "the mean picture" if guess == BLIND else f"what the attacker ({guess}) makes of somebody else's release",
    }
    again = _searched(found, gallery, best, rng)
    if again:
        told["re-identification of the recovered pictures"] = again
    return Outcomes(success, names, float(chance), "people", "SSIM", kind="gain", cut=cut, notes={**told, **notes}, shown=_shown(found, best))


def _by_person(values: Sequence[Mapping[str, float]], found: Sequence[Recovery], people: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """name -> (people,), the mean over a person's pictures."""
    rows = [[value for value, one in zip(values, found, strict=True) if one.person == person] for person in people]
    return {name: np.array([np.mean([value[name] for value in row]) for row in rows]) for name in values[0]}


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
