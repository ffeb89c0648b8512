"""Arms of the attacks on updates: rows at one site -> what the server, or whoever gets the model, sees of one round.

The round is the job's own: its client app, privacy, ledger, secure aggregation and noise. What is looked at:
"site": what one site sends, masked or noised where the job does so; "sum": the mean of a round as it is released, with the noise of client-level
privacy. In a sum the other sites have a row each of the pool, which do not change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from msgspec.structs import replace
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.updates.update import Batch, Rule, Update
from velatura.errors import VelaturaError
from velatura.federated.secagg.client import LEAST
from velatura.federated.seeds import derived
from velatura.federated.site_plan import plan_of
from velatura.federated.table import Table

if TYPE_CHECKING:
    from flwr.app import Context, Message

    from velatura.federated.job import FederatedJob

__all__ = ["UpdateArm", "rule_of"]

Floats = NDArray[np.float64]
ROUND, HIS = 1, 0  # the round that is looked at, and the partition whose rows are the secret
NOISE, LEDGER = "noise", "ledger"  # files of a site: its plan, which takes seconds to make, and what it has spent


def rule_of(job: FederatedJob, rows: int) -> Rule:
    """How a site with so many rows trains in round 1. The order of rows comes from the job's seed, which whoever has the job knows."""
    import torch

    how, privacy = job.training, job.privacy
    told: dict[str, Any] = {"lr": how.lr, "momentum": how.momentum, "weight_decay": how.weight_decay, "proximal": how.proximal}
    if privacy.level == "sample":  # which rows a secret draws is not known; of few rows all of them
        return Rule([list(range(rows))] * plan_of(job, rows).steps, clip_rows=privacy.clip, **told)
    order = torch.Generator().manual_seed(derived(job.seed, "train", ROUND, HIS))
    steps = [part.tolist() for _ in range(how.epochs) for part in torch.split(torch.randperm(rows, generator=order), how.batch)]
    clip = privacy.clip if privacy.level in ("client", "local") else job.secagg.norm if job.aggregation == "secagg" else 0.0
    return Rule(steps, clip=clip, **told)


