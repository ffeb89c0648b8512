"""Arms of the one-run audit: a job's own privacy, trained on canaries; what is released is the final model, what is scored are its coordinates.

The network is linear and wide, so that each canary has a coordinate of its own, which nothing else moves: an update of one coordinate (of a site), or
a row of one column (of a record). Noise, clipping, sampling, ledger, rounds and engine are the job's own; its network, rows and strategy are not:
what is tried is what the accounting says of the mechanism, and for any network it says the same.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from msgspec.structs import replace
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.audit.federated.trained import trained
from velatura.errors import BadInput
from velatura.federated.job import Data, FederatedJob, Guards, Model, StrategyOf, Training
from velatura.federated.records import only, packed, round_of, unpacked
from velatura.federated.site import CARD
from velatura.federated.table import Schema

__all__ = ["CANARIES", "LEVELS", "CanaryArm"]

LEVELS = ("client", "sample")
CANARIES = 1000
LONG = 10.0  # of a canary's row, in clipping norms: its gradient lies in its own column but for a hundredth


@dataclass(frozen=True, slots=True)
class CanaryArm:
    """(canaries,) who is in -> (canaries,) how far the final model went in each one's direction.

    Args:
        job: whose privacy is tried, or the same without any.
        level: "client" (canaries are sites) or "sample" (they are rows of one site).
        sampling: share of the rows in a batch of the job's own sites; of "sample".
        clip: what a canary is long by.
    """

    job: FederatedJob
    level: str
    sampling: float
    clip: float

    def __call__(self, inside: NDArray[np.bool_], rng: Generator, /) -> NDArray[np.float64]:
        from velatura.federated.networks import network_of

        schema = Schema((len(inside),), 2)
        with tempfile.TemporaryDirectory(prefix="velatura-audit-canaries-") as place:
            base = Path(place)
            if self.level == "client":
                job = self._as(sites=len(inside), source="sites that are canaries", batch=1)
                model = trained(job, base, schema, rng, lambda _: _CanarySites(job, inside, self.clip))
            else:
                job = self._as(sites=1, source=str(base / "rows.npz"), batch=max(1, round(self.sampling * len(inside))))
                np.savez(base / "rows.npz", x=self._rows(inside), y=_labels(len(inside)))
                model = trained(job, base, schema, rng)
        before = network_of(job, schema).state_dict()
        moved = (model.network.state_dict()[WEIGHT] - before[WEIGHT]).double().numpy()
        if self.level == "client":
            return np.asarray(moved[0])
        own = _labels(len(inside)), np.arange(len(inside))
        return np.asarray(moved[own] - moved[1 - own[0], own[1]])

    def _as(self, *, sites: int, source: str, batch: int) -> FederatedJob:
        """The job, on canaries."""
        job = self.job
        return replace(
            job,
            model=Model("linear"),
            data=Data(source, sites=sites, test=0.0, check=0.0, classes=2),
            training=Training(epochs=job.training.epochs, batch=batch, lr=0.1),
            strategy=StrategyOf(),
            rounds=replace(job.rounds, least=1, more=0, share=job.rounds.share if self.level == "client" else 1.0),
            guards=Guards(norm=0.0),
            aggregation="plain",
        )

    def _rows(self, inside: NDArray[np.bool_]) -> NDArray[np.float32]:
        """A column for each canary; who is out is a row of nothing, so that the number of rows says nothing."""
        x = np.zeros((len(inside), len(inside)), np.float32)
        np.fill_diagonal(x, LONG * max(self.clip, 1.0) * inside)
        return x


@dataclass(frozen=True, slots=True, eq=False)
class _CanarySites:
    """A client app, as a grid calls it: each site in sends one coordinate, as long as may be; each one out does not answer."""

    job: FederatedJob
    inside: NDArray[np.bool_]
    clip: float

    def __call__(self, message: Message, context: Context) -> Message:
        site = int(context.node_config["partition-id"])
        told: dict[str, Any] = {"job": self.job.digest, "partition": site}
        if message.metadata.message_type == "query":
            card = told | {"rows": 1, "shape": [len(self.inside)], "classes": 2}
            return Message(RecordDict({CARD: ConfigRecord(card)}), reply_to=message)
        if message.metadata.message_type != "train" or not self.inside[site]:
            raise BadInput("federated.site", "a canary that is out")
        state = {name: value.copy() for name, value in unpacked(only(message)).items()}
        state[WEIGHT][0, site] += self.clip
        content = RecordDict({"arrays": packed(state), "metrics": MetricRecord({"num-examples": 1})})
        content[CARD] = ConfigRecord(told | {"round": round_of(message)})
        return Message(content, reply_to=message)


WEIGHT = "1.weight"  # of the network "linear", (classes, canaries)


def _labels(count: int) -> NDArray[np.int64]:
    return np.arange(count) % 2
