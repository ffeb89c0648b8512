"""What would leave a site, before it does: for whoever must sign it off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from velatura.dp.accounting import Event, epsilon, noise_for
from velatura.federated.job import FederatedJob
from velatura.federated.loading import load
from velatura.federated.networks import made
from velatura.federated.own_network import look_in
from velatura.federated.seeds import derived

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
        once: what is told before round 1; each_round: beside the arrays, in every round.
        arrays: of an update; bytes: of one.
        rounds: expected number of updates.
        sees: who sees a single update.
        noise, epsilon, delta: of client-level privacy; None: none.
    """

    rows: int
    row_shape: tuple[int, ...]
    classes: int
    labels: list[int]
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


def preview(job: FederatedJob, *, base: Path, data: str = "") -> Preview:
    """Of one site, from its own table; nothing is sent or trained.

    Args:
        data: the site's own source; default: the job's.

    Raises:
        BadInput, BadSpec: as `loading.load` and `networks.made`.
    """
    look_in(base)
    table = load(data or job.data.source, base=base, classes=job.data.classes)
    state = made(job.model.network, table.schema, seed=derived(job.seed, "model")).state_dict()
    arrays = [Array(name, tuple(value.shape), str(value.dtype).removeprefix("torch.")) for name, value in state.items()]
    private, secret = job.privacy.level == "client", job.aggregation == "secagg"
    privacy = job.privacy
    noise = noise_for(privacy.epsilon, privacy.delta, sampling=job.rounds.share, times=job.rounds.count) if private else None
    return Preview(
        rows=len(table),
        row_shape=table.schema.shape,
        classes=table.classes,
        labels=[int((table.y == label).sum()) for label in range(table.classes)],
        once=[*([] if secret else ["number of rows"]), "shape of a row", "number of classes", "number of the site"],
        each_round=_each_round(job),
        arrays=arrays,
        bytes=sum(value.numel() * value.element_size() for value in state.values()),
        rounds=job.rounds.count * job.rounds.share,
        sees=_sees(private=private, secret=secret),
        clip=privacy.clip if private else None,
        noise=noise,
        epsilon=epsilon([(Event("gaussian", noise, job.rounds.share), job.rounds.count)], privacy.delta) if noise is not None else None,
        delta=privacy.delta if private else None,
    )


def _each_round(job: FederatedJob) -> list[str]:
    """Beside the arrays."""
    if job.aggregation == "secagg":
        keys = ["number of the site", "keys, boxes and signatures of secure aggregation"]
        bound = job.privacy.level != "client" and not job.secagg.examples
        return [*keys, "a power of two that is not below the number of rows"] if bound else keys
    if job.privacy.level == "client":
        return ["number of the site"]
    return ["number of the site", "number of rows", "loss and accuracy on rows kept to judge by"]


def _sees(*, private: bool, secret: bool) -> str:
    if secret:
        return "nobody: arrays leave masked, and the server learns the sum of the sites that took part"
    return "the server, before noise is added" if private else "the server"