@dataclass(slots=True, eq=False)
class UpdateArm:
    """A batch -> an `Update`. See the module.

    Args:
        job: as it is attacked, or without its protections.
        others: rows of the other sites, one each, where they take part.
        view: "site" or "sum".
    """

    job: FederatedJob
    others: Table
    view: str = "site"
    _plan: dict[int, bytes] = field(default_factory=dict)

    def __call__(self, secret: Batch, rng: Generator, /) -> Update:
        with tempfile.TemporaryDirectory(prefix="velatura-audit-updates-") as place, ExitStack() as stack:
            return self._seen(secret, Path(place), rng, stack)

    def _seen(self, secret: Batch, place: Path, rng: Generator, stack: ExitStack) -> Update:
        from velatura.federated.quiet import switch_off

        switch_off(place / "flower")
        from velatura.audit.federated.given import Given, keys_for
        from velatura.federated.networks import network_of
        from velatura.federated.site import client_app
        from velatura.federated.training import state_of

        schema, rows = self.others.schema, len(secret.y)
        own = replace(self.job.data, source="rows at each site", sites=self._sites, test=0.0, check=0.0, classes=schema.classes)
        job = replace(self.job, data=own)
        network = network_of(job, schema)
        heard = _Heard(Given(client_app(job, place, place / "sites"), self._files(secret, place), keys_for(job, place)))
        self._ready(job, place, rows, rng)
        mean = self._round(job, state_of(network), heard, place, stack)
        self._plan.setdefault(rows, _kept(place, self._plan.get(rows, b"")))
        before = state_of(network)
        if self.view == "sum":
            after: Mapping[str, Floats] = {name: mean[name].astype(np.float64) - before[name] for name in before}
            every = rows + self._sites - 1
            rule = rule_of(job, rows)
            # of equal sites with one step the mean is one step on all rows: what he fits, clipping aside
            rule = Rule([list(range(every))] * len(rule.steps), rule.lr, rule.momentum, rule.weight_decay, rule.proximal, rule.clip, rule.clip_rows)
        else:
            after, every, rule = heard.moved(job, before, rows), rows, rule_of(job, rows)
        names = [name for name, _ in network.named_parameters()]
        return Update(network, {name: np.asarray(after[name], np.float64) for name in names}, rule, every, schema.shape, schema.classes)

    @property
    def _sites(self) -> int:
        """No more than what is looked at takes: a site's own update is its own, and masked among three as among all."""
        if self.view == "sum":
            return len(self.others) + 1
        return max(LEAST, self.job.rounds.least) if self.job.aggregation == "secagg" else 1

    def _files(self, secret: Batch, place: Path) -> Mapping[int, str]:
        files = {site: str(place / f"site-{site}.npz") for site in range(self._sites)}
        np.savez(files[HIS], x=secret.x, y=secret.y)
        for site in range(1, self._sites):
            row = (site - 1) % len(self.others)
            np.savez(files[site], x=self.others.x[row : row + 1], y=self.others.y[row : row + 1])
        return files

    def _ready(self, job: FederatedJob, place: Path, rows: int, rng: Generator) -> None:
        """Secrets from `rng`, the server's and the sites'; a plan that was made before."""
        (place / "secret").write_bytes(rng.bytes(32))
        for site in range(self._sites):
            folder = place / "sites" / f"site-{site}"
            folder.mkdir(parents=True)
            (folder / "secret").write_bytes(rng.bytes(32))
            known = self._plan.get(rows if site == HIS else 1)
            if known:
                (folder / NOISE).write_bytes(known)
                (folder / LEDGER).touch()  # nothing is spent: a plan without a ledger is a ledger that was lost

    def _round(self, job: FederatedJob, sent: Mapping[str, NDArray[Any]], heard: _Heard, place: Path, stack: ExitStack) -> Mapping[str, NDArray[Any]]:
        """Round 1 through the job's own aggregator; what it releases: one mean. Raises VelaturaError `attack.release`: nothing."""
        from flwr.app import ConfigRecord, Message, RecordDict

        from velatura.federated.aggregation import Plain
        from velatura.federated.client_level import client_level
        from velatura.federated.guarded_grid import GuardedGrid, Rules
        from velatura.federated.local_grid import LocalGrid
        from velatura.federated.records import packed
        from velatura.federated.secure_aggregation import SecureAggregation

        level, _ = client_level(job, place, stack)
        aggregator = SecureAggregation(job, level) if job.aggregation == "secagg" else level or Plain()
        inner = LocalGrid(cast("Any", heard), self._sites)
        stack.callback(inner.close)
        grid = GuardedGrid(inner, Rules(0.0, job.guards.most_examples, self._sites, 30.0, job.rounds.deadline_s))
        grid.places.update({node: node - 1 for node in inner.get_node_ids()})
        grid.round = ROUND
        order = ConfigRecord({"server-round": ROUND})
        messages = [Message(RecordDict({"arrays": packed(sent), "config": order}), node, "train") for node in inner.get_node_ids()]
        got = aggregator.gather(ROUND, dict(sent), grid, messages, deadline_s=job.rounds.deadline_s)
        if got.unchanged or not got.updates:
            why = got.unchanged or "; ".join(one.why for one in grid.refused)
            raise VelaturaError("attack.release", f"the round released nothing: {why}")
        floats = {name: np.stack([one.arrays[name] for one in got.updates]).astype(np.float64) for name in sent if sent[name].dtype.kind == "f"}
        return {name: floats[name].mean(0) if name in floats else value for name, value in sent.items()}


class _Heard:
    """A client app, as a grid calls it; it keeps what the site `HIS` answers."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._reply: Message | None = None

    def __call__(self, message: Message, context: Context) -> Message:
        reply: Message = self._app(message, context)
        if message.metadata.message_type in ("train", "train.masked") and int(context.node_config["partition-id"]) == HIS:
            self._reply = reply
        return reply

    def moved(self, job: FederatedJob, before: Mapping[str, NDArray[Any]], rows: int) -> Mapping[str, Floats]:
        """What it sent, as weights after minus before: masked words are read as the numbers that they would be without a mask."""
        from velatura.federated.records import only, unpacked

        assert self._reply is not None, "the round released something"
        if job.aggregation == "secagg":
            return _unmasked(job, unpacked(self._reply.content.array_records["words"])["words"], before, rows)
        after = unpacked(only(self._reply))
        return {name: after[name].astype(np.float64) - value for name, value in before.items()}


def _unmasked(job: FederatedJob, words: NDArray[np.uint32], before: Mapping[str, NDArray[Any]], rows: int) -> Mapping[str, Floats]:
    from velatura.federated.aggregation import floating
    from velatura.federated.secagg.stages import fixed_point, rows_told

    most = rows_told(job, rows)
    point = fixed_point(job, job.data.sites, most, most)
    weight = 1 if job.privacy.level == "client" else rows
    flat, at = words[:-1].view(np.int32).astype(np.float64) / (point.scale * weight), 0
    told = {}
    for name in floating(before):
        told[name] = flat[at : at + before[name].size].reshape(before[name].shape)
        at += before[name].size
    return told


def _kept(place: Path, known: bytes) -> bytes:
    path = place / "sites" / f"site-{HIS}" / NOISE
    return known or (path.read_bytes() if path.is_file() else b"")
