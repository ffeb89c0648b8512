"""A lower bound on the epsilon of any mechanism, from its releases alone.

The auditor chooses two neighbouring inputs, has both released many times, and looks for an event that happens with one more often than with the
other: under (epsilon, delta)-differential privacy its shares p and q fulfil p <= e^epsilon q + delta. Some of the releases choose the event (and the
pair, if several are handed in), the others count it; so a true claim is exceeded as rarely as the interval says, whatever the mechanism.

Limits: a bound from below. A mechanism may leak more than the event that was found shows: for inputs that nobody tried, or in many entries at once,
each a little. With 20,000 runs a side the bound comes to within .05 of claims up to 2; a claim of 5 needs the same, one of 10 needs 1,000,000.
An unprotected release reaches 10.6 with 20,000 runs, so a claim above that cannot be judged.
Source: Ding, Wang, Wang, Zhang, Kifer, CCS 2018; Jagielski, Ullman, Oprea, NeurIPS 2020, section 3 (Clopper-Pearson on both shares).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isqrt
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Picture
from velatura.attacks.dp_event import Event, best_event, first_look, known_event
from velatura.attacks.intervals import estimate
from velatura.errors import BadInput, BadSpec
from velatura.findings import Estimate

__all__ = ["AuditEpsilon", "Neighbours", "audit_epsilon", "neighbours"]

Floats = NDArray[np.float64]
Neighbours = tuple[Any, Any]
"""Two inputs that the mechanism promises not to tell apart."""

LEAST_RUNS = 100
BLOCK_RUNS, BLOCK_BYTES = 256, 8 << 20
AUDIT_ERROR = 0.001


@dataclass(frozen=True, slots=True)
class AuditEpsilon:
    """See the module. A secret is a pair of neighbours; of several pairs the one that tells most is counted.

    Attributes:
        runs: how often each neighbour is released to be counted; half as many more, shared by the pairs, choose the event.
        delta: the mechanism's own; part of the claim, not of what is measured.
        score: one number of a release, larger with the second neighbour, if the auditor knows where to look (in federated learning: the scalar
            product with the planted update); None: it is learnt from the releases.
    """

    runs: int = 20_000
    delta: float = 0.0
    score: Callable[[Any], float] | None = None
    name: ClassVar[str] = "dp"
    knowledge: ClassVar[str] = "chooses two neighbouring inputs, has both of them released many times, and knows nothing of how that is done"

    def play(self, arm: Arm[Any, Any], secrets: Sequence[Neighbours], rng: Generator, *, budget_s: float) -> Outcomes:
        """Count an event under both neighbours.

        A release is a number, an array, or a sequence of arrays (the tensors of an update), of one shape throughout.

        Raises:
            BadInput: `attack.neighbours`: a secret is no pair; `attack.release`: a release is not made of finite numbers, or changes its shape.
            BadSpec: `attack.runs`, `attack.delta`.
        """
        self._check(secrets)
        deadline = Deadline(budget_s)
        played = _Played(arm, self.score, rng)
        chosen = deadline.share(3)
        events = [self._event(played, pair, len(secrets), chosen.share(len(secrets) - index)) for index, pair in enumerate(secrets)]
        best = max(range(len(events)), key=lambda index: events[index].bound)
        with_, without, runs = _counted(events[best], played.blocks(secrets[best], self.runs, deadline))
        return self._outcomes(events[best], with_, without, runs, f"{best + 1} of {len(secrets)}" if len(secrets) > 1 else "")

    def _event(self, played: _Played, pair: Neighbours, pairs: int, deadline: Deadline) -> Event:
        runs = max(self.runs // 2 // pairs, 3)
        if self.score is not None:
            return known_event(played.blocks(pair, runs, deadline), delta=self.delta)
        look = first_look(played.blocks(pair, runs // 3, deadline.share(3)))
        return best_event(look, played.blocks(pair, runs - runs // 3, deadline), delta=self.delta)

    def _outcomes(self, event: Event, with_: int, without: int, runs: int, pair: str) -> Outcomes:
        notes = {"event": f"{100 * with_ / runs:.3g} % of the releases of one neighbour, {100 * without / runs:.3g} % of those of the other"}
        if pair:
            notes["pair of neighbours"] = f"number {pair}: the one that tells most"
        if self.delta:
            notes["delta"] = f"{self.delta:.3g}, taken off the share of the first"
        success = np.array([[with_, runs, without, runs]], np.float64)
        return Outcomes(success, ("event",), 0.0, "runs", "epsilon", kind="epsilon", delta=self.delta, cut=runs < self.runs, notes=notes)

    def _check(self, secrets: Sequence[Neighbours]) -> None:
        if self.runs < LEAST_RUNS:
            raise BadSpec("attack.runs", f"{self.runs} runs bound nothing", hint=f"{LEAST_RUNS} or more; 20000 is usual")
        if not 0 <= self.delta < 1:
            raise BadSpec("attack.delta", f"a delta of {self.delta} is not possible", hint="from 0 to below 1; far below 1/people")
        if not secrets or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in secrets):
            raise BadInput("attack.neighbours", "an audit of epsilon needs pairs of neighbouring inputs", hint="secrets = [(a, b), ...]")


def audit_epsilon(
    mechanism: Callable[[Any, Generator], Any],
    a: Any,
    b: Any,
    *,
    runs: int = 20_000,
    delta: float = 0.0,
    seed: int = 0,
    score: Callable[[Any], float] | None = None,
    budget_s: float = inf,
) -> Estimate:
    """How much epsilon the mechanism spends at least on telling `a` from `b`; for any room, and for mechanisms of one's own.

    `low` is above the true epsilon in one audit of a thousand. Judge it beside a control that must fall, the same mechanism without its noise:
    `judge(audit_epsilon(m, a, b), audit_epsilon(control, a, b), Claim(1.0))`.

    Args:
        mechanism: `mechanism(input, rng)`; all its chance must come from `rng`. Of federated learning: from the clients' updates (or their data) to
            what the server publishes.
        a, b: neighbours; b with one client, record, or patch of pixels more.
        runs, delta, score: see `AuditEpsilon`.
        budget_s: seconds of wall clock after which the runs that are done are counted, and `Estimate.cut` says so.

    Raises:
        BadInput, BadSpec: as `AuditEpsilon.play`.
    """
    attack = AuditEpsilon(runs, delta, score)
    return estimate(attack.play(mechanism, [(a, b)], np.random.default_rng(seed), budget_s=budget_s), low=AUDIT_ERROR)


def neighbours(shape: tuple[int, ...], changed: int | None, *, peak: int = 255) -> list[tuple[Photo, Photo]]:
    """Neighbouring pictures: black, and black but for `changed` pixels at the peak.

    The pixels lie side by side, in the first corner, in the last one, and in the middle: a protection by cells has them in one cell if they fit into
    one, and its first and last cells are those that rounding makes smaller or larger. On black, clipping at 0 costs the auditor nothing.

    Args:
        shape: (height, width) or (height, width, 3).
        changed: in how many pixels neighbours differ; None, or all there are: in every one, a single pair.
    """
    height, width = shape[:2]
    black = Photo(np.zeros(shape, np.uint8))
    if changed is None or changed >= height * width:
        return [(black, Photo(np.full(shape, peak, np.uint8)))]
    block = _block(changed, height, width)
    down, across = height - block.shape[0], width - block.shape[1]
    corners = ((0, 0), (down, across), (down // 2, across // 2))
    return [(black, Photo(_painted(shape, block, corner, peak))) for corner in corners]


def _block(pixels: int, height: int, width: int) -> NDArray[np.bool_]:
    """The squarest block of so many pixels that the picture holds; its last row may be incomplete."""
    columns = min(isqrt(pixels - 1) + 1 if pixels else 1, width)
    columns = max(columns, -(-pixels // height))
    rows = max(-(-pixels // columns), 1)
    return (np.arange(rows * columns) < pixels).reshape(rows, columns)


def _painted(shape: tuple[int, ...], block: NDArray[np.bool_], corner: tuple[int, int], peak: int) -> Picture:
    picture = np.zeros(shape, np.uint8)
    picture[corner[0] : corner[0] + block.shape[0], corner[1] : corner[1] + block.shape[1]][block] = peak
    return picture


@dataclass(slots=True)
class _Played:
    """Releases of pairs as rows of numbers, block by block, both neighbours in turn so that a halt leaves as many of each."""

    arm: Arm[Any, Any]
    score: Callable[[Any], float] | None
    rng: Generator
    _entries: int = -1

    def blocks(self, pair: Neighbours, runs: int, deadline: Deadline) -> Iterator[tuple[Floats, Floats]]:
        """(k, d) of each neighbour, `runs` in all or as many as the time allows, at least one."""
        done = 0
        while done < runs and not (done and deadline.passed()):
            rows: tuple[list[Floats], list[Floats]] = ([], [])
            while done < runs and len(rows[0]) < self._rows() and not (done and deadline.passed()):
                for kept, secret in zip(rows, pair, strict=True):
                    kept.append(self._row(secret))
                done += 1
            yield np.stack(rows[0]), np.stack(rows[1])

    def _rows(self) -> int:
        return max(1, min(BLOCK_RUNS, BLOCK_BYTES // (8 * max(self._entries, 1))))

    def _row(self, secret: Any) -> Floats:
        release = self.arm(secret, self.rng)
        row = _numbers(release if self.score is None else self.score(release))
        if self._entries < 0:
            self._entries = len(row)
        if len(row) != self._entries or not len(row):
            raise BadInput("attack.release", f"a release of {len(row)} numbers follows one of {self._entries}", hint="one shape for all releases")
        return row


def _numbers(release: Any) -> Floats:
    """A number, an array or a sequence of arrays as one row."""
    try:
        parts = release if isinstance(release, list | tuple) else [release]
        row = np.concatenate([np.asarray(part, np.float64).reshape(-1) for part in parts])
    except (TypeError, ValueError) as error:
        told = f"a release of type {type(release).__name__} is not made of numbers"
        raise BadInput("attack.release", told, hint="a number, an array or a sequence of arrays") from error
    if not np.isfinite(row).all():
        raise BadInput("attack.release", "a release holds numbers that are not finite", hint="the arm must not overflow")
    return row


def _counted(event: Event, blocks: Iterator[tuple[Floats, Floats]]) -> tuple[int, int, int]:
    """Hits with, hits without, and runs of each."""
    hits, runs = np.zeros(2, np.int64), 0
    for a, b in blocks:
        hits += (event.hits(a), event.hits(b))
        runs += len(a)
    first, second = hits.tolist()
    return (second, first, runs) if event.above else (first, second, runs)
