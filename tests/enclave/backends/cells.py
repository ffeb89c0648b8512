"""A real enclave for a job of a few lines, and its data handed over as a session would."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from velatura.crypto.aead import ChunkedAead
from velatura.crypto.hpke import seal
from velatura.crypto.secret import Secret
from velatura.enclave.backends.process import ProcessBackend, ProcessEnclave
from velatura.enclave.job import Job, load_job
from velatura.progress import SILENT
from velatura.sandbox.layers import layers

linux = pytest.mark.skipif(sys.platform != "linux", reason="confinement: only Linux has these layers")

JOB = """version = 1
kind = "python"
code = "job.py"
memory_mb = 256
[inputs.rows]
file = "rows.npy"
form = "npy"
purpose = "count"
[outputs.metrics]
type = "metrics"
k = 20
metrics = { mean = { decimals = 1, low = 0, high = 100 } }
"""
GOOD = 'def run(inputs, outputs, config):\n    outputs.put("metrics", {"mean": inputs["rows"].mean()}, rows=len(inputs["rows"]))\n'
ROWS = np.arange(100, dtype=np.float64)
PURPOSE = b"the terms of the data set"


def write_job(folder: Path, code: str = GOOD, job: str = JOB) -> Job:
    """A job on 100 rows; `code` is its run()."""
    (folder / "job.toml").write_text(job)
    (folder / "job.py").write_text(code)
    np.save(folder / "rows.npy", ROWS)
    return load_job(folder / "job.toml")


def all_hold() -> None:
    """Skip where a layer is absent: this is about the whole cell."""
    absent = {**{layer: why for layer, why in layers().items() if why}, **dict.fromkeys(ProcessBackend().lacking(), "")}
    if absent:
        pytest.skip(f"the confined process: this machine lacks {absent}")


@contextmanager
def started(job: Job) -> Iterator[ProcessEnclave]:
    with ProcessBackend().start(job) as enclave:
        yield enclave


def encrypted(raw: bytes, key: bytes, purpose: bytes = PURPOSE) -> bytes:
    """As a data set's file, without its terms."""
    sink = io.BytesIO()
    writer = ChunkedAead(Secret(key), purpose).writer(sink, entropy=os.urandom)
    writer.write(raw)
    writer.finish()
    return sink.getvalue()


def hand_over(enclave: ProcessEnclave, job: Job, name: str = "rows", *, raw: bytes | None = None) -> None:
    """An honest holder's part. raw: in place of the file's bytes."""
    key = os.urandom(32)
    box = seal(key, enclave.recipient, info=b"info")
    enclave.take(name, box, b"info", PURPOSE, io.BytesIO(encrypted(raw if raw is not None else job.inputs[name].path.read_bytes(), key)))


def ran(job: Job, *, deadline_s: float = 60.0) -> Mapping[str, bytes]:
    with started(job) as enclave:
        for name in job.inputs:
            hand_over(enclave, job, name)
        return enclave.run(deadline_s=deadline_s, progress=SILENT)
