"""The client side: a Flower `ClientApp` that says what it has, trains on its own rows, and gives back what the job allows.

A worker keeps one module and one table: building them for each message costs more than the message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from velatura.errors import BadInput, Withheld
from velatura.federated.aggregation import floating
from velatura.federated.clipping import clipped, shortened
from velatura.federated.loading import brought_test, load
from velatura.federated.networks import made
from velatura.federated.own_network import look_in
from velatura.federated.partition import dealt
from velatura.federated.records import State, digest_of, only, packed, round_of, unpacked
from velatura.federated.secagg.stages import answered
from velatura.federated.secagg.wire import STAGES
from velatura.federated.seeds import derived
from velatura.federated.table import Table
from velatura.federated.training import judged, put, state_of, trained

if TYPE_CHECKING:
    from torch import nn

    from velatura.federated.job import FederatedJob

__all__ = ["CARD", "client_app", "held_back", "pooled", "split"]

CARD = "velatura"  # the record in which a reply says what it belongs to


@dataclass(frozen=True, slots=True)
class _Rows:
    """own: to train on; kept: to judge models by."""

    own: Table
    kept: Table


def pooled(job: FederatedJob, base: Path) -> tuple[Table, Table | None]:
    """(what is dealt to sites, the server's test rows) of a simulation."""
    whole = load(job.data.source, base=base, classes=job.data.classes)
    brought = brought_test(job.data.source, base=base)
    if brought is not None or not job.data.test:
        return whole, brought
    order = np.random.default_rng(derived(job.seed, "test")).permutation(len(whole))
    tested = int(job.data.test * len(whole))
    return whole.rows(np.sort(order[tested:])), whole.rows(np.sort(order[:tested]))


def split(job: FederatedJob, table: Table) -> list[np.ndarray]:
    """Rows of each site of a simulation."""
    return list(dealt(table.y, job.data.sites, job.data.partition, seed=derived(job.seed, "partition")))


def held_back(job: FederatedJob, rows: int, partition: int) -> tuple[np.ndarray, np.ndarray]:
    """(what a site trains on, what it keeps to judge models by), as indices into its rows."""
    order = np.random.default_rng(derived(job.seed, "check", partition)).permutation(rows)
    kept = int(job.data.check * rows)
    return np.sort(order[kept:]), np.sort(order[:kept])


class _Site:
    """Tables and modules of this process; a module for each thread."""

    def __init__(self, job: FederatedJob, base: Path) -> None:
        self.job, self._base = job, base
        self._lock, self._here = threading.Lock(), threading.local()
        self._pool: Table | None = None
        self._parts: list[np.ndarray] = []
        self._known: dict[tuple[str, int], _Rows] = {}

    def rows(self, context: Context) -> _Rows:
        config = context.node_config
        source, partition = str(config.get("data", "")), _partition(context)
        with self._lock:
            if (source, partition) not in self._known:
                self._known[source, partition] = self._kept(self._read(source, partition), partition)
            return self._known[source, partition]

    def network(self, table: Table) -> nn.Module:
        if getattr(self._here, "schema", None) != table.schema:
            self._here.network = made(self.job.model.network, table.schema, seed=derived(self.job.seed, "model"))
            self._here.schema = table.schema
        network: nn.Module = self._here.network
        return network

    def _read(self, source: str, partition: int) -> Table:
        if source:
            return load(source, base=self._base, classes=self.job.data.classes)
        if self._pool is None:
            pool, _ = pooled(self.job, self._base)
            self._parts, self._pool = split(self.job, pool), pool
        if partition >= len(self._parts):
            raise BadInput("federated.site", f"there are {len(self._parts)} sites, and this is number {partition + 1}")
        return self._pool.rows(self._parts[partition])

    def _kept(self, table: Table, partition: int) -> _Rows:
        own, kept = held_back(self.job, len(table), partition)
        return _Rows(table.rows(own), table.rows(kept))


def client_app(job: FederatedJob, base: Path) -> ClientApp:
    """Flower's object. base: what relative paths in the job are relative to."""
    look_in(base)
    app, site = ClientApp(), _Site(job, base)

    @app.query()
    def hello(message: Message, context: Context) -> Message:
        rows = site.rows(context)
        schema = rows.own.schema
        told: dict[str, Any] = {
            "partition": _partition(context),
            "rows": 0 if job.aggregation == "secagg" else len(rows.own),
            "shape": list(schema.shape),
            "classes": schema.classes,
        }
        return _reply(message, RecordDict({CARD: ConfigRecord({"job": job.digest} | told)}))

    @app.train()
    def train(message: Message, context: Context) -> Message:
        _not_if_secret(job)
        rows, sent = site.rows(context), unpacked(only(message))
        network = site.network(rows.own)
        put(network, sent)
        metrics: dict[str, Any] = {"num-examples": len(rows.own)}
        if job.privacy.level == "none":  # exact figures beside noise would leak what the noise hides
            loss, right = judged(network, rows.kept)
            metrics |= {"loss": loss if np.isfinite(loss) else 0.0, "accuracy": right if len(rows.kept) else float("nan")}
        state = _fitted(site, message, context, sent)
        if job.privacy.level == "client":
            state, metrics["num-examples"] = clipped(state, sent, job.privacy.clip), 1
        return _reply(message, _told(job, state, metrics, round_of(message), context))

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        _not_if_secret(job)
        rows = site.rows(context)
        network = site.network(rows.own)
        put(network, unpacked(only(message)))
        loss, right = judged(network, rows.kept)
        right = right if len(rows.kept) else float("nan")
        metrics = MetricRecord({"num-examples": max(len(rows.kept), 1), "loss": loss if np.isfinite(loss) else 0.0, "accuracy": right})
        return _reply(message, RecordDict({"metrics": metrics, CARD: _card(job, message, context)}))

    if job.aggregation == "secagg":
        for stage in STAGES:
            app.train(stage)(_stage(job, site, stage))
    return app


def _fitted(site: _Site, message: Message, context: Context, sent: State) -> State:
    """Weights after the site's training in this round.

    Raises:
        BadInput: `federated.site`: it has no rows.
    """
    rows = site.rows(context).own
    if not len(rows):
        raise BadInput("federated.site", "no rows to train on")
    network = site.network(rows)
    put(network, sent)
    trained(network, rows, site.job.training, seed=derived(site.job.seed, "train", round_of(message), _partition(context)))
    return state_of(network)


def _stage(job: FederatedJob, site: _Site, stage: str) -> Callable[[Message, Context], Message]:
    """A step of secure aggregation."""

    def step(message: Message, context: Context) -> Message:
        rows = len(site.rows(context).own)
        sent = unpacked(only(message)) if stage == "masked" else {}

        def update() -> tuple[np.ndarray, int]:
            state = _fitted(site, message, context, sent)
            flat = np.concatenate([(state[name].astype(np.float64) - sent[name].astype(np.float64)).ravel() for name in floating(sent)])
            if job.privacy.level == "client":
                return shortened(flat, job.privacy.clip), 1
            return shortened(flat, job.secagg.norm) if job.secagg.norm else flat, rows

        model = digest_of(sent) if sent else b""
        records = answered(job, stage, message, context, site=_partition(context), rows=rows, model=model, update=update)
        return _reply(message, RecordDict({CARD: _card(job, message, context), **records}))

    return step


def _not_if_secret(job: FederatedJob) -> None:
    """Single updates, and exact figures of a site, do not leave it in the clear, whatever the server asks for."""
    if job.aggregation == "secagg":
        raise Withheld("federated.secagg", "this job's updates leave the site masked, and its figures not at all")


def _card(job: FederatedJob, message: Message, context: Context) -> ConfigRecord:
    return ConfigRecord({"job": job.digest, "round": round_of(message), "partition": _partition(context)})


def _told(job: FederatedJob, state: dict[str, np.ndarray], metrics: dict[str, Any], number: int, context: Context) -> RecordDict:
    card = ConfigRecord({"job": job.digest, "round": number, "partition": _partition(context)})
    return RecordDict({"arrays": packed(state), "metrics": MetricRecord(metrics), CARD: card})


def _reply(message: Message, content: RecordDict) -> Message:
    return Message(content, reply_to=message)


def _partition(context: Context) -> int:
    return int(context.node_config.get("partition-id", 0))
