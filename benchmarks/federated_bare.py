"""What the engine is measured against: FedAvg as a loop of plain torch, and a plain Flower app, both on the rows, seeds and network of a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

Weights = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Rounds:
    """CPU seconds of each round, where it ended, and seconds before the first round."""

    cpu_s: list[float]
    weights: Mapping[str, np.ndarray]
    start_s: float = 0.0


class Bare:
    """Rows and a network, made once and before any clock runs."""

    def __init__(self, job: FederatedJob) -> None:
        import torch

        from velatura.federated.networks import made
        from velatura.federated.seeds import derived
        from velatura.federated.site import pooled, split

        self.job = job
        table, _ = pooled(job, Path())
        self._rows = [(torch.from_numpy(table.x[rows]), torch.from_numpy(table.y[rows])) for rows in split(job, table)]
        self.network = made(job.model.network, table.schema, seed=derived(job.seed, "model"))
        self.begun = _copied(self.network)

    def loop(self) -> Rounds:
        """FedAvg in plain torch: nothing is packed, checked, judged or kept."""
        weights, spent = self.begun, []
        for number in range(1, self.job.rounds.count + 1):
            begun = time.process_time()
            weights = self._averaged([self._site(weights, number, site) for site in range(self.job.data.sites)])
            spent.append(time.process_time() - begun)
        return Rounds(spent, weights)

    def fit(self, number: int, site: int) -> int:
        """Train the network in place as a site does; how many rows it has."""
        import torch

        from velatura.federated.seeds import derived

        (x, y), how = self._rows[site], self.job.training
        order = torch.Generator().manual_seed(derived(self.job.seed, "train", number, site))
        optimizer = torch.optim.SGD(self.network.parameters(), how.lr, momentum=how.momentum, weight_decay=how.weight_decay)
        for _ in range(how.epochs):
            for rows in torch.split(torch.randperm(len(y), generator=order), how.batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(self.network(x[rows]), y[rows]).backward()
                optimizer.step()
        return len(y)

    def _site(self, weights: Weights, number: int, site: int) -> tuple[int, Weights]:
        import torch

        self.network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        return self.fit(number, site), _copied(self.network)

    @staticmethod
    def _averaged(told: list[tuple[int, Weights]]) -> Weights:
        """In the order and the arithmetic of Flower's FedAvg, so that bits can be compared."""
        whole, mean = float(sum(rows for rows, _ in told)), {}
        for rows, weights in told:
            for name, value in weights.items():
                mean[name] = value * (rows / whole) if name not in mean else mean[name] + value * (rows / whole)
        return mean


def flower(bare: Bare, around: Callable[[Any], Any]) -> Rounds:
    """A plain Flower app (FedAvg, Message API) over the grid in this process.

    Args:
        around: what stands between Flower's strategy and the grid: nothing, or `GuardedGrid`.
    """
    from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp

    from velatura.federated.local_grid import LocalGrid

    client = ClientApp()

    @client.train()
    def train(message: Message, context: Context) -> Message:
        bare.network.load_state_dict(message.content["arrays"].to_torch_state_dict())
        rows = bare.fit(message.content["config"]["server-round"], context.node_config["partition-id"])
        content = RecordDict({"arrays": ArrayRecord(bare.network.state_dict()), "metrics": MetricRecord({"num-examples": rows})})
        return Message(content, reply_to=message)

    grid = LocalGrid(client, bare.job.data.sites)
    try:
        strategy = _timed(bare.job.data.sites)
        arrays = ArrayRecord({name: _tensor(value) for name, value in bare.begun.items()})
        result = strategy.start(around(grid), arrays, num_rounds=bare.job.rounds.count)
    finally:
        grid.close()
    return Rounds(list(np.diff(strategy.marks_s)), {name: array.numpy() for name, array in result.arrays.items()})


def guarded(sites: int) -> Callable[[Any], Any]:
    """Our wrapper, as `velatura fl run APP` puts it around an engine's grid."""
    from velatura.federated.guarded_grid import GuardedGrid, Rules

    return lambda grid: GuardedGrid(grid, Rules(nodes=sites), places={node: node - 1 for node in range(1, sites + 1)})


def _timed(sites: int) -> Any:
    from flwr.serverapp.strategy import FedAvg

    class Timed(FedAvg):
        """CPU from one round's beginning to the next one's."""

        def __init__(self) -> None:
            super().__init__(fraction_evaluate=0.0, min_train_nodes=sites, min_available_nodes=sites)
            self.marks_s: list[float] = []

        def configure_train(self, *arguments: Any) -> Any:
            self.marks_s = self.marks_s or [time.process_time()]
            return super().configure_train(*arguments)

        def aggregate_train(self, *arguments: Any) -> Any:
            told = super().aggregate_train(*arguments)
            self.marks_s.append(time.process_time())
            return told

    return Timed()


def _copied(network: Any) -> Weights:
    return {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}


def _tensor(value: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(value.copy())
