"""The server side: rounds, from a cohort to a checkpoint. It runs over any of Flower's grids, and under `flwr run` too.

One round: cohort -> the strategy's messages -> replies that the guards believe -> aggregator -> strategy -> the model's own types -> checkpoint.
A round with too few replies changes nothing and says so; the run goes on.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import msgspec
from flwr.app import ConfigRecord

from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.federated import checkpoint
from velatura.federated.aggregation import Aggregator, Plain
from velatura.federated.checkpoint import Checkpoint
from velatura.federated.client_level import drawn_in_secret, without_names
from velatura.federated.greeting import greeted
from velatura.federated.guarded_grid import GuardedGrid, Refused
from velatura.federated.job import FederatedJob, difference
from velatura.federated.kept_state import put_back, taken_out
from velatura.federated.networks import network_of
from velatura.federated.new_model import aggregated
from velatura.federated.records import State, packed
from velatura.federated.seeds import derived
from velatura.federated.site_figures import by_site, mean, of_final, spent
from velatura.federated.strategies import enough, strategy_of
from velatura.federated.table import Schema, Table
from velatura.federated.training import judged, put, state_of
from velatura.progress import SILENT, Progress
from velatura.specs import convert

__all__ = ["Cohort", "NoRound", "Outcome", "RoundTold", "serve"]

CHECKPOINT = checkpoint.NAME


@dataclass(frozen=True, slots=True)
class RoundTold:
    """One round in the history.

    Attributes:
        asked, believed: how many sites; None where the draw is secret.
        loss, accuracy: on the server's test rows; no loss that is not finite.
        sites_accuracy: as sites judge what they were sent, by their rows; by_site: each, by partition.
    """

    number: int
    asked: int | None
    believed: int | None
    loss: float | None = None
    accuracy: float | None = None
    sites_accuracy: float | None = None
    by_site: dict[str, float] = field(default_factory=dict)
    epsilon: float | None = None
    unchanged: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that came to its end.

    Attributes:
        stopped: why before its last round; empty: it did not.
        epsilon, noise: spent, and the multiplier of the noise; None: no privacy.
        by_site: accuracy of the final model by partition, as each site judges it; empty where privacy forbids it.
    """

    model: State
    schema: Schema
    history: list[RoundTold]
    refused: list[Refused] = field(default_factory=list)
    stopped: str = ""
    epsilon: float | None = None
    noise: float | None = None
    by_site: dict[str, float] = field(default_factory=dict)


class NoRound(VelaturaError):
    """No round changed the model; outcome: what happened in them."""

    def __init__(self, code: str, sentence: str, outcome: Outcome, *, hint: str) -> None:
        super().__init__(code, sentence, hint=hint)
        self.outcome = outcome


class Cohort(Protocol):
    """Who takes part in a round."""

    def __call__(self, number: int, partitions: Sequence[int]) -> list[int]: ...


