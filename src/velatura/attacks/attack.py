"""The seam of the attacker: an attack is handed the protection as a black box, an *arm*, and knows no room.

The same attack plays the unprotected arm and the protected one, and is not told which. It hands back raw successes of independent units, never
an interval: `velatura.attacks.intervals` makes those, for all attacks alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["Arm", "Attack", "Deadline", "Outcomes", "Photo", "Picture", "Shown"]

Picture = NDArray[np.uint8]
"""(height, width) grey or (height, width, 3) RGB."""

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]
Secret = TypeVar("Secret", contravariant=True)
Release = TypeVar("Release", covariant=True)
Hidden = TypeVar("Hidden")
Public = TypeVar("Public", contravariant=True)
Kind = Literal["share", "gain", "auc", "tpr", "epsilon", "coins", "proof", "exact"]


class Arm(Protocol[Secret, Release]):
    """A protection, or none, as a callable: picture -> picture; track -> track; file -> file; batch -> update; key -> ciphertext."""

    def __call__(self, secret: Secret, rng: Generator, /) -> Release:
        """What becomes public of `secret`; all chance comes from `rng`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A picture of somebody or something: the secret of the visual attacks.

    Attributes:
        picture: before protection.
        person: 0, 1, 2 ...: who is on it; -1: nobody that is asked for (an attacker's own test picture).
        text: what is written on it (plates).
        box: what the protection covers, (x0, y0, x1, y1) in pixels; None: all of the picture.
            Only attacks that ask whether somebody is there look at it: a mask shows it anyway.
    """

    picture: Picture
    person: int = -1
    text: str = ""
    box: Box | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One example for the reader of the report.

    Attributes:
        seen: what the attacker sees.
        recovered: what he makes of it.
        secret: what it was.
        caption: one short sentence, e.g. "taken for person 7; is person 7".
    """

    seen: Picture
    recovered: Picture
    secret: Picture | None = None
    caption: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Raw successes.

    Attributes:
        success: (attackers, units), each the mean over a unit's probes and splits. kind "epsilon": (attackers, 4): hits and runs with, hits and
            runs without. kind "coins": (attackers, 3): guesses that were right, guesses made, coins thrown. kind "auc": scores, one a unit;
            `member` says which units are members.
        attackers: their names, one a row of `success`; one that could not run is not here but in `notes`.
        chance: what a blind guess gets, in the unit.
        per: what is independent, in the plural: people, clips, keys, runs.
        unit: what is counted: "rank-1 rate" (names that end in "rate" are shares and shown in per cent), "SSIM", "epsilon".
        probes: *distinct* probes a unit; splits do not count.
        kind: share in 0..1; gain: paired with the blind guess of the same unit, -1 to 1 in the mean; auc; epsilon; proof: a share in 0..1 of
            things that cannot be guessed (a canary of 24 letters is in a file or is not): counted, not estimated, so that the interval is a point;
            coins: epsilon from guesses at many coins in one run, their number fixed before anybody looked;
            exact: the same for a number from 0 (bits that came through over bits that may);
            tpr: scores as for "auc"; what counts is the share of members above a threshold that `chance` of the others exceed. Its units are
            `probes` rounds over the same records, one round after the other.
        member: (units,), of "auc" and "tpr".
        guesses: (attackers, people, people), closed-set identification: share of all probes of person i that were taken for j.
        cut: the time budget ended the attack before it was done.
        reference: what `chance` is called in sentences, where it is not a blind guess: "one release".
        delta: of (epsilon, delta): taken off the share of "with" before the ratio; of "epsilon" and "coins" alone.
        notes: further numbers and facts for the report, name -> sentence or number in words; e.g. "rank-5 rate", "not run: cnn".
        shown: at most six examples.

    Raises:
        ValueError: the numbers are none, or do not fit each other.
    """

    success: Floats
    attackers: tuple[str, ...]
    chance: float
    per: str
    unit: str
    probes: int = 1
    kind: Kind = "share"
    member: NDArray[np.bool_] | None = None
    guesses: Floats | None = None
    cut: bool = False
    reference: str = "guessing"
    delta: float = 0.0
    notes: Mapping[str, str] = field(default_factory=dict)
    shown: Sequence[Shown] = ()

    def __post_init__(self) -> None:
        fault = next((sentence for sentence, wrong in _faults(self) if wrong), None)
        if fault:
            raise ValueError(f"outcomes: {fault}")


def _faults(o: Outcomes) -> Iterator[tuple[str, bool]]:
    """What may be wrong, and whether it is; later questions may be asked only where the earlier ones are answered."""
    s = o.success
    yield "successes are finite, (attackers, units)", s.ndim != 2 or 0 in s.shape or not bool(np.isfinite(s).all())
    yield "each attacker has a name of its own", not len(o.attackers) == len(set(o.attackers)) == len(s)
    yield "chance is a finite number, probes are at least 1, examples at most 6", not isfinite(o.chance) or o.probes < 1 or len(o.shown) > 6
    if o.kind in ("share", "proof"):
        yield "shares lie between 0 and 1", bool(s.min() < 0 or s.max() > 1 + 1e-9) or not 0 <= o.chance <= 1
    if o.kind == "exact":
        yield "what is counted is not negative", bool(s.min() < 0)
    if o.kind == "epsilon":
        yield "epsilon has hits and runs with, hits and runs without", s.shape[1] != 4
        hits, runs = s[:, ::2], s[:, 1::2]
        yield "hits lie between 0 and the runs, which are at least 1", bool((hits < 0).any() or (hits > runs).any() or (runs < 1).any())
        yield "delta lies from 0 to below 1", not 0 <= o.delta < 1
    if o.kind == "coins":
        yield "coins have right guesses, guesses and coins", s.shape[1] != 3
        yield "right guesses are guesses, and guesses are at coins", bool((s[:, 0] > s[:, 1]).any() or (s[:, 1] > s[:, 2]).any() or (s < 0).any())
        yield "there is a guess, and delta lies from 0 to below 1", bool((s[:, 1] < 1).any()) or not 0 <= o.delta < 1
    if o.kind == "auc":
        yield (
            "an AUC knows who is a member, two and two others at least",
            (o.member is None or o.member.shape != s.shape[1:] or o.member.dtype != np.bool_ or min(o.member.sum(), (~o.member).sum()) < 2),
        )
    if o.kind == "tpr":
        yield "the units are whole rounds", bool(s.shape[1] % o.probes)
        yield "a true-positive rate knows who is a member", o.member is None or o.member.shape != s.shape[1:] or o.member.dtype != np.bool_
        members = 0 if o.member is None else int(o.member.sum())
        yield (
            "there are two members, and so many others that chance is one of them",
            members < 2 or o.chance * (s.shape[1] - members + 1) < 1,
        )
    if o.guesses is not None:
        people = o.guesses.shape[-1]
        yield "guesses are shares, (attackers, people, people)", o.guesses.shape != (len(s), people, people) or not bool((o.guesses >= 0).all())


class Attack(Protocol[Hidden, Public]):
    """One attacker, or several of one kind. It may call the arm on data of its own (parrot, filter, forgery, canary).

    Attributes:
        name: the command line's, e.g. "reidentify".
        knowledge: what it is assumed to know and have, in words that a data-protection officer reads.
    """

    @property
    def name(self) -> str: ...
    @property
    def knowledge(self) -> str: ...

    def play(self, arm: Arm[Hidden, Public], secrets: Sequence[Hidden], rng: Generator, *, budget_s: float) -> Outcomes:
        """Attack one arm. The same `rng` state is handed in for both arms of a trial.

        Args:
            budget_s: seconds of wall clock after which a long attack must stop where it is, and say so in `Outcomes.cut`.

        Raises:
            BadInput, BadSpec: the secrets cannot be attacked this way (one person only, one picture a person): `attack.*`.
            Missing: an extra or a model that this attack cannot do without.
        """
        ...


class Deadline:
    """When a long attack must stop. `share` of the budget can be handed to a part of the attack."""

    def __init__(self, budget_s: float) -> None:
        self._end = time.monotonic() + budget_s

    def left_s(self) -> float:
        return max(self._end - time.monotonic(), 0.0)

    def passed(self) -> bool:
        return self.left_s() <= 0

    def share(self, parts: int) -> Deadline:
        """An equal part of what is left, if `parts` parts are still to come."""
        return Deadline(self.left_s() / max(parts, 1))
