"""Weights as Flower carries them, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, Message
from numpy.typing import NDArray

__all__ = ["State", "digest_of", "only", "packed", "round_of", "unpacked"]

State = dict[str, NDArray[Any]]


def packed(state: Mapping[str, NDArray[Any]]) -> ArrayRecord:
    """Copies."""
    return ArrayRecord({name: Array(np.ascontiguousarray(value)) for name, value in state.items()})


def unpacked(record: ArrayRecord) -> State:
    """Raises ValueError and what else hostile bytes make of NumPy's reader (which takes no pickle)."""
    return {name: array.numpy() for name, array in record.items()}


def digest_of(state: Mapping[str, NDArray[Any]]) -> bytes:
    """SHA-256 of weights: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(f"{len(name)}:{name}{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).data)
    return digest.digest()


def only(message: Message) -> ArrayRecord:
    """The one record of arrays of a message that trains or evaluates. Raises StopIteration: none."""
    return next(iter(message.content.array_records.values()))


def round_of(message: Message) -> int:
    """0: it does not say."""
    for config in message.content.config_records.values():
        number = config.get("server-round")
        if isinstance(number, int):
            return number
    return 0
