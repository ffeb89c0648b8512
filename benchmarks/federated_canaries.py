"""The one-run audit of a claim of epsilon 1, as `velatura fl audit run` plays it: our mechanisms as they are, and with a tenth of their noise.

    python -m benchmarks.federated canaries

1,000 canaries (sites at client level, rows of one site at sample level), each in by a coin, in one training through sites, server and ledger of a
job; the auditor guesses at 200 of the coins, and what he has right bounds epsilon from below, at 99.9 % of each audit. Every audit has coins and
noise of its own. A tenth of the noise: its standard deviation, drawn as ever, while the ledger goes on to count the whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.page import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from velatura.federated.job import FederatedJob

CLAIM, DELTA, ERROR = 1.0, 1e-5, 0.001
HONEST, WEAK = 20, 3
SAMPLING = 0.25  # of rows in a batch


@dataclass(frozen=True, slots=True)
class Audited:
    """Of one level.

    Attributes:
        honest, weak, bare: of each audit, the least epsilon that it leaves possible (at `ERROR`): noise as planned, a tenth of it, none.
        middle: the same at even odds, of the honest ones.
        ceiling: what an audit of so many guesses can show at most.
    """

    honest: list[float]
    weak: list[float]
    bare: list[float]
    middle: list[float]
    ceiling: float


def measured() -> dict[str, Audited]:
    """Level -> figures. Minutes."""
    from velatura.federated.quiet import switch_off

    switch_off(Path(tempfile.gettempdir()) / "velatura-bench-flower")
    return {level: _audited(level) for level in ("client", "sample")}


def rows(found: Mapping[str, Any]) -> list[Row]:
    """Of the issue's table."""
    made = []
    for level, one in found.items():
        unit = {"client": "for each site", "sample": "for each row"}[level]
        most, beside = max(one["honest"]), f"ceiling {one['ceiling']:.2f}, without noise {max(one['bare']):.2f}"
        told = f"{most:.2f} at most in {len(one['honest'])} audits (median at even odds {np.median(one['middle']):.2f}); {beside}"
        made.append(Row(f"one-run audit at a claim of 1 {unit}", "never above the claim at 99.9 %", told, most <= CLAIM < min(one["bare"])))
        refuted = sum(low > CLAIM for low in one["weak"])
        told = f"refuted in {refuted} of {len(one['weak'])}: {min(one['weak']):.2f} at least"
        made.append(Row("the same with a tenth of the noise", "refuted", told, refuted == len(one["weak"])))
    return made


def _audited(level: str) -> Audited:
    from velatura.attacks.one_run_bound import ceiling
    from velatura.audit.federated.material import unprotected
    from velatura.audit.federated.one_run import CANARIES

    of = job(level)
    honest = [_audit(of, of, seed) for seed in range(HONEST)]
    with tenth_of_the_noise():
        weak = [_audit(of, of, seed) for seed in range(WEAK)]
    bare = [_audit(of, unprotected(of), seed) for seed in range(WEAK)]
    least, middle = ([one[at] for one in honest] for at in (0, 1))
    return Audited(least, [one[0] for one in weak], [one[0] for one in bare], middle, ceiling(honest[0][2], ERROR, canaries=CANARIES, delta=DELTA))


def job(level: str) -> FederatedJob:
    """What is told of: its noise, clipping, sampling and rounds. Rows and network are the audit's own."""
    from velatura.federated.job import Data, FederatedJob, Model, Privacy, Rounds, Training

    privacy = Privacy(level, CLAIM, DELTA, 0.5)
    return FederatedJob(Model("linear"), Data("digits", sites=5), Training(epochs=1, batch=64), rounds=Rounds(2), privacy=privacy)


def _audit(of: FederatedJob, played: FederatedJob, seed: int) -> tuple[float, float, int]:
    """(epsilon at least, at `ERROR`; at even odds; guesses)."""
    from velatura.attacks.intervals import estimate
    from velatura.attacks.training.one_run import OneRun
    from velatura.audit.federated.one_run import CANARIES, CanaryArm

    arm = CanaryArm(played, of.privacy.level, SAMPLING, of.privacy.clip)
    told = OneRun(delta=DELTA, claim=CLAIM).play(arm, range(CANARIES), np.random.default_rng(seed), budget_s=float("inf"))
    found = estimate(told, low=ERROR)
    return found.low, found.value, int(told.success[0, 1])


@contextmanager
def tenth_of_the_noise() -> Iterator[None]:
    """Both mechanisms, broken as somebody might break them: by a wrong unit."""
    from velatura.dp import sgd
    from velatura.federated import aggregation

    whole = sgd.noised

    def weak(values: NDArray[np.int64], sigma: float, key: bytes) -> NDArray[np.float64]:
        return whole(values, sigma / 10, key)

    try:
        sgd.noised = aggregation.noised = weak
        yield
    finally:
        sgd.noised = aggregation.noised = whole
