"""A run's state after a round, written whole or not at all: weights, the strategy's own state, history, and which job it is of.

One file, replaced by rename. Plain arrays and JSON, no pickle; its own digest is checked when it is read.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from velatura.errors import BadInput
from velatura.files import atomic_output

__all__ = ["NAME", "Checkpoint", "read", "write"]

NAME = "checkpoint"  # in a run's folder

Arrays = Mapping[str, np.ndarray]
MAGIC = b"velatura federated checkpoint 1\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """After round `number`.

    Attributes:
        job: the job, as plain values.
        model: weights.
        strategy: arrays that it keeps between rounds, by a path of names.
        numbers: numbers that it keeps.
        history: a mapping for each round.
    """

    number: int
    job: Mapping[str, Any]
    model: Arrays
    strategy: Arrays = field(default_factory=dict)
    numbers: Mapping[str, float | int] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()


def write(path: Path, state: Checkpoint) -> None:
    """Raises VelaturaError `files.disk-full`, `files.unwritable`: the one before is intact."""
    told = {"number": state.number, "job": state.job, "numbers": dict(state.numbers), "history": list(state.history)}
    store = io.BytesIO()
    arrays = {f"model/{name}": value for name, value in state.model.items()} | {f"strategy/{name}": value for name, value in state.strategy.items()}
    np.savez(store, allow_pickle=False, **arrays)
    head, body = json.dumps(told).encode(), store.getvalue()
    digest = hashlib.sha256(head + body).digest()
    with atomic_output(path, force=True) as part, part.open("wb") as stream:
        stream.write(MAGIC + digest + len(head).to_bytes(8, "big") + head)
        stream.write(body)


def read(path: Path) -> Checkpoint:
    """Raises BadInput `federated.checkpoint`: damaged, or no checkpoint."""
    try:
        raw = path.read_bytes()
        at = len(MAGIC) + 32
        size = int.from_bytes(raw[at : at + 8], "big")
        head, body = raw[at + 8 : at + 8 + size], raw[at + 8 + size :]
        if not raw.startswith(MAGIC) or hashlib.sha256(head + body).digest() != raw[len(MAGIC) : at]:
            raise ValueError
        told = json.loads(head)
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            known = {name: arrays[name] for name in arrays.files}
        return Checkpoint(told["number"], told["job"], _under("model/", known), _under("strategy/", known), told["numbers"], tuple(told["history"]))
    except (OSError, ValueError, KeyError) as error:
        raise BadInput("federated.checkpoint", f"{path}: damaged, or no checkpoint", hint="begin anew in another folder") from error


def _under(prefix: str, arrays: Arrays) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
