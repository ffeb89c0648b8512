"""What would leave a site, before it does: for whoever must sign it off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from velatura.dp.accounting import epsilon, noise_for
from velatura.federated.job import FederatedJob
from velatura.federated.loading import load
from velatura.federated.networks import network_of
from velatura.federated.own_network import look_in
from velatura.federated.site_plan import Plan, plan_of

__all__ = ["Array", "Preview", "preview"]


@dataclass(frozen=True, slots=True)
class Array:
    name: str
    shape: tuple[int, ...]
    type: str


@dataclass(frozen=True, slots=True)
class Preview:
    """One site's part of a job.

    Attributes:
        rows, row_shape, classes, labels: what the site's table is; labels: rows of each class, which stay here.
        label, features, names: the column of labels, those that a row is made of, names of the classes, in their order; empty where there are none.
        once: what is told before round 1; each_round: beside the arrays, in every round.
        arrays: of an update; bytes: of one.
        rounds: expected number of updates.
        sees: who sees a single update.
        clip, noise, epsilon, delta: of the job's privacy, with a site's own noise for a site that has this table; None: none.
        unit: whom epsilon is for: a "site", or a "row"; "": nobody.
    """

    rows: int
    row_shape: tuple[int, ...]
    classes: int
    labels: list[int]
    label: str
    features: list[str]
    names: list[str]
    once: list[str]
    each_round: list[str]
    arrays: list[Array]
    bytes: int
    rounds: float
    sees: str
    clip: float | None
    noise: float | None
    epsilon: float | None
    delta: float | None
    unit: str


def preview(job: FederatedJob, *, base: Path, data: str = "") -> Preview:
    """Of one site, from its own table; nothing is sent or trained.

    Args:
        data: the site's own source; default: the job's.

    Raises:
        BadInput, BadSpec: as `loading.load` and `networks.made`.
    """
    look_in(base)
    table = load(data or job.data.source, base=base, classes=job.data.classes, label=job.data.label)
    state = network_of(job, table.schema).state_dict()
    arrays = [Array(name, tuple(value.shape), str(value.dtype).removeprefix("torch.")) for name, value in state.items()]
    private, secret = job.privacy.level != "none", job.aggregation == "secagg"
    privacy = job.privacy
    plan = _plan(job, len(table)) if private else None
    return Preview(
        rows=len(table),
        row_shape=table.schema.shape,
        classes=table.classes,
        labels=np.bincount(table.y, minlength=table.classes).tolist(),
        label=table.label,
        features=list(table.features),
        names=list(table.names),
        once=[*([] if secret else ["number of rows"]), "shape of a row", "number of classes", "number of the site"],
        each_round=_each_round(job),
        arrays=arrays,
        bytes=sum(value.numel() * value.element_size() for value in state.values()),
        rounds=job.rounds.count * job.rounds.share,
        sees=_sees(job),
        clip=privacy.clip if private else None,
        noise=plan.noise if plan else None,
        epsilon=epsilon([(plan.event, job.rounds.count * plan.steps)], privacy.delta) if plan else None,
        delta=privacy.delta if private else None,
        unit="" if not private else "row" if privacy.level == "sample" else "site",
    )


def _plan(job: FederatedJob, rows: int) -> Plan:
    """Of the server's noise, or of the site's own."""
    privacy, share = job.privacy, job.rounds.share
    if privacy.level != "client":
        return plan_of(job, rows - int(job.data.check * rows))
    return Plan(share, 1, noise_for(privacy.epsilon, privacy.delta, sampling=share, times=job.rounds.count))


def _each_round(job: FederatedJob) -> list[str]:
    """Beside the arrays."""
    if job.aggregation == "secagg":
        keys = ["number of the site", "keys, boxes and signatures of secure aggregation"]
        bound = job.privacy.level != "client" and not job.secagg.examples
        return [*keys, "a power of two that is not below the number of rows"] if bound else keys
    return {
        "client": ["number of the site"],
        "local": ["number of the site", "epsilon spent until then"],
        "sample": ["number of the site", "number of rows", "epsilon spent until then"],
    }.get(job.privacy.level, ["number of the site", "number of rows", "loss and accuracy on rows kept to judge by"])


def _sees(job: FederatedJob) -> str:
    if job.aggregation == "secagg":
        return "nobody: arrays leave masked, and the server learns the sum of the sites that took part"
    noise = {"client": ", before noise is added", "local": ", with noise of this site in it", "sample": ", with noise of this site in it"}
    return "the server" + noise.get(job.privacy.level, "")
