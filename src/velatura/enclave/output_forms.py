"""From a job's own values to the bytes of its outputs, inside; and back, strictly, where they are looked at. Nothing is pickled.

array      .npy of numpy
table      .csv, UTF-8, a header and rows
metrics    .json: {name: {"value": number, "k": rows that it is over}}
model      .npz of arrays, uncompressed, without times; with `privacy.json` where it was trained under differential privacy
"""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from velatura.enclave.outputs import DTYPES, HANDED, Output
from velatura.errors import BadInput
from velatura.specs import Spec

__all__ = [
    "Measured",
    "Noise",
    "encoded",
    "read_array",
    "read_metrics",
    "read_model",
    "read_table",
    "write_array",
    "write_metrics",
    "write_model",
    "write_table",
]

PRIVACY = "privacy.json"
MOST_ARRAYS, MOST_CELL = 10_000, 1000
_BEFORE_ZIP = (1980, 1, 1, 0, 0, 0)

Array = NDArray[Any]


class Noise(Spec, frozen=True, kw_only=True):
    """How a model was made private: Gaussian noise on sums of clipped gradients (`velatura.dp.sgd`).

    Attributes:
        noise: standard deviation, in sensitivities.
        sampling: with which each row took part in a step, by itself.
        steps: of training.
        delta: at which epsilon is told.
    """

    noise: float
    sampling: float
    steps: int
    delta: float


class Measured(Spec, frozen=True, kw_only=True):
    """A metric: over at least k rows."""

    value: float
    k: int


def encoded(name: str, output: Output, value: Any, *, rows: int | None = None, noise: Noise | None = None) -> bytes:
    """What a job put out, as the bytes of its type.

    Args:
        value: array: what numpy takes, or a tensor; table: rows, or columns by name; metrics: numbers by name; model: arrays or tensors by name.
        rows: of data that metrics are over.
        noise: of a private model.

    Raises:
        BadInput: `enclave.output`: it is nothing of that type.
    """
    try:
        if output.type == "array":
            return write_array(_array(value))
        if output.type == "table":
            return write_table(output.columns or (), _rows(output.columns or (), value))
        if output.type == "metrics":
            return write_metrics({str(metric): Measured(value=float(one), k=int(rows or 0)) for metric, one in value.items()})
        return write_model({str(one): _array(array) for one, array in value.items()}, noise)
    except (TypeError, ValueError, KeyError, AttributeError, csv.Error) as error:
        raise BadInput("enclave.output", f"output {name!r} is no {output.type}: {error}", hint=f"it wants {HANDED[output.type]}") from error


def read_array(raw: bytes) -> Array:
    """Raises ValueError: not one array of plain numbers, or something follows."""
    stream = io.BytesIO(raw)
    found = np.lib.format.read_array(stream, allow_pickle=False)
    if stream.read(1) or found.dtype.name not in DTYPES:
        raise ValueError("not one array of plain numbers")
    return np.ascontiguousarray(found, dtype=found.dtype.newbyteorder("<"))


def read_table(raw: bytes) -> tuple[list[str], list[list[str]]]:
    """(columns, rows). Raises ValueError."""
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8"), newline=""), strict=True))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("rows of different length, or none")
    for cell in (cell for row in rows for cell in row):
        if len(cell) > MOST_CELL or (cell and not cell.isprintable()):
            raise ValueError("a cell is not printable, or too long")
        if cell[:1] in ("=", "+", "-", "@") and not _is_number(cell):
            raise ValueError("a cell begins as a formula does")
    return rows[0], rows[1:]


def read_metrics(raw: bytes) -> dict[str, Measured]:
    """Raises ValueError (msgspec's is one)."""
    found = msgspec.json.decode(raw, type=dict[str, Measured])
    if any(not math.isfinite(one.value) for one in found.values()):
        raise ValueError("a value is not finite")
    return found


def read_model(raw: bytes) -> tuple[dict[str, Array], Noise | None]:
    """Raises ValueError, zipfile.BadZipFile: no archive of plain arrays as `write_model` makes it."""
    arrays: dict[str, Array] = {}
    noise = None
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = archive.infolist()
        if not 1 <= len(members) <= MOST_ARRAYS or sum(member.file_size for member in members) > len(raw):
            raise ValueError("too many arrays, none, or compressed ones")
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                raise ValueError("compressed or encrypted")
            content = archive.read(member)
            if member.filename == PRIVACY:
                noise = msgspec.json.decode(content, type=Noise)
            elif member.filename.endswith(".npy") and member.filename not in arrays:
                arrays[member.filename.removesuffix(".npy")] = read_array(content)
            else:
                raise ValueError(f"{member.filename!r} is no array, or is there twice")
    return arrays, noise


def write_model(arrays: Mapping[str, Array], noise: Noise | None) -> bytes:
    """An `.npz` that numpy.load reads; the same arrays make the same bytes."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _BEFORE_ZIP), write_array(array))
        if noise is not None:
            archive.writestr(zipfile.ZipInfo(PRIVACY, _BEFORE_ZIP), msgspec.json.encode(noise))
    return held.getvalue()


def write_array(array: Array) -> bytes:
    held = io.BytesIO()
    np.lib.format.write_array(held, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return held.getvalue()


def write_metrics(metrics: Mapping[str, Measured]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(metrics), indent=1) + b"\n"


def write_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    held = io.StringIO(newline="")
    csv.writer(held, lineterminator="\n").writerows([columns, *rows])
    return held.getvalue().encode("utf-8")


def _array(value: Any) -> Array:
    """Of a torch tensor too, without importing torch."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    found = np.asarray(value)
    if found.dtype.name not in DTYPES:
        raise ValueError(f"dtype {found.dtype}")
    return found


def _rows(columns: Sequence[str], value: Any) -> list[list[Any]]:
    if isinstance(value, Mapping):
        if set(value) != set(columns):
            raise ValueError("its columns are not those that are declared")
        return [list(row) for row in zip(*(list(value[column]) for column in columns), strict=True)]
    return [list(row) for row in value]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
