"""Small jobs for tests, and a grid whose clients can be made to misbehave."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord

from velatura.federated.guarded_grid import GuardedGrid, Rules
from velatura.federated.job import Data, FederatedJob, Model, Rounds, StrategyOf, Training
from velatura.federated.local_grid import LocalGrid
from velatura.federated.site import client_app

__all__ = ["FAULTS", "Fault", "grid", "job"]

Fault = Callable[[Message, Message], Message]


def job(
    *, rounds: int = 3, sites: int = 5, strategy: str = "fedavg", deadline_s: float = 60.0, partition: str = "iid", **options: float
) -> FederatedJob:
    """scikit-learn's digits, a linear model: a round takes some milliseconds."""
    return FederatedJob(
        Model("linear"),
        Data("digits", sites=sites, partition=partition),
        Training(epochs=1, batch=16, lr=0.1),
        StrategyOf(strategy, options),
        Rounds(count=rounds, deadline_s=deadline_s, wait_s=20.0),
    )


def grid(of: FederatedJob, faults: dict[int, Fault] | None = None) -> GuardedGrid:
    """Local, with the job's own guards; the clients of `faults`, by partition, answer to train what the fault makes of their reply."""
    honest = client_app(of, Path())

    def answer(message: Message, context: Context) -> Message:
        reply = honest(message, context)
        fault = (faults or {}).get(int(context.node_config["partition-id"]))
        return fault(message, reply) if fault is not None and message.metadata.message_type == "train" else reply

    inner = LocalGrid(answer, of.data.sites)  # type: ignore[arg-type]
    return GuardedGrid(inner, Rules(of.guards.norm, of.guards.most_examples, of.data.sites, 5.0, of.rounds.deadline_s))


def _arrays(change: Callable[[str, np.ndarray], np.ndarray | None]) -> Fault:
    def fault(message: Message, reply: Message) -> Message:
        record = reply.content.array_records["arrays"]
        changed = {name: change(name, array.numpy()) for name, array in record.items()}
        reply.content["arrays"] = ArrayRecord({name: Array(value) for name, value in changed.items() if value is not None})
        return reply

    return fault


def _examples(number: float) -> Fault:
    def fault(message: Message, reply: Message) -> Message:
        metrics = dict(reply.content.metric_records["metrics"])
        reply.content["metrics"] = MetricRecord({**metrics, "num-examples": number})
        return reply

    return fault


def _raises(error: BaseException) -> Fault:
    def fault(message: Message, reply: Message) -> Message:
        raise error

    return fault


def _sleeps(message: Message, reply: Message) -> Message:
    time.sleep(30)
    return reply


def _one(value: float) -> Fault:
    def change(name: str, array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array.flat[0] = value
        return array

    return _arrays(change)


FAULTS: dict[str, tuple[Fault, str]] = {
    "NaN": (_one(np.nan), "not finite"),
    "Inf": (_one(np.inf), "not finite"),
    "transposed": (_arrays(lambda name, array: array.T if array.ndim == 2 else array), "shape"),
    "broadcasts": (_arrays(lambda name, array: array[:1]), "shape"),
    "float64": (_arrays(lambda name, array: array.astype(np.float64)), "float64"),
    "int64": (_arrays(lambda name, array: array.astype(np.int64)), "int64"),
    "lacks a key": (_arrays(lambda name, array: None if name.endswith("bias") else array), "lacks"),
    "100 times as long": (_arrays(lambda name, array: array + 100), "update of norm"),
    "0 examples": (_examples(0), "num-examples"),
    "1e9 examples": (_examples(1e9), "num-examples"),
    "raises": (_raises(ValueError("no")), "ValueError"),
    "exits": (_raises(SystemExit(3)), "SystemExit"),
    "interrupts": (_raises(KeyboardInterrupt()), "KeyboardInterrupt"),
    "sleeps": (_sleeps, "no answer within"),
}
