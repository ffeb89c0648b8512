"""What secure aggregation costs: CPU of a site and of the server in a round, and bytes beside a plain float32 update.

    python -m benchmarks.federated_secagg [--parameters 1000000] [--sites 10] [--runs 7]

The site's steps are those of a job (`secagg.stages`: read, check, sign, share, whole numbers, masks, its state kept between messages), with a random
update in the place of training, over the engine in this process. Plain is the same update as the record that a plain reply carries. One thread.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import Spread

TARGET_CPU_S, TARGET_BYTES = 0.05, 1.01


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one round. site_s: CPU of one site in all stages, by stage too; plain_s: of packing a plain update; sent, plain: bytes of one site."""

    parameters: int
    sites: int
    site_s: Spread
    stages_s: Mapping[str, float]
    plain_s: Spread
    server_s: Spread
    sent: int
    received: int
    plain: int

    @property
    def ratio(self) -> float:
        return self.sent / self.plain


def measured(*, parameters: int = 1_000_000, sites: int = 10, runs: int = 7) -> Cost:
    """Rounds of a job without training; the first one warms up and does not count."""
    from velatura.federated.quiet import switch_off

    switch_off(Path(tempfile.mkdtemp()))
    from flwr.app import ConfigRecord, Message, RecordDict

    from velatura.federated.guarded_grid import GuardedGrid, Rules
    from velatura.federated.local_grid import LocalGrid
    from velatura.federated.records import digest_of, only, packed, unpacked
    from velatura.federated.secagg.stages import answered
    from velatura.federated.secure_aggregation import SecureAggregation

    job = _job(sites)
    spent: dict[str, float] = {}
    sent: dict[str, int] = {}
    received: dict[str, int] = {}
    update = np.random.default_rng(0).normal(0, 0.01, parameters)

    def site(message, context):  # type: ignore[no-untyped-def]
        begun = time.thread_time()
        stage = message.metadata.message_type.removeprefix("train.")
        model = digest_of(unpacked(only(message))) if stage == "masked" else b""
        records = answered(
            job, stage, message, context, site=context.node_config["partition-id"], rows=500, model=model, update=lambda: (update, 500)
        )
        reply = Message(RecordDict(records), reply_to=message)
        spent[stage] = spent.get(stage, 0.0) + (time.thread_time() - begun) / sites
        sent[stage], received[stage] = _bytes(reply), _bytes(message)
        return reply

    grid = GuardedGrid(LocalGrid(site, sites), Rules(nodes=sites), places={node + 1: node for node in range(sites)})  # type: ignore[arg-type]
    model = {"w": np.zeros(parameters, np.float32)}
    aggregator, totals, servers, plains, by_stage = SecureAggregation(job), [], [], [], []
    for number in range(runs + 1):
        messages = [
            Message(RecordDict({"arrays": packed(model), "config": ConfigRecord({"server-round": number})}), node, "train") for node in grid.places
        ]
        spent.clear()
        begun = time.process_time()
        got = aggregator.gather(number, model, grid, messages, deadline_s=600.0)
        whole = time.process_time() - begun
        if got.sites != sites:
            raise RuntimeError(f"{got.sites} of {sites} sites: {got.unchanged or grid.refused}")
        if number:
            totals.append(sum(spent.values()))
            servers.append(whole - sites * totals[-1])
            by_stage.append(dict(spent))
            plains.append(_plain_s(update))
    stages = {stage: float(np.median([one[stage] for one in by_stage])) for stage in by_stage[0]}
    plain = _bytes(Message(RecordDict({"arrays": packed({"w": update.astype(np.float32)})}), 1, "train"))
    back = sum(received.values()) - _bytes(messages[0])
    return Cost(
        parameters,
        sites,
        Spread.of(totals),
        stages,
        Spread.of(plains),
        Spread.of(servers),
        sum(sent.values()),
        back,
        plain,
    )


def _job(sites: int):  # type: ignore[no-untyped-def]
    from velatura.federated.job import Data, FederatedJob, Model

    return FederatedJob(Model("linear"), Data("digits", sites=sites), aggregation="secagg")


def _plain_s(update: np.ndarray) -> float:
    from velatura.federated.records import packed

    begun = time.thread_time()
    packed({"w": update.astype(np.float32)})
    return time.thread_time() - begun


def _bytes(message) -> int:  # type: ignore[no-untyped-def]
    """Of arrays and bodies; not of Flower's envelope, which is the same for all."""
    arrays = sum(len(array.data) for record in message.content.array_records.values() for array in record.values())
    configs = message.content.config_records.values()
    return arrays + sum(len(value) for record in configs for value in record.values() if isinstance(value, bytes))


def told(cost: Cost) -> str:
    stages = ", ".join(f"{stage} {1e3 * spent:.1f}" for stage, spent in cost.stages_s.items())
    return "\n".join(
        [
            f"{cost.parameters} parameters, {cost.sites} sites, median [lowest..highest] of {cost.site_s.runs} rounds",
            f"CPU of a site: {cost.site_s} s (aim {TARGET_CPU_S}); packing a plain update: {cost.plain_s} s",
            f"  by stage, in ms: {stages}",
            f"CPU of the server: {cost.server_s} s, with the engine's own",
            f"bytes from a site: {cost.sent}, {cost.ratio:.4f} of a plain update's {cost.plain} (aim {TARGET_BYTES})",
            f"bytes to a site, beside the model: {cost.received}",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parameters", type=int, default=1_000_000)
    parser.add_argument("--sites", type=int, default=10)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cost = measured(parameters=asked.parameters, sites=asked.sites, runs=asked.runs)
    if asked.json:
        asked.json.write_text(json.dumps(asdict(cost), indent=1) + "\n")
    print(told(cost))


if __name__ == "__main__":
    main()
