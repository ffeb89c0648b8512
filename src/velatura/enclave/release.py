"""The last door: what a job put out, held against its rules. All of it leaves, or nothing.

A job's outputs are hostile bytes: each is read strictly and written anew, so that nothing rides along in padding, times, order or spare bits of the
file. Metrics are rounded and told without the number of rows. Of a private model epsilon is reckoned anew from the noise that the job says it drew.

Limits: numbers themselves can carry what a job hides in their low digits; a record says how many bits can leave at most. A sealed output was looked
at inside, and here only for its size. Source: for k, NHS and ONS practice of suppressing small counts; for epsilon, `velatura.dp.accounting`.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from velatura.crypto.keys import Recipient
from velatura.dp.accounting import Event, epsilon
from velatura.enclave.output_forms import (
    Measured,
    Noise,
    encoded,
    read_array,
    read_metrics,
    read_model,
    read_table,
    write_array,
    write_metrics,
    write_model,
    write_table,
)
from velatura.enclave.outputs import Metric, Output
from velatura.enclave.sealing import SEALED_OVERHEAD, is_sealed_output, seal_output
from velatura.errors import BadInput, BadSpec, Withheld

__all__ = ["SUFFIXES", "Released", "encode", "hold", "hold_sealed", "released", "sealed", "warm"]

SUFFIXES = {"array": ".npy", "table": ".csv", "metrics": ".json", "model": ".npz"}


@dataclass(frozen=True, slots=True)
class Released:
    """One output that may leave.

    Attributes:
        content: of its file.
        told: for the record: what it is, and what it can carry.
    """

    content: bytes
    told: Mapping[str, Any] = field(default_factory=dict)


def released(outputs: Mapping[str, Output], found: Mapping[str, bytes]) -> dict[str, Released]:
    """Every declared output and no other, each within its rule.

    Raises:
        Withheld: `enclave.output-undeclared`, `enclave.output-missing`, `enclave.output-refused`. Missing: `extra.train` (for epsilon).
    """
    for name in sorted(set(found) - set(outputs)):
        raise Withheld("enclave.output-undeclared", f"the job put out {name!r}, which it does not declare", hint=f"[outputs.{name}] in its file")
    for name in sorted(set(outputs) - set(found)):
        raise Withheld("enclave.output-missing", f"the job declares {name!r} and did not put it out", hint="a job puts out all that it declares")
    return {name: _one(name, outputs[name], found[name]) for name in outputs}


def encode(name: str, output: Output, value: Any, *, rows: int | None = None, privacy: Mapping[str, float] | None = None) -> bytes:
    """Inside: what a job handed over, as bytes; one that will be sealed is held against its rule here, for nobody reads it later.

    Args:
        value, rows: as of `output_forms.encoded`.
        privacy: of a model: `noise` in sensitivities, `sampling`, `steps`; `delta`, where the rule names none.

    Raises:
        BadInput: `enclave.output`. Withheld: `enclave.output-refused`.
    """
    raw = encoded(name, output, value, rows=rows, noise=None if privacy is None else _noise(name, output, privacy))
    return raw if output.leave == "released" else hold(name, output, raw)


def sealed(name: str, raw: bytes, to: Recipient, *, job_digest: str) -> bytes:
    """Inside: what `encode` made, for its recipient."""
    return seal_output(raw, to, job=job_digest, name=name)


def hold(name: str, output: Output, raw: bytes) -> bytes:
    """Outside, of hostile bytes: an output within its rule, written anew. Held twice it stays the same. Raises as `released`."""
    return _held(name, output, raw).content


def hold_sealed(name: str, output: Output, raw: bytes) -> bytes:
    """Outside, of hostile bytes: a sealed output, of which its size is all that can be looked at. Raises as `released`."""
    return _sealed(name, output, raw).content


def warm() -> None:
    """Write and read one of each: nothing can be imported once a job is locked in."""
    for kind, value in (("array", np.zeros(1)), ("table", [[1]]), ("metrics", {"x": 0.5}), ("model", {"x": np.zeros(1)})):
        rule = Output(type=kind, dtype="float64", shape=(1,), columns=("x",), rows=1, k=1, metrics={"x": Metric()})  # type: ignore[arg-type]
        hold("warm", rule, encode("warm", rule, value, rows=1))
    noise = Noise(noise=1.0, sampling=1.0, steps=1, delta=1e-5)
    read_model(write_model({"x": np.zeros(1)}, noise))
    seal_output(b"x", Recipient(bytes([9]) + bytes(31)), job="", name="warm")  # the curve's base point: a key as any other


def _held(name: str, output: Output, raw: bytes) -> Released:
    _hold_size(name, output, len(raw), output.most_bytes)
    try:
        return HOLDERS[output.type](output, raw)
    except _Refusal as error:
        raise Withheld("enclave.output-refused", f"output {name!r} stays inside: {error}") from error
    except (ValueError, EOFError, KeyError, OSError, NotImplementedError, zipfile.BadZipFile, msgspec.MsgspecError, csv.Error) as error:
        raise Withheld("enclave.output-refused", f"output {name!r} stays inside: it is no {output.type}") from error


class _Refusal(Exception):
    """Why, in words that hold nothing of the output, no number of it either: a shape that is refused could be the data."""


def _one(name: str, output: Output, raw: bytes) -> Released:
    return _held(name, output, raw) if output.leave == "released" else _sealed(name, output, raw)


def _sealed(name: str, output: Output, raw: bytes) -> Released:
    _hold_size(name, output, len(raw), output.most_bytes + SEALED_OVERHEAD)
    if not is_sealed_output(raw):
        raise Withheld("enclave.output-refused", f"output {name!r} stays inside: it is to be sealed, and is not")
    return Released(raw, {"bits_at_most": output.bits})


def _hold_size(name: str, output: Output, size: int, most: int) -> None:
    if size > most:
        hint = "a larger most_mb is for its owner to allow"
        raise Withheld(
            "enclave.output-refused", f"output {name!r} stays inside: it has more than the {output.most_bytes} bytes that are allowed", hint=hint
        )


def _array(output: Output, raw: bytes) -> Released:
    array, most = read_array(raw), output.shape or ()
    if array.dtype.name != output.dtype:
        raise _Refusal(f"its dtype is not {output.dtype}, which is what is declared")
    if array.ndim != len(most) or any(size > limit for size, limit in zip(array.shape, most, strict=True)):
        raise _Refusal(f"its shape goes beyond {list(most)}, or has other axes")
    return Released(write_array(array), {"shape": list(array.shape), "dtype": array.dtype.name, "bits_at_most": 8 * array.nbytes})


def _table(output: Output, raw: bytes) -> Released:
    columns, rows = read_table(raw)
    if tuple(columns) != output.columns or len(rows) > (output.rows or 0):
        raise _Refusal(f"its columns are not {', '.join(output.columns or ())}, or it has more than {output.rows} rows")
    content = write_table(columns, rows)
    return Released(content, {"rows": len(rows), "columns": columns, "bits_at_most": 8 * len(content)})


def _metrics(output: Output, raw: bytes) -> Released:
    found, rules = read_metrics(raw), output.metrics or {}
    if set(found) != set(rules):
        raise _Refusal("its metrics are not those that are declared")
    told: dict[str, float] = {}
    for name, rule in rules.items():
        if found[name].k < (output.k or 0):
            raise _Refusal(f"{name} is over fewer than {output.k} rows")
        told[name] = round(found[name].value, rule.decimals) + 0.0  # no negative zero
        if not rule.low <= told[name] <= rule.high:
            raise _Refusal(f"{name} does not lie between {rule.low:g} and {rule.high:g}")
    content = write_metrics({name: Measured(value=value, k=output.k or 0) for name, value in told.items()})
    return Released(content, {"metrics": told, "over_at_least": output.k, "bits_at_most": round(output.bits, 1)})


def _model(output: Output, raw: bytes) -> Released:
    arrays, noise = read_model(raw)
    content = write_model(arrays, noise)
    told: dict[str, Any] = {"arrays": len(arrays), "bits_at_most": 8 * len(content)}  # names of arrays carry some too
    if noise is not None:
        told["privacy"] = {"epsilon": round(_epsilon(noise), 4), "delta": noise.delta, "noise": noise.noise, "steps": noise.steps}
    if output.privacy is not None:
        if noise is None:
            raise _Refusal("it says not with what noise it was made, and differential privacy is asked for")
        if noise.delta > output.privacy.delta or not _epsilon(noise) <= output.privacy.epsilon:
            raise _Refusal(f"its noise gives more than epsilon {output.privacy.epsilon:g} at delta {output.privacy.delta:g}, which is allowed")
    return Released(content, told)


def _noise(name: str, output: Output, privacy: Mapping[str, float]) -> Noise:
    given = dict(privacy) if "delta" in privacy or output.privacy is None else {**privacy, "delta": output.privacy.delta}
    try:
        return msgspec.convert(given, Noise, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput("enclave.output", f"output {name!r}: privacy wants noise, sampling, steps: {error}") from error


def _epsilon(noise: Noise) -> float:
    if not (1 <= noise.steps <= 10_000_000 and 0 < noise.delta < 1):
        raise _Refusal("its number of steps or its delta is not possible")
    try:
        return epsilon([(Event("gaussian", noise.noise, noise.sampling), noise.steps)], noise.delta)
    except (BadSpec, BadInput) as error:
        raise _Refusal("its noise, sampling, steps or delta is not possible") from error


HOLDERS = {"array": _array, "table": _table, "metrics": _metrics, "model": _model}
