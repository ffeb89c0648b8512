"""Inversion without learning: identify the protection by running it on pictures of one's own, then undo it.

At each size of picture the attacker measures gain and noise for each cosine (`filter_estimate.py`) and tries every option of three inverters
(`inverters.py`) on pictures of his own that he did not measure on. Where none of them comes nearer than looking at the release or guessing blindly,
as where the release does not depend on the secret, he keeps to the better of those two. The attacked pictures play no part in any choice.
Limit: places are taken alike and channels apart; a protection that mixes them is undone less well than it could be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Picture
from velatura.attacks.filter_estimate import BlackBox, Stack, identified, released
from velatura.attacks.inverters import INVERTERS, Known
from velatura.attacks.likeness import ssims
from velatura.attacks.made_pictures import dead_leaves, noise
from velatura.attacks.pictures import Form, fitted
from velatura.attacks.recovery import BLIND, LOOK, Recovery, counted, recoveries
from velatura.attacks.rounds import Round, form_of, guess_at, left_over, rounds
from velatura.errors import BadInput

__all__ = ["Deconvolve"]

PAIRS_SAMPLES = 1 << 22
LEAST_PAIRS, MOST_PAIRS, MOST_WHITE, MOST_MADE = 8, 40, 16, 24
LEAST_TRIED, MOST_TRIED = 2, 8
TRIED_PX = 128
AVERAGED = 4
CLEARLY = 0.002
"""SSIM: less than this better than looking or guessing, on pictures of his own, is taken for chance."""
MOST_SAMPLES = 1 << 22
"""Of one picture, channels counted: about 1 GB of memory and 20 s."""
_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Deconvolve:
    """Attackers: guess (the mean of other people), look (the release as it is), wiener, landweber, back-projection. See the module."""

    name: ClassVar[str] = "reconstruct"
    knowledge: ClassVar[str] = (
        "Sees the released pictures, and can run the same protection as often as he likes on pictures of his own: of other people, and patterns. "
        "He measures what it does and computes backwards; nothing is trained."
    )

    def play(self, arm: Arm[Photo, Picture], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack`. Units are people.

        Raises:
            BadInput: `attack.no-people`, `attack.picture`, `attack.too-large`, `attack.release-size`.
        """
        _check(secrets)
        deadline, (own, chance) = Deadline(budget_s), (np.random.default_rng(seed) for seed in rng.integers(1 << 62, size=2))
        dealt, found, cut = rounds(secrets, own), list[Recovery](), False
        choices = _Choices()
        for knows, photos in [(one, photos) for one in dealt for photos in _alike(one.attacked)]:
            cut = bool(found) and deadline.passed()
            if cut:
                break
            found += _attacked(photos, knows, BlackBox(arm, chance, photos[0]), own, choices)
        return counted(found, left_over(secrets, dealt), own, cut=cut, notes=choices.told())


@dataclass(slots=True)
class _Choices:
    """Options by the attacker's knowledge and about the size of picture (within a factor of 1.4)."""

    made: dict[tuple[object, ...], Mapping[str, Any]] = field(default_factory=dict)

    def told(self) -> dict[str, str]:
        """What was chosen first, in words."""
        first = next(iter(self.made.values()))
        return {"chosen on the attacker's own pictures": "; ".join(f"{name}: {_worded(name, option)}" for name, option in first.items())}


def _worded(name: str, option: Any) -> str:
    nothing = {LOOK: "no better than the release as it is", BLIND: "no better than a blind guess"}
    return nothing[option] if isinstance(option, str) else INVERTERS[name].told(option)


