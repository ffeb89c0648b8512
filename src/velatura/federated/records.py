"""Weights as Flower carries them (NumPy's file format, one file an array), and back.

A round reads each array some five times. What that costs is NumPy's reader, which parses the head before the numbers as Python source: heads are
kept here, and the numbers are looked at where they lie.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord
from numpy.lib import format as npy
from numpy.typing import NDArray

__all__ = ["State", "digest_of", "only", "packed", "read_quickly", "records_of", "round_of", "unpacked"]

State = dict[str, NDArray[Any]]
Record = TypeVar("Record", ArrayRecord, ConfigRecord, MetricRecord)
NUMBERS = "fiub"  # kinds of types whose bytes are all there is
NPY = "numpy.ndarray"  # Flower's word for this format
MAGIC = npy.magic(1, 0)
LONGEST = 512  # bytes of a head that is kept; those of weights have 128


def packed(state: Mapping[str, NDArray[Any]]) -> ArrayRecord:
    """Copies, byte by byte what Flower makes of the same arrays."""
    return ArrayRecord({name: _packed(np.asarray(value, order="C")) for name, value in state.items()})


def unpacked(record: ArrayRecord) -> State:
    """Read-only views of its bytes.

    Raises ValueError and what else hostile bytes make of NumPy's reader (which takes no pickle).
    """
    return {name: _read(array) for name, array in record.items()}


def read_quickly(messages: Iterable[Message]) -> None:
    """Make arrays of these messages such that a strategy of Flower's reads them as `unpacked` does; they are not to be sent any more."""
    for message in messages:
        for record in records_of(message, ArrayRecord):
            for name, array in list(record.items()):
                quick = record[name] = _Quick.__new__(_Quick)
                vars(quick).update(vars(array))


class _Quick(Array):
    """Flower's, but for how long it takes."""

    def numpy(self) -> NDArray[Any]:
        """The caller's own."""
        return _read(self).copy()


def _packed(value: NDArray[Any]) -> Array:
    if value.dtype.kind not in NUMBERS:
        return Array(value)
    return Array(str(value.dtype), tuple(value.shape), NPY, b"".join((_head(value.dtype, value.shape), value.data)))


def _read(array: Array) -> NDArray[Any]:
    raw = array.data
    end = len(MAGIC) + 2 + int.from_bytes(raw[len(MAGIC) : len(MAGIC) + 2], "little")
    if array.stype != NPY or not raw.startswith(MAGIC) or end > min(LONGEST, len(raw)):
        return Array.numpy(array)
    shape, fortran, dtype = _parsed(raw[:end])
    if dtype.kind not in NUMBERS:
        return Array.numpy(array)
    if len(raw) - end != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(raw) - end} bytes, and {shape} of {dtype} are {math.prod(shape) * dtype.itemsize}")
    return np.frombuffer(raw, dtype, math.prod(shape), end).reshape(shape, order="F" if fortran else "C")


@lru_cache(1024)
def _head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    npy.write_array_header_1_0(stream, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
    return stream.getvalue()


@lru_cache(1024)
def _parsed(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """(shape, whether columns come first, type)."""
    found: tuple[tuple[int, ...], bool, np.dtype[Any]] = npy.read_array_header_1_0(io.BytesIO(head[len(MAGIC) :]))
    return found


def digest_of(state: Mapping[str, NDArray[Any]]) -> bytes:
    """SHA-256 of weights: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(f"{len(name)}:{name}{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).data)
    return digest.digest()


def only(message: Message) -> ArrayRecord:
    """The one record of arrays of a message that trains or evaluates. Raises StopIteration: none."""
    return next(records_of(message, ArrayRecord))


def round_of(message: Message) -> int:
    """0: it does not say."""
    for config in records_of(message, ConfigRecord):
        number = config.get("server-round")
        if isinstance(number, int):
            return number
    return 0


def records_of(message: Message, kind: type[Record]) -> Iterator[Record]:
    """Of one kind, in their order. Flower's own `array_records` builds and checks a mapping each time."""
    return (one for one in message.content.values() if isinstance(one, kind))
