"""A federated job, as a person writes it: model, data, training, strategy, rounds, privacy, guards. Its digest names it in replies."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from velatura.errors import BadSpec, nearest
from velatura.federated.combinations import refuse
from velatura.federated.figures import refuse_figures
from velatura.federated.partition import parsed
from velatura.federated.strategies import STRATEGIES, enough
from velatura.specs import Spec, load_spec

if TYPE_CHECKING:
    from velatura.federated.flower import FlowerApps
    from velatura.federated.run import Ran
    from velatura.progress import Progress

__all__ = ["Data", "FederatedJob", "Guards", "Model", "Privacy", "Rounds", "SecAgg", "StrategyOf", "Training", "difference", "load_job", "written"]


LEVELS = ("none", "client", "local", "sample")


class Model(Spec, frozen=True):
    """network: a name of `networks.OURS`, or "module:callable"."""

    network: str


class Data(Spec, frozen=True):
    """What sites train on.

    Attributes:
        source: see `loading.load`; in a deployment each node's own (`node-config data=`) comes first.
        sites: of a simulation.
        partition: how a pooled table is dealt to them; see `partition.dealt`.
        test: share kept at the server for evaluation; 0: none (MNIST brings its own).
        check: share of each site's rows that it keeps to judge models by.
        classes: number of labels; 0: as many as there are.
        label: the column of a .csv that holds them; "": `text_table.LABEL`.
    """

    source: str
    sites: int = 10
    partition: str = "iid"
    test: float = 0.2
    check: float = 0.1
    classes: int = 0
    label: str = ""


class Training(Spec, frozen=True):
    """What a site does in a round. proximal: FedProx's mu."""

    epochs: int = 1
    batch: int = 32
    lr: float = 0.05
    momentum: float = 0.0
    weight_decay: float = 0.0
    proximal: float = 0.0


class StrategyOf(Spec, frozen=True):
    """name: of `strategies.STRATEGIES`; options: passed on to Flower's class, by its own names."""

    name: str = "fedavg"
    options: dict[str, float | int | bool] = msgspec.field(default_factory=dict)


class Rounds(Spec, frozen=True):
    """How long, and with whom.

    Attributes:
        count: rounds.
        share: of the sites that take part in each.
        more: sites asked beyond that (over-selection); the first that answer count.
        least: replies without which a round changes nothing.
        deadline_s: of a round; who has not answered is left out.
        wait_s: for the sites to be there at all.
    """

    count: int = 10
    share: float = 1.0
    more: int = 0
    least: int = 1
    deadline_s: float = 600.0
    wait_s: float = 60.0


class Privacy(Spec, frozen=True):
    """Differential privacy.

    Attributes:
        level: "none", "client" (a site's whole participation, noise by the server), "local" (the same, noise by the site), "sample" (one record).
        epsilon, delta: the budget of the whole run.
        clip: L2 norm of an update (client, local) or of one record's gradient (sample).
    """

    level: str = "none"
    epsilon: float = 8.0
    delta: float = 1e-5
    clip: float = 1.0


class Guards(Spec, frozen=True):
    """What of a reply is believed. norm: times the median norm of the round's updates; 0: any. most_examples: of one site."""

    norm: float = 10.0
    most_examples: int = 1_000_000


class SecAgg(Spec, frozen=True):
    """Secure aggregation.

    Attributes:
        bound: by which a site may change one weight in a round; more is an error at the site, never cut off. 0: what the training needs, see
            `secagg/bound.py`.
        norm: L2 norm to which a site shortens its update; 0: it does not.
        examples: rows of one site at most, public; 0: each site tells the next power of two.
    """

    bound: float = 0.0
    norm: float = 0.0
    examples: int = 0


class FederatedJob(Spec, frozen=True):
    """A whole job. aggregation: "plain" or "secagg"."""

    model: Model
    data: Data
    training: Training = Training()
    strategy: StrategyOf = StrategyOf()
    rounds: Rounds = Rounds()
    privacy: Privacy = Privacy()
    guards: Guards = Guards()
    aggregation: str = "plain"
    secagg: SecAgg = SecAgg()
    seed: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 of all that the job says, as hex; what it reads beside itself: see `inputs.py`."""
        return hashlib.sha256(json.dumps(msgspec.to_builtins(self), sort_keys=True).encode()).hexdigest()

    def run(self, folder: Path, *, engine: str = "local", base: Path = Path(), resume: bool = False, progress: Progress | None = None) -> Ran:
        """See `run.run`."""
        from velatura.federated.run import run
        from velatura.progress import SILENT

        return run(self, folder, engine=engine, base=base, resume=resume, progress=progress or SILENT)

    def to_flower(self, base: Path = Path()) -> FlowerApps:
        """Flower's own two objects: see `flower.apps`. Raises Missing `extra.fl`, BadSpec."""
        from velatura.federated.flower import apps

        check(self, where="the job")
        return apps(self, base)


def load_job(path: Path) -> FederatedJob:
    """Read and check a job.toml. Raises BadSpec."""
    job = load_spec(path, FederatedJob)
    check(job, where=str(path))
    return job


def written(folder: Path) -> FederatedJob:
    """What a run's folder says was run.

    Raises:
        BadSpec: `federated.no-run`: it says nothing; else as `load_job`: it says nothing that could be run.
    """
    try:
        return load_job(folder / "job.json")
    except BadSpec as error:
        if error.code != "spec.unreadable":
            raise
        raise BadSpec("federated.no-run", f"{folder}: is no folder of a run", hint="that of `velatura fl run -o`") from error


def check(job: FederatedJob, *, where: str) -> None:
    """Raises BadSpec `federated.job`: a value that makes no sense; `federated.combination`: two that cannot hold together."""
    for word, known, what in (
        (job.strategy.name, STRATEGIES, "strategy"),
        (job.privacy.level, LEVELS, "privacy level"),
        (job.aggregation, ("plain", "secagg"), "aggregation"),
    ):
        if word not in known:
            raise BadSpec("federated.job", f"{where}: there is no {what} {word!r}", hint=nearest(word, known))
    refuse_figures(job, where=where)
    try:
        parsed(job.data.partition, classes=job.data.classes)
    except BadSpec as error:
        raise BadSpec("federated.job", f"{where}: data.partition: {error.sentence}", hint=error.hint) from error
    if not _enough(job):
        sentence = f"{where}: {_cohort(job)} sites a round are too few for {job.strategy.name} as it is set, or for rounds.least"
        raise BadSpec("federated.job", sentence, hint="more sites, or fewer faulty ones")
    refuse(job, where=where)


def _cohort(job: FederatedJob) -> int:
    """Sites whose replies a round counts."""
    return min(job.data.sites, max(1, round(job.rounds.share * job.data.sites)))


def _enough(job: FederatedJob) -> bool:
    """Whether a round can change anything even if all answer; a name that is wrong is told elsewhere, and a private draw varies."""
    return job.strategy.name not in STRATEGIES or job.privacy.level == "client" or enough(job, _cohort(job))


def difference(old: FederatedJob, new: FederatedJob) -> str:
    """The first field that differs, as "training.lr: 0.1 -> 0.05"; empty: none."""
    return next(_differences(msgspec.to_builtins(old), msgspec.to_builtins(new), ""), "")


def _differences(old: object, new: object, at: str):  # type: ignore[no-untyped-def]
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(name), new.get(name), f"{at}.{name}" if at else name)
    elif old != new:
        yield f"{at}: {old} -> {new}"
