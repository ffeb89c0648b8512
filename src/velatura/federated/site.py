"""The client side: a Flower `ClientApp` that says what it has, trains on its own rows, and gives back what the job allows.

A worker keeps one module and one table: building them for each message costs more than the message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from velatura.errors import BadInput, BadSpec, Withheld
from velatura.federated.aggregation import floating
from velatura.federated.clipping import clipped, shortened
from velatura.federated.loading import brought_test, load
from velatura.federated.networks import network_of
from velatura.federated.own_network import look_in
from velatura.federated.partition import dealt
from velatura.federated.records import State, digest_of, only, packed, round_of, unpacked
from velatura.federated.secagg.stages import answered
from velatura.federated.secagg.wire import STAGES
from velatura.federated.seeds import derived
from velatura.federated.site_privacy import SitePrivacy
from velatura.federated.table import Table
from velatura.federated.training import judged, put, state_of, trained, trained_privately

if TYPE_CHECKING:
    from torch import nn

    from velatura.federated.job import FederatedJob

__all__ = ["CARD", "client_app", "held_back", "parted", "pooled", "split"]

STATE = "state"  # in a node's configuration: the site's own folder
OWN = ("sample", "local")  # levels whose noise and ledger are the site's
CARD = "velatura"  # the record in which a reply says what it belongs to


@dataclass(frozen=True, slots=True)
class _Rows:
    """own: to train on; kept: to judge models by."""

    own: Table
    kept: Table


def pooled(job: FederatedJob, base: Path) -> tuple[Table, Table | None]:
    """(what is dealt to sites, the server's test rows) of a simulation."""
    return parted(job, load(job.data.source, base=base, classes=job.data.classes, label=job.data.label), base)


def parted(job: FederatedJob, whole: Table, base: Path) -> tuple[Table, Table | None]:
    """The same, of a table that is there already."""
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

    def __init__(self, job: FederatedJob, base: Path, folder: Path | None) -> None:
        self.job, self._base, self._folder = job, base, folder
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
            self._here.network = network_of(self.job, table.schema)
            self._here.schema = table.schema
        network: nn.Module = self._here.network
        return network

    def privacy(self, context: Context, rows: int) -> SitePrivacy:
        """The site's own ledger, in the node's folder (`state` in its configuration) or in the run's.

        Raises:
            BadSpec: `federated.site-state`: there is no folder; a ledger that does not outlive the process counts nothing.
        """
        state = str(context.node_config.get(STATE, ""))
        if not state and self._folder is None:
            sentence = f'privacy.level = "{self.job.privacy.level}" needs a folder of the site\'s own for its ledger'
            raise BadSpec("federated.site-state", sentence, hint="state=FOLDER in the node's configuration; `velatura fl up` makes it")
        place = Path(state) / self.job.digest[:16] if state else cast("Path", self._folder) / f"site-{_partition(context)}"
        return SitePrivacy(self.job, place, rows)

    def _read(self, source: str, partition: int) -> Table:
        if source:
            return load(source, base=self._base, classes=self.job.data.classes, label=self.job.data.label)
        if self._pool is None:
            pool, _ = pooled(self.job, self._base)
            self._parts, self._pool = split(self.job, pool), pool
        if partition >= len(self._parts):
            raise BadInput("federated.site", f"there are {len(self._parts)} sites, and this is number {partition + 1}")
        return self._pool.rows(self._parts[partition])

    def _kept(self, table: Table, partition: int) -> _Rows:
        own, kept = held_back(self.job, len(table), partition)
        return _Rows(table.rows(own), table.rows(kept))


def client_app(job: FederatedJob, base: Path, folder: Path | None = None) -> ClientApp:
    """Flower's object.

    Args:
        base: what relative paths in the job are relative to.
        folder: of a simulation's sites, each with a folder of its own for its ledger; None: nodes name theirs.
    """
    look_in(base)
    app, site = ClientApp(), _Site(job, base, folder)

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
        metrics: dict[str, Any] = {"num-examples": len(rows.own)}
        if job.privacy.level == "none":  # exact figures beside noise would leak what the noise hides
            metrics |= _judged(site.network(rows.own), rows.kept, sent)
        state, spent = _fitted(site, message, context, sent)
        if job.privacy.level in OWN:
            metrics["epsilon"] = spent
        if job.privacy.level in ("client", "local"):
            metrics["num-examples"] = 1
        if job.privacy.level == "client":
            state = clipped(state, sent, job.privacy.clip)
        return _reply(message, _told(job, state, metrics, round_of(message), context))

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        _not_if_secret(job)
        if job.privacy.level != "none":
            raise Withheld("federated.exact", "exact figures of a site's rows leak what this job's noise hides")
        rows = site.rows(context)
        figures = _judged(site.network(rows.own), rows.kept, unpacked(only(message)))
        metrics = MetricRecord({"num-examples": max(len(rows.kept), 1), **figures})
        return _reply(message, RecordDict({"metrics": metrics, CARD: _card(job, message, context)}))

    if job.aggregation == "secagg":
        for stage in STAGES:
            app.train(stage)(_stage(job, site, stage))
    return app


def _judged(network: nn.Module, kept: Table, sent: State) -> dict[str, float]:
    """What a site says of a model that it was sent; it has no accuracy without rows to judge by."""
    if not len(kept):
        return {"loss": 0.0, "accuracy": float("nan")}
    put(network, sent)
    loss, right = judged(network, kept)
    return {"loss": loss if np.isfinite(loss) else 0.0, "accuracy": right}


def _fitted(site: _Site, message: Message, context: Context, sent: State) -> tuple[State, float]:
    """(weights after the site's training in this round, epsilon that the site itself has spent until now).

    Raises:
        BadInput: `federated.site`: it has no rows. Withheld: `dp.budget`.
    """
    rows = site.rows(context).own
    if not len(rows):
        raise BadInput("federated.site", "no rows to train on")
    network = site.network(rows)
    put(network, sent)
    how, number = site.job.training, round_of(message)
    seed = derived(site.job.seed, "train", number, _partition(context))
    if site.job.privacy.level not in OWN:
        trained(network, rows, how, seed=seed)
        return state_of(network), 0.0
    with site.privacy(context, len(rows)) as own:
        if site.job.privacy.level == "sample":
            trained_privately(network, rows, how, own, own.round(number, sent, rows), seed=seed)
            return state_of(network), own.ledger.spent()
        trained(network, rows, how, seed=seed)
        return own.local(state_of(network), sent, number, rows), own.ledger.spent()


def _stage(job: FederatedJob, site: _Site, stage: str) -> Callable[[Message, Context], Message]:
    """A step of secure aggregation."""

    def step(message: Message, context: Context) -> Message:
        rows = len(site.rows(context).own)
        sent = unpacked(only(message)) if stage == "masked" else {}

        def update() -> tuple[np.ndarray, int]:
            state, _ = _fitted(site, message, context, sent)
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
