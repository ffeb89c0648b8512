"""What federated training reaches: against training on the pooled rows, and against two published results.

    python -m benchmarks.federated digits mnist niid to99

Every run is a job as `velatura fl run` takes it, on the engine `local`; its folder stays in build/bench/federated, so that a run which was ended goes
on with its last whole round. Pooled training is the same network, optimiser and number of passes over the rows, in one place, at the sites' learning
rate and at a fifth of it: the better one by its test rows counts, in its favour. MNIST lies in $VELATURA_DATA.

Published: Flower's `niid_bench` (adap/flower, baselines/niid_bench; FedAvg on MNIST, Dirichlet(.5)): 98.89 +- .07, best of 50 rounds. McMahan et al.
2017, table 2: the CNN of 1,663,370 parameters, 100 sites, C = .1, E = 5, B = 10: 20 rounds to 99 %. Rows here lie in [0, 1].
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from velatura.errors import Missing

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

RUNS = Path(__file__).parent.parent / "build" / "bench" / "federated"
SEEDS = (0, 1, 2)
POOLED_RATES = (1.0, 0.2)  # times the sites': ten times as many steps in a row diverge at theirs
NIID_PUBLISHED, MCMAHAN_ROUNDS, MCMAHAN_AIM = 0.9889, 20, 0.99


@dataclass(frozen=True, slots=True)
class Beside:
    """Accuracy on test rows after the last round or pass, one for each seed: as a fraction."""

    what: str
    pooled: list[float]
    iid: list[float]
    dirichlet: list[float]

    def lost(self, how: str) -> float:
        """Points of mean accuracy below pooled training."""
        return 100 * float(np.mean(self.pooled) - np.mean(self.iid if how == "iid" else self.dirichlet))


@dataclass(frozen=True, slots=True)
class Curve:
    """A run's test accuracy by round. of: rounds that the whole run has."""

    accuracy: list[float]
    of: int

    @property
    def best(self) -> float:
        return max(self.accuracy)

    def reached(self, aim: float) -> int | None:
        """The first round at or above an accuracy."""
        return next((number for number, value in enumerate(self.accuracy, 1) if value >= aim), None)


def digits() -> Beside:
    """The CNN of 6,000 parameters, ten sites, 25 rounds of 2 passes; three seeds."""
    return _beside("digits", [_digits(seed) for seed in SEEDS])


def mnist() -> Beside:
    """niid_bench's CNN, ten sites, ten rounds of 2 passes; one seed."""
    return _beside("mnist", [_mnist()])


def niid() -> Curve:
    """niid_bench's settings (conf/fedavg_base.yaml); about 47 minutes of one core."""
    from velatura.federated.job import Data, FederatedJob, Model, Rounds, Training

    data = Data("mnist", sites=10, partition="dirichlet:0.5", check=0.0)
    training = Training(epochs=10, batch=64, lr=0.01, momentum=0.9, weight_decay=1e-5)
    return _curve("niid", FederatedJob(Model("niid-cnn"), data, training, rounds=Rounds(50)))


def to99() -> Curve:
    """McMahan's settings; about 19 minutes of one core. lr: theirs was chosen by cell and is not printed; of .05, .1 and .2 the best."""
    from velatura.federated.job import Data, FederatedJob, Model, Rounds, Training

    data = Data("mnist", sites=100, check=0.0)
    job = FederatedJob(Model("fedavg-cnn"), data, Training(epochs=5, batch=10, lr=0.2), rounds=Rounds(25, share=0.1))
    return _curve("to99", job)


def data_folder() -> Path:
    """Raises Missing `bench.data`."""
    where = os.environ.get("VELATURA_DATA")
    if not where or not (Path(where) / "mnist").is_dir():
        raise Missing("bench.data", "MNIST is not here", hint="VELATURA_DATA=FOLDER, with MNIST's four files in FOLDER/mnist")
    return Path(where)


def _digits(seed: int) -> FederatedJob:
    from velatura.federated.job import Data, FederatedJob, Model, Rounds, Training

    data = Data("digits", sites=10, check=0.0)
    return FederatedJob(Model("digits-cnn"), data, Training(epochs=2, batch=16, lr=0.1, momentum=0.9), rounds=Rounds(25), seed=seed)


def _mnist() -> FederatedJob:
    from velatura.federated.job import Data, FederatedJob, Model, Rounds, Training

    training = Training(epochs=2, batch=64, lr=0.05, momentum=0.9)
    return FederatedJob(Model("niid-cnn"), Data("mnist", sites=10, check=0.0), training, rounds=Rounds(10))


def _beside(name: str, jobs: Sequence[FederatedJob]) -> Beside:
    from msgspec.structs import replace

    found = Beside(name, [], [], [])
    for job in jobs:
        found.pooled.append(_pooled(job))
        for partition, told in (("iid", found.iid), ("dirichlet:0.5", found.dirichlet)):
            told.append(_curve(f"{name}-{partition}-{job.seed}", replace(job, data=replace(job.data, partition=partition))).accuracy[-1])
    return found


def _pooled(job: FederatedJob) -> float:
    """All rows in one place, as often as the job's sites see them."""
    from msgspec.structs import replace

    from velatura.federated.networks import made
    from velatura.federated.seeds import derived
    from velatura.federated.site import pooled
    from velatura.federated.training import judged, trained

    rows, test = pooled(job, _base(job))
    assert test is not None, "both sets have test rows"
    best = 0.0
    for rate in POOLED_RATES:
        network = made(job.model.network, rows.schema, seed=derived(job.seed, "model"))
        how = replace(job.training, epochs=job.training.epochs * job.rounds.count, lr=rate * job.training.lr)
        trained(network, rows, how, seed=derived(job.seed, "pooled"))
        best = max(best, judged(network, test)[1])
    return best


def _curve(name: str, job: FederatedJob) -> Curve:
    """The job's run; goes on where the same job was ended, begins anew where it has changed."""
    import shutil

    from velatura.errors import BadSpec

    folder = RUNS / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        job.run(folder, base=_base(job), resume=folder.exists())
    except BadSpec as error:
        if error.code != "federated.changed":
            raise
        shutil.rmtree(folder)
        job.run(folder, base=_base(job))
    return read(folder, job.rounds.count)


def read(folder: Path, rounds: int) -> Curve:
    """What a finished run tells."""
    import json

    told = json.loads((folder / "history.json").read_text("utf-8"))
    return Curve([one["accuracy"] for one in told["rounds"]], rounds)


def _base(job: FederatedJob) -> Path:
    return Path() if job.data.source == "digits" else data_folder()
