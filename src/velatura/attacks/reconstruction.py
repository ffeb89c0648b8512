"""Inversion with learning: a small U-Net sees pairs (release, secret) of the attacker's own people and recovers the others' pictures.

Half of the people are the attacker's own, all their pictures; the other half is attacked; then they change places, with a training of its own in
half of the time. Pictures are brought to one size for it, after the
protection: the median, at most 128 pixels, sides that are multiples of 8; releases and secrets alike. Fewer than four people: it learns from
pictures that the attacker makes, and each person is attacked with a training of its own.
Limit: what it recovers of a strong protection is invented after the people it has seen; likeness is counted, not truth of detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Picture
from velatura.attacks.filter_estimate import Stack, released
from velatura.attacks.made_pictures import dead_leaves
from velatura.attacks.pictures import Form, common_form, fitted
from velatura.attacks.recovery import BLIND, LOOK, Recovery, counted, recoveries
from velatura.attacks.rounds import Round, guess_at, left_over, rounds

__all__ = ["Reconstruct"]

UNET = "u-net"
LEAST_PAIRS, MOST_PAIRS = 64, 400


@dataclass(frozen=True, slots=True)
class Reconstruct:
    """Attackers: guess, look (the release as it is), u-net. See the module."""

    name: ClassVar[str] = "reconstruct-learned"
    knowledge: ClassVar[str] = (
        "Sees the released pictures, and has many clear pictures of other people. He runs the same protection on those and trains a neural network "
        "to undo it."
    )

    def play(self, arm: Arm[Photo, Picture], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack`. Units are people.

        Raises:
            BadInput: `attack.no-people`, `attack.picture`, `attack.release-size`.
            Missing: `extra.train`.
        """
        deadline, (own, chance) = Deadline(budget_s), (np.random.default_rng(seed) for seed in rng.integers(1 << 62, size=2))
        dealt = rounds(secrets, own)
        form = _eights(common_form([photo.picture for photo in secrets]))
        found, epochs, cut = list[Recovery](), list[int](), False
        for left, knows in zip(range(len(dealt), 0, -1), dealt, strict=True):
            part, done, ended = _attacked(arm, knows, form, own, chance, deadline.share(left))
            found, epochs, cut = found + part, [*epochs, done], cut or ended
        trained = f"{min(epochs)} epochs on pictures of {form.width}x{form.height}"
        return counted(found, left_over(secrets, dealt), own, cut=cut, notes={"training": trained})


def _eights(form: Form) -> Form:
    """Sides that are multiples of 8, at least 16, so that the network's levels fit and the window of the SSIM does."""
    return Form(max(round(form.height / 8), 2) * 8, max(round(form.width / 8), 2) * 8, form.colour)


def _attacked(
    arm: Arm[Photo, Picture], knows: Round, form: Form, own: Generator, chance: Generator, deadline: Deadline
) -> tuple[list[Recovery], int, bool]:
    """Recoveries, epochs of training, and whether the time ended it."""
    from velatura.attacks.unet import learn_and_recover

    photos = [Photo(fitted(photo.picture, form), photo.person) for photo in knows.attacked]
    guess = guess_at(knows.others, form)
    shape = guess.shape
    released_attacked = np.stack([fitted(released(arm, photo, chance), form).reshape(shape) for photo in knows.attacked])
    secrets, releases = _pairs(arm, knows, form, own, chance)
    elsewhere = np.take(releases, range(len(photos)), axis=0, mode="wrap")
    trained = learn_and_recover((secrets, releases), [released_attacked, elsewhere], guess, own, deadline)
    blind = np.broadcast_to(guess, released_attacked.shape)
    recovered, swapped = (
        dict[str, Stack]({BLIND: blind, LOOK: seen, UNET: answer})
        for seen, answer in zip((released_attacked, elsewhere), trained.recovered, strict=True)
    )
    return recoveries(photos, recovered, swapped), trained.epochs, trained.cut


def _pairs(arm: Arm[Photo, Picture], knows: Round, form: Form, own: Generator, chance: Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Secrets and releases, (n, height, width, channels), of the attacker's own pictures, each protected at its own size."""
    pictures = [picture for person in knows.own for picture in person][:MOST_PAIRS]
    missing = LEAST_PAIRS - len(pictures)
    if missing > 0:
        shape = (form.height, form.width, 3 if form.colour else 1)
        pictures += [made if form.colour else made[..., 0] for made in dead_leaves(missing, shape, own)]
    shape = (form.height, form.width, -1)
    releases = [fitted(released(arm, Photo(picture), chance), form).reshape(shape) for picture in pictures]
    return np.stack([fitted(picture, form).reshape(shape) for picture in pictures]), np.stack(releases)