@dataclass(slots=True)
class _Server:
    job: FederatedJob
    grid: GuardedGrid
    aggregator: Aggregator
    cohort: Cohort
    test: Table | None
    folder: Path | None
    progress: Progress
    spent: Any
    model: State = field(default_factory=dict)
    history: list[RoundTold] = field(default_factory=list)

    def run(self, *, resume: bool) -> Outcome:
        schema = greeted(self.job, self.grid)
        network = network_of(self.job, schema)
        self.model = state_of(network)
        strategy = strategy_of(self.job)
        first = self._resumed(strategy) if resume else 1
        stopped = ""
        self.progress.start("rounds", self.job.rounds.count, "rounds")
        self.progress.advance(first - 1)
        for number in range(first, self.job.rounds.count + 1):
            try:
                told = self._round(number, strategy)
            except Withheld as error:
                if not self.history:
                    raise
                stopped = error.sentence
                break
            if self.test is not None:
                put(network, self.model)
                loss, right = judged(network, self.test)
                told = replace(told, loss=loss if isfinite(loss) else None, accuracy=right)
            self.history.append(told)
            self._keep(number, strategy)
            self.progress.standing(_words(told))
            self.progress.advance()
        self.progress.finish()
        judged_by = of_final(self.job, self.grid, self.model)
        refused = without_names(self.grid.refused) if drawn_in_secret(self.job) else self.grid.refused
        return Outcome(self.model, schema, self.history, refused, stopped, by_site=judged_by)

    def _round(self, number: int, strategy: Any) -> RoundTold:
        grid, job = self.grid, self.job
        grid.round = number
        chosen = set(self.cohort(number, sorted(grid.places.values())))
        grid.cohort = {node for node, partition in grid.places.items() if partition in chosen}
        grid.enough = len(chosen) - job.rounds.more if job.rounds.more else None
        random.seed(derived(job.seed, "order", number))
        messages = list(strategy.configure_train(number, packed(self.model), ConfigRecord(), grid)) if chosen else []
        got = self.aggregator.gather(number, self.model, grid, messages, deadline_s=job.rounds.deadline_s)
        why = got.unchanged
        if isinstance(self.aggregator, Plain) and not enough(job, got.sites, grid.lied[number]):
            why = f"{got.sites} replies are too few"
        asked, believed = (None, None) if drawn_in_secret(job) else (len(chosen), got.sites)
        if why:
            return RoundTold(number, asked, believed, unchanged=why)
        new = aggregated(job.strategy, strategy, number, self.model, got.updates, got.replies, messages)
        if new is None:
            return RoundTold(number, asked, believed, unchanged="the strategy made no model of the replies")
        self.model = new
        told, before = spent(got.replies), self.history[-1].epsilon if self.history else None
        epsilon = self.spent() if told is None else max(told, before or 0.0)
        return RoundTold(number, asked, believed, sites_accuracy=mean(got.replies), by_site=by_site(got.replies, grid.places), epsilon=epsilon)

    def _keep(self, number: int, strategy: Any) -> None:
        if self.folder is not None:
            arrays, numbers = taken_out(strategy)
            told = tuple(asdict(one) for one in self.history)
            state = Checkpoint(number, msgspec.to_builtins(self.job), self.model, arrays, numbers, told)
            checkpoint.write(self.folder / CHECKPOINT, state)

    def _resumed(self, strategy: Any) -> int:
        """The round to go on with."""
        assert self.folder is not None, "resume needs a folder"
        path = self.folder / CHECKPOINT
        if not path.exists():
            return 1
        kept = checkpoint.read(path)
        old = convert(kept.job, FederatedJob, where=str(path))
        if changed := difference(old, self.job):
            raise BadSpec("federated.changed", f"{path}: the job has changed since: {changed}", hint="another folder, or the job as it was")
        shapes = {name: (value.shape, value.dtype) for name, value in kept.model.items()}
        if shapes != {name: (value.shape, value.dtype) for name, value in self.model.items()}:
            raise BadInput("federated.checkpoint", f"{path}: of another model")
        self.model = {name: kept.model[name] for name in self.model}
        put_back(strategy, dict(kept.strategy), dict(kept.numbers))
        self.history = [RoundTold(**one) for one in kept.history]
        return kept.number + 1


def serve(
    job: FederatedJob,
    grid: GuardedGrid,
    *,
    aggregator: Aggregator | None = None,
    cohort: Cohort | None = None,
    test: Table | None = None,
    folder: Path | None = None,
    resume: bool = False,
    progress: Progress = SILENT,
    spent: Any = lambda: None,
) -> Outcome:
    """Run a job's rounds over a grid.

    Args:
        aggregator: default: plain.
        cohort: default: a seeded choice of `job.rounds.share`.
        test: rows that the server judges each model by.
        folder: of checkpoints; None: none.
        spent: epsilon until now.

    Raises:
        Missing: `federated.nodes`. BadInput: `federated.schema`, `federated.checkpoint`. BadSpec: `federated.changed`.
        VelaturaError: `federated.no-round`: no round changed anything. Withheld: `dp.budget`, `federated.aggregate`: in the first round; in a later
            one the run ends with the model before it.
    """
    server = _Server(job, grid, aggregator or Plain(), cohort or _chosen(job), test, folder, progress, spent)
    outcome = server.run(resume=resume)
    if outcome.history and all(told.unchanged for told in outcome.history):
        why = (
            f"{outcome.history[-1].unchanged}; the last one refused: {outcome.refused[-1].why}" if outcome.refused else outcome.history[-1].unchanged
        )
        sentence = f"no round of {len(outcome.history)} changed the model: {why}"
        raise NoRound("federated.no-round", sentence, outcome, hint="the reasons are in history.json")
    return outcome


def _chosen(job: FederatedJob) -> Cohort:
    def chosen(number: int, partitions: Sequence[int]) -> list[int]:
        wanted = min(len(partitions), max(1, round(job.rounds.share * len(partitions))) + job.rounds.more)
        return sorted(random.Random(derived(job.seed, "cohort", number)).sample(list(partitions), wanted))

    return chosen


def _words(told: RoundTold) -> str:
    """For a person who waits: "loss 0.31, accuracy 0.912, epsilon 1.24, 5 of 5 sites"."""
    accuracy = told.accuracy if told.accuracy is not None else told.sites_accuracy
    figures = [("loss", told.loss, ".3g"), ("accuracy", accuracy, ".3f"), ("epsilon", told.epsilon, ".3f")]
    words = [f"{name} {format(value, shape)}" for name, value, shape in figures if value is not None]
    sites = [] if told.asked is None else [f"{told.believed} of {told.asked} sites"]
    return ", ".join([*words, *sites, *(["unchanged"] if told.unchanged else [])])
