"""What may leave a job: outputs of declared name, type, size and count. Rules alone stand here; `release.py` holds what comes out against them.

    [outputs.scores]                    # numpy, .npy
    type = "array"
    dtype = "float32"
    shape = [1000, 10]                  # at most, along each axis
    [outputs.by_ward]                   # .csv
    type = "table"
    columns = ["ward", "mean"]
    rows = 50
    [outputs.metrics]                   # .json; each over at least k rows of the data, and rounded
    type = "metrics"
    k = 20
    metrics = { accuracy = { decimals = 3, low = 0, high = 1 } }
    [outputs.model]                     # .npz of arrays
    type = "model"
    leave = "released"                  # or "sealed": encrypted inside, to the job's recipient
    most_mb = 10
    privacy = { epsilon = 4, delta = 1e-4 }

Limits: a rule bounds how much leaves, not what it means. How many rows a metric is over is the job's own word: read its code, whose digest is in the
evidence. A released model without `privacy` may hold whole rows of the data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from velatura.errors import BadSpec, nearest
from velatura.specs import Spec

__all__ = ["DTYPES", "FIELDS", "LEAST_K", "Metric", "Output", "Privacy", "check_outputs", "valid_name"]

LEAST_K = 20
"""Rows that a metric is over, at least: below, a difference of two metrics is a person."""

MOST_MB = 2048
MOST_OUTPUTS, MOST_METRICS, MOST_COLUMNS, MOST_ROWS = 32, 1000, 1000, 10_000_000
DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64")


class Metric(Spec, frozen=True, kw_only=True):
    """Rounded to `decimals` and kept between `low` and `high`, which bounds the bits that it can carry.

    Attributes:
        decimals: 0 to 6.
        low, high: a value beyond them is refused, and with it all outputs.
    """

    decimals: int = 3
    low: float = 0.0
    high: float = 1.0

    @property
    def bits(self) -> float:
        """At most: the logarithm of the number of values that it can have."""
        return math.log2(math.floor((self.high - self.low) * 10**self.decimals) + 1)


class Privacy(Spec, frozen=True, kw_only=True):
    """What a model may cost those whose rows it saw, at most (differential privacy, add-or-remove-one).

    Attributes:
        epsilon: at most 100; reckoned anew from what the job says of its noise.
        delta: less than 0.01.
    """

    epsilon: float
    delta: float


class Output(Spec, frozen=True, kw_only=True):
    """One output. Which attributes go with which type: FIELDS.

    Attributes:
        type: array, table, metrics or model.
        leave: "released": as it is; "sealed": encrypted inside to the job's recipient.
        most_mb: of its file; at most 2,048.
        dtype: of an array, as numpy names it.
        shape: of an array: the most along each axis.
        columns: of a table: their names.
        rows: of a table, at most.
        k: of metrics: rows of data that each is over, at least; 20 or more.
        metrics: of metrics: what there is, `{ NAME = { decimals = 3, low = 0, high = 1 } }`.
        privacy: of a model that was trained under differential privacy; the job says with what noise, and epsilon is reckoned from it anew.
    """

    type: Literal["array", "table", "metrics", "model"]
    leave: Literal["released", "sealed"] = "released"
    most_mb: float = 1.0
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    columns: tuple[str, ...] | None = None
    rows: int | None = None
    k: int | None = None
    metrics: dict[str, Metric] | None = None
    privacy: Privacy | None = None

    @property
    def most_bytes(self) -> int:
        return int(self.most_mb * (1 << 20))

    @property
    def bits(self) -> float:
        """That can leave through it, at most."""
        if self.type == "metrics" and self.metrics is not None:
            return sum(metric.bits for metric in self.metrics.values())
        return 8.0 * self.most_bytes


FIELDS: Mapping[str, tuple[str, ...]] = {
    "array": ("dtype", "shape"),
    "table": ("columns", "rows"),
    "metrics": ("k", "metrics"),
    "model": ("privacy",),
}
OPTIONAL = frozenset({"privacy"})

HANDED: Mapping[str, str] = {
    "array": "what numpy takes, or a tensor, of that dtype: float64 is no float32",
    "table": "rows, or columns by name",
    "metrics": "numbers by name, and rows=N: of data that they are over",
    "model": "arrays or tensors by name; where it was trained with noise, privacy={noise, sampling, steps} as of `velatura.dp.sgd`",
}
"""Type -> what the job hands over: `outputs.put(NAME, VALUE)`."""


def valid_name(name: str) -> bool:
    """Of an input, an output or a metric: they become names of files."""
    return re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) is not None


def check_outputs(outputs: Mapping[str, Output], where: str) -> None:
    """Raises BadSpec `enclave.job`."""
    if not outputs:
        raise BadSpec("enclave.job", f"{where}: no output is declared, and a job that tells nothing is of no use", hint="[outputs.NAME]")
    if len(outputs) > MOST_OUTPUTS:
        raise BadSpec("enclave.job", f"{where}: {len(outputs)} outputs", hint=f"at most {MOST_OUTPUTS}")
    for name, output in outputs.items():
        place = f"{where}: outputs.{name}"
        if not valid_name(name):
            raise BadSpec("enclave.job", f"{where}: {name!r} is no name of an output", hint="a letter, then letters, digits and _; at most 40")
        _check_fields(output, place)
        if not 0 < output.most_mb <= MOST_MB:
            raise BadSpec("enclave.job", f"{place}: most_mb = {output.most_mb:g}", hint=f"more than 0, at most {MOST_MB}")
        CHECKS[output.type](output, place)


def _check_fields(output: Output, place: str) -> None:
    given = {field for field in msgspec.structs.asdict(output) if getattr(output, field) is not None} - {"type", "leave", "most_mb"}
    for field in sorted(given - set(FIELDS[output.type])):
        raise BadSpec("enclave.job", f"{place}: an output of type {output.type} has no {field!r}", hint=nearest(field, FIELDS[output.type]))
    for field in sorted(set(FIELDS[output.type]) - given - OPTIONAL):
        raise BadSpec("enclave.job", f"{place}: an output of type {output.type} wants {field!r}", hint="docs/reference/enclave-job.md has an example")


def _check_array(output: Output, place: str) -> None:
    if output.dtype not in DTYPES:
        raise BadSpec("enclave.job", f"{place}: there is no dtype {output.dtype!r}", hint=nearest(output.dtype or "", DTYPES))
    if not output.shape or len(output.shape) > 8 or min(output.shape) < 1:
        raise BadSpec("enclave.job", f"{place}: shape is 1 to 8 numbers from 1", hint="the most along each axis")


def _check_table(output: Output, place: str) -> None:
    columns = output.columns or ()
    if not 1 <= len(columns) <= MOST_COLUMNS or len(set(columns)) != len(columns) or not all(map(valid_name, columns)):
        raise BadSpec("enclave.job", f"{place}: columns are 1 to {MOST_COLUMNS} different names of letters, digits and _")
    if not 1 <= (output.rows or 0) <= MOST_ROWS:
        raise BadSpec("enclave.job", f"{place}: rows = {output.rows}", hint=f"1 to {MOST_ROWS}")


def _check_metrics(output: Output, place: str) -> None:
    if (output.k or 0) < LEAST_K:
        raise BadSpec("enclave.job", f"{place}: k = {output.k}", hint=f"{LEAST_K} or more: a metric over fewer rows tells of persons")
    metrics = output.metrics or {}
    if not 1 <= len(metrics) <= MOST_METRICS:
        raise BadSpec("enclave.job", f"{place}: {len(metrics)} metrics", hint=f"1 to {MOST_METRICS}")
    for name, metric in metrics.items():
        if not valid_name(name):
            raise BadSpec("enclave.job", f"{place}: {name!r} is no name of a metric")
        if not 0 <= metric.decimals <= 6:
            raise BadSpec("enclave.job", f"{place}: {name} has {metric.decimals} decimals", hint="0 to 6")
        if not -1e9 <= metric.low < metric.high <= 1e9:
            raise BadSpec("enclave.job", f"{place}: {name} lies between {metric.low:g} and {metric.high:g}", hint="low < high, within 1e9")


def _check_model(output: Output, place: str) -> None:
    if output.privacy is not None and not (0 < output.privacy.epsilon <= 100 and 0 < output.privacy.delta < 1e-2):
        raise BadSpec("enclave.job", f"{place}: privacy", hint="epsilon more than 0 and at most 100; delta more than 0 and less than 0.01")


CHECKS = {"array": _check_array, "table": _check_table, "metrics": _check_metrics, "model": _check_model}
