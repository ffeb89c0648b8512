"""Averaging: whether n releases of one face say more than one does.

A protection that draws new noise for every frame gives n releases, and the noise of their mean is sqrt(n) times smaller. The attacker averages the
frames of a released track in grey levels and recognises the person; his gallery is made of tracks of his own, treated and averaged alike. What a
single release gives (the first frame of the same tracks, same gallery people, same splits) is the reference: a claim means that n give no more.

Pairs of differences, person by person: where all frames are equal the difference is 0 for everybody, and its interval has no width. So that a track
without any signal (nobody is recognised on either) does not seem to have one, rates that cannot be told from guessing count as guessing.
Each track is released once; the splits of gallery and probes share the releases. They average out who was in the gallery and add no n.
Source: Hill et al., PoPETs 2016(4), for parrots; the mean of n draws is textbook.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Picture, Shown
from velatura.attacks.closed_form import CLOSED_FORMS, gram, products, tie_noise
from velatura.attacks.intervals import estimate
from velatura.attacks.pictures import Form, fitted
from velatura.attacks.tracks import Track, common_size, rounds
from velatura.errors import BadInput, BadSpec

__all__ = ["Average"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LONGEST_PX = 128
MOST_SHOWN = 3
SIGNAL_ERROR = 0.01
"""How often tracks that show nothing may be taken for tracks that show something."""


@dataclass(frozen=True, slots=True)
class Average:
    """See the module. A secret is a track of one person; everybody needs two of them.

    Attributes:
        releases: the first so many frames of each track are averaged.
        splits: of each person's tracks into gallery and probes.
    """

    releases: int = 100
    splits: int = 5
    name: ClassVar[str] = "averaging"
    knowledge: ClassVar[str] = (
        "sees up to as many protected frames of one person as a clip has, averages them, knows the method, "
        "and has clips of the same people, with names, that he protects and averages in the same way"
    )

    def play(self, arm: Arm[Track, Sequence[Picture]], secrets: Sequence[Track], rng: Generator, *, budget_s: float) -> Outcomes:
        """Rank-1 of the mean of the frames, against that of the first frame.

        Raises:
            BadInput: `attack.one-person`, `attack.one-frame`, `attack.picture`, `attack.release`.
            BadSpec: `attack.budget`: it ended before two people had two released tracks.
        """
        deadline = Deadline(budget_s)
        form = common_size(secrets, longest_px=LONGEST_PX)
        order, people = rounds([track[0].person for track in secrets], least=2)
        one, many = _released(arm, [secrets[index] for index in order], form, self.releases, rng, deadline)
        kept, people, cut = _complete(people, len(one), budget_s)
        one, many = one[kept], many[kept]
        once, often, probes = _identified(one, many, people, self.splits, rng)
        shown = [_shown(secrets[order[index]], first, mean, form) for index, first, mean in zip(kept[:MOST_SHOWN], one, many, strict=False)]
        return _outcomes(once, often, probes, frames=min(self.releases, *map(len, secrets)), cut=cut, shown=shown)


def _released(
    arm: Arm[Track, Sequence[Picture]], tracks: Sequence[Track], form: Form, releases: int, rng: Generator, deadline: Deadline
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """(n, d) first frames and (n, d) means of the tracks that were released in time; one track is held at a time."""
    one, many = [], []
    for track in tracks:
        if deadline.passed():
            break
        frames = arm(track[:releases], rng)
        if not len(frames):
            raise BadInput("attack.release", "a released track has no frames", hint="the arm must give a picture for each frame")
        total = np.zeros(form.shape, np.int64)
        for frame in frames:
            total += fitted(frame, form)
        one.append(fitted(frames[0], form).reshape(-1))
        many.append((total / len(frames)).astype(np.float32).reshape(-1))
    return np.array(one), np.array(many)


def _complete(people: Integers, released: int, budget_s: float) -> tuple[Integers, Integers, bool]:
    """Which of the released tracks can be split, whose they are, and whether the budget left some out."""
    try:
        return *rounds(people[:released].tolist(), least=2), released < len(people)
    except BadInput as error:
        told = f"the budget of {budget_s:g} s ended after {released} of {len(people)} tracks: too few to compare people"
        raise BadSpec("attack.budget", told, hint="a larger budget, or fewer releases") from error


def _identified(one: NDArray[np.uint8], many: NDArray[np.float32], people: Integers, splits: int, rng: Generator) -> tuple[Floats, Floats, int]:
    """(attackers, P) rank-1 of one frame, and of the mean of all; and the smallest number of probes that a person had."""
    ties = tie_noise(len(one), one.shape[1], rng)  # the same for both: equal pictures must be taken for the same person
    tables = (gram(one) + ties, gram(many) + ties)
    hits, asked = np.zeros((2, len(CLOSED_FORMS), len(people))), np.zeros(len(people))
    for _ in range(splits):
        gallery, probes = _halves(people, rng)
        asked[probes] += 1
        for table, found in zip(tables, hits, strict=True):
            seen = products(table, people, gallery, probes)
            for row, scores in zip(found, CLOSED_FORMS.values(), strict=True):
                row[probes] += scores(seen).argmax(1) == people[probes]
    number = np.bincount(people, asked)
    rates = np.array([[np.bincount(people, row) / number for row in found] for found in hits])
    return rates[0], rates[1], int(np.bincount(people, asked > 0).min())


def _halves(people: Integers, rng: Generator) -> tuple[Integers, Integers]:
    """A random half of each person's tracks, rounded down, and the other half."""
    mixed = np.lexsort((rng.random(len(people)), people))
    counts = np.bincount(people)
    place = np.arange(len(people)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = place < np.repeat(counts // 2, counts)
    return mixed[first], mixed[~first]


def _outcomes(once: Floats, often: Floats, probes: int, *, frames: int, cut: bool, shown: Sequence[Shown]) -> Outcomes:
    """Differences on the level of what one frame gives; its strongest attacker is the reference."""
    names, blind = tuple(CLOSED_FORMS), 1 / once.shape[1]
    both = Outcomes(np.concatenate([once, often]), (*names, *(f"{name}, averaged" for name in names)), blind, "people", "rank-1 rate", probes)
    signal = estimate(both, low=SIGNAL_ERROR).low > blind
    level = once.mean(1) if signal else np.full(len(once), blind)
    notes = {
        "one release": f"rank-1 {100 * once.mean(1).max():.1f} % (strongest attacker), the reference"
        if signal
        else f"rank-1 {100 * once.mean(1).max():.1f} % (strongest attacker), not told from guessing, which is the reference",
        f"{frames} releases": f"rank-1 {100 * often.mean(1).max():.1f} % (strongest attacker)",
    }
    return Outcomes(
        often - once + level[:, None],
        names,
        float(level.max()),
        "people",
        "rank-1 rate",
        probes,
        kind="gain",
        cut=cut,
        notes=notes,
        shown=shown,
        reference="one release" if signal else "guessing",
    )


def _shown(track: Track, first: NDArray[np.uint8], mean: NDArray[np.float32], form: Form) -> Shown:
    return Shown(
        first.reshape(form.shape), np.rint(mean).astype(np.uint8).reshape(form.shape), track[0].picture, "one release, and the mean of all of them"
    )