def _alike(photos: Iterable[Photo]) -> list[list[Photo]]:
    """Groups of one shape and box, in the order in which they first come, of bounded size in memory."""
    groups: dict[tuple[object, ...], list[Photo]] = {}
    for photo in photos:
        groups.setdefault((photo.picture.shape, photo.box), []).append(photo)
    parts = []
    for group in groups.values():
        step = max(1, _AT_ONCE // group[0].picture.size)
        parts += [group[i : i + step] for i in range(0, len(group), step)]
    return parts


def _attacked(photos: Sequence[Photo], knows: Round, box: BlackBox, rng: Generator, choices: _Choices) -> list[Recovery]:
    """Identify the protection at this size, choose options if none were chosen near it, and recover."""
    form = form_of(box.like.picture)
    guess = guess_at(knows.others, form)
    secrets = _own(knows, form, rng)
    pairs = (secrets, box(secrets))
    patterns = noise(min(len(secrets) // 2, MOST_WHITE), guess.shape, rng)
    white = (patterns, box(patterns))
    key = (knows.number, form.colour, round(2 * np.log2(form.height)), round(2 * np.log2(form.width)))
    if key not in choices.made:
        choices.made[key] = _chosen(knows, form, pairs, white, box)
    known = _known(pairs, white, guess, box)
    releases = np.stack([released(box.arm, photo, box.rng) for photo in photos]).reshape(-1, *guess.shape)
    elsewhere = np.take(pairs[1], range(len(photos)), axis=0, mode="wrap")
    recovered, swapped = (_recovered(known, stack, choices.made[key]) for stack in (releases, elsewhere))
    return recoveries(photos, recovered, swapped)


def _own(knows: Round, form: Form, rng: Generator) -> NDArray[np.uint8]:
    """(n, height, width, channels): the attacker's own pictures at this size, people evenly, person by person; or made ones."""
    shape = (form.height, form.width, 3 if form.colour else 1)
    count = int(np.clip(PAIRS_SAMPLES // (form.height * form.width * shape[2]), LEAST_PAIRS, MOST_PAIRS))
    pictures = [picture for person in knows.own for picture in person[: -(-count // len(knows.own))]][:count]
    theirs = [fitted(picture, form).reshape(shape) for picture in pictures]
    made = min(count, MOST_MADE) - len(theirs) if len(theirs) < LEAST_PAIRS else 0
    return np.stack([*theirs, *(dead_leaves(made, shape, rng) if made else ())])


def _known(pairs: tuple[Stack, Stack], white: tuple[Stack, Stack], guess: NDArray[np.float32], box: BlackBox) -> Known:
    first, second = box(guess[None]), box(guess[None])
    calls = 1 if np.array_equal(first, second) else AVERAGED
    runs = np.concatenate([first, second, *(box(guess[None]) for _ in range(calls - 2))])
    return Known(identified(pairs, white), guess, runs.mean(0, dtype=np.float32), box, calls)


def _chosen(knows: Round, form: Form, pairs: tuple[Stack, Stack], white: tuple[Stack, Stack], box: BlackBox) -> Mapping[str, Any]:
    """For each inverter the option that comes nearest on own pictures that nothing was measured on; `LOOK` or `BLIND` where none helps."""
    half = len(pairs[0]) // 2
    others = knows.others[-(-len(knows.others) // 2) :] or knows.others  # of the later half of the people: nobody whom it is tried on
    known = _known((pairs[0][half:], pairs[1][half:]), white, guess_at(others, form), box)
    tried = int(np.clip(PAIRS_SAMPLES // pairs[0][0].size // 8, LEAST_TRIED, MOST_TRIED))
    secrets, releases = (stack[:half][:: max(1, half // tried)][:tried] for stack in pairs)
    plain = {LOOK: releases, BLIND: np.broadcast_to(known.guess, releases.shape)}
    scores = {name: _near(stack, secrets) for name, stack in plain.items()}
    fallback = max(scores, key=scores.__getitem__)
    return {name: _best_option(name, known, secrets, releases, fallback, scores[fallback]) for name in INVERTERS}


def _best_option(name: str, known: Known, secrets: Stack, releases: Stack, fallback: str, least: float) -> Any:
    best: Any = fallback
    least += CLEARLY
    for option in INVERTERS[name].options(secrets[0].size):
        score = _near(INVERTERS[name].recover(known, releases, option), secrets)
        if score > least:
            best, least = option, score
    return best


def _near(recovered: Stack, secrets: Stack) -> float:
    """Mean SSIM over the middle of the pictures, at most 128 pixels a side: enough to choose by."""
    top, left = (max(0, (length - TRIED_PX) // 2) for length in secrets.shape[1:3])
    window = (slice(None), slice(top, top + TRIED_PX), slice(left, left + TRIED_PX))
    return float(ssims(recovered[window], secrets[window]).mean())


def _recovered(known: Known, releases: Stack, chosen: Mapping[str, Any]) -> dict[str, Stack]:
    """Attacker -> stack."""
    stacks: dict[str, Stack] = {BLIND: np.broadcast_to(known.guess, releases.shape), LOOK: releases}
    for name, option in chosen.items():
        stacks[name] = stacks[option] if option in (LOOK, BLIND) else INVERTERS[name].recover(known, releases, option)
    return stacks


def _check(secrets: Sequence[Photo]) -> None:
    for photo in secrets:
        if photo.picture.size > MOST_SAMPLES:
            told = f"a picture of shape {photo.picture.shape} is too large to be inverted"
            raise BadInput(
                "attack.too-large", told, hint=f"at most {MOST_SAMPLES:,} samples: name the part that is protected (region), or take smaller pictures"
            )
