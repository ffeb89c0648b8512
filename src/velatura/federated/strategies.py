"""Flower's strategies by name. The only place that knows their classes and what they need of a round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from velatura.errors import BadSpec
from velatura.federated.ranges import Range, whole

if TYPE_CHECKING:
    from flwr.serverapp.strategy import FedAvg

    from velatura.federated.job import FederatedJob

__all__ = ["SINGLE", "STRATEGIES", "enough", "strategy_of"]


def _any(replies: int, faulty: int) -> bool:
    return replies >= 1


@dataclass(frozen=True, slots=True)
class _Kind:
    """flower: its class; enough: whether so many replies are enough against so many faulty ones (its paper's condition); options: of its class, by
    name, that are numbers of its own."""

    flower: str
    enough: Callable[[int, int], bool] = _any
    options: Mapping[str, Range] = field(default_factory=dict)


STEP, DECAY, SITES = Range(0, 1e6, above=True), Range(0, 1, below=True), whole(0, 100_000)
ADAGRAD = {"eta": STEP, "eta_l": STEP, "tau": STEP}
ADAM = {**ADAGRAD, "beta_1": DECAY, "beta_2": DECAY}
FAULTY = {"num_malicious_nodes": SITES}

STRATEGIES = {
    "fedavg": _Kind("FedAvg"),
    "fedprox": _Kind("FedProx", options={"proximal_mu": STEP}),
    "fedavgm": _Kind("FedAvgM", options={"server_learning_rate": STEP, "server_momentum": DECAY}),
    "fedadam": _Kind("FedAdam", options=ADAM),
    "fedyogi": _Kind("FedYogi", options=ADAM),
    "fedadagrad": _Kind("FedAdagrad", options=ADAGRAD),
    "krum": _Kind("Krum", lambda replies, faulty: replies >= 2 * faulty + 3, FAULTY),
    "multikrum": _Kind("MultiKrum", lambda replies, faulty: replies >= 2 * faulty + 3, {**FAULTY, "num_nodes_to_select": whole(1, 100_000)}),
    "bulyan": _Kind("Bulyan", lambda replies, faulty: replies >= 4 * faulty + 3, FAULTY),
    "trimmed-mean": _Kind("FedTrimmedAvg", lambda replies, faulty: replies > 2 * faulty, {"beta": Range(0, 0.5, below=True)}),
    "median": _Kind("FedMedian", lambda replies, faulty: replies > 2 * faulty),
}

SINGLE = ("krum", "multikrum", "bulyan", "median", "trimmed-mean")
"""They compare single updates."""


def strategy_of(job: FederatedJob) -> FedAvg:
    """Flower's object.

    Raises:
        BadSpec: `federated.strategy`: an option that its class does not take.
    """
    from flwr.serverapp import strategy as flower

    options: dict[str, Any] = dict(job.strategy.options)
    if job.strategy.name == "fedprox":
        options.setdefault("proximal_mu", job.training.proximal)
    try:
        made: FedAvg = getattr(flower, STRATEGIES[job.strategy.name].flower)(
            fraction_train=1.0, fraction_evaluate=1.0, min_train_nodes=1, min_evaluate_nodes=1, min_available_nodes=1, **options
        )
    except TypeError as error:
        raise BadSpec("federated.strategy", f"{job.strategy.name}: {error}", hint="options are those of Flower's class") from error
    return made


def enough(job: FederatedJob, replies: int, lied: int = 0) -> bool:
    """Whether a round's replies meet the strategy's condition, after drop-outs too.

    Args:
        lied: replies that a guard has taken out: so many fewer of the faulty ones are left. Without that, one site that sends rubbish could end
            every round of just enough sites.
    """
    faulty = max(_faulty(job, replies) - lied, 0)
    return replies >= job.rounds.least and STRATEGIES[job.strategy.name].enough(replies, faulty)


def _faulty(job: FederatedJob, replies: int) -> int:
    options = job.strategy.options
    if "num_malicious_nodes" in options:
        return int(options["num_malicious_nodes"])
    return ceil(float(options.get("beta", 0.2)) * replies) if job.strategy.name == "trimmed-mean" else 0
