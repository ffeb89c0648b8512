"""A network inside: the same numbers as outside, loaded after the lock, and hostile models are refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from tests.enclave.backends.cells import all_hold, hand_over, linux, ran

from velatura.enclave.backends.attesters.attester import Attester
from velatura.enclave.backends.backend import Collected
from velatura.enclave.backends.hardware import HardwareBackend
from velatura.enclave.evidence.process_document import parse
from velatura.enclave.job import Job, load_job
from velatura.errors import BadInput, BadSpec
from velatura.progress import SILENT

pytestmark = linux

JOB = """version = 1
kind = "inference"
model = "model.onnx"
memory_mb = 512
[inputs.rows]
file = "rows.npy"
form = "npy"
purpose = "score"
[outputs.scores]
type = "array"
dtype = "float32"
shape = [50, 3]
[config]
batch = 20
"""
WEIGHT = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
ROWS = np.linspace(-1, 1, 200, dtype=np.float32).reshape(50, 4)


@pytest.fixture(autouse=True, scope="module")
def whole() -> None:
    all_hold()


def model() -> bytes:
    """One dense layer, `scores`, as ONNX."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    make = onnx.helper
    ends = [[make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", size])] for name, size in (("x", 4), ("scores", 3))]
    graph = make.make_graph([make.make_node("MatMul", ["x", "w"], ["scores"])], "g", *ends, [onnx.numpy_helper.from_array(WEIGHT, "w")])
    return bytes(make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8).SerializeToString())


def write(folder: Path, raw: bytes, rows: np.ndarray = ROWS, job: str = JOB) -> Job:
    (folder / "model.onnx").write_bytes(raw)
    (folder / "job.toml").write_text(job)
    np.save(folder / "rows.npy", rows)
    return load_job(folder / "job.toml")


def test_scores_are_those_of_outside_in_every_batch(tmp_path: Path) -> None:
    found = np.load(io.BytesIO(ran(write(tmp_path, model()))["scores"]))
    assert found.shape == (50, 3)
    np.testing.assert_allclose(found, ROWS @ WEIGHT, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("raw", [b"", b"no model", b"\x08\x07" * 500])
def test_a_model_that_does_not_load_is_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        ran(write(tmp_path, raw))
    assert caught.value.code == "enclave.job-model"


def test_rows_that_do_not_fit_are_refused_without_the_librarys_words(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        ran(write(tmp_path, model(), ROWS.reshape(25, 8)))
    assert caught.value.code == "enclave.job-failed"
    assert "an error of its own" in caught.value.sentence


def test_a_batch_that_is_no_number_is_refused(tmp_path: Path) -> None:
    for batch in ('"many"', "-1", "1.5"):
        with pytest.raises(BadSpec, match=r"enclave\.job"):
            write(tmp_path, model(), job=JOB.replace("batch = 20", f"batch = {batch}"))


class Recorder:
    """An attester in memory: it notes what it was asked, and signs nothing."""

    name = "recorder"

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes, bytes]] = []

    def lacking(self) -> str:
        return ""

    def quote(self, report_data: bytes, nonce: bytes, key: bytes) -> Collected:
        self.asked.append((report_data, nonce, key))
        return Collected(b"quote", "sev-snp", {"leaf": b"leaf"})


def test_on_hardware_the_same_process_runs_and_the_hardware_quotes_what_it_binds(tmp_path: Path) -> None:
    attester = Recorder()
    as_attester: Attester = attester
    job = write(tmp_path, model())
    backend = HardwareBackend(as_attester)
    assert (backend.name, backend.lacking()) == ("recorder", ())
    with backend.start(job) as enclave:
        found = enclave.evidence(b"d" * 64, b"n" * 32)
        hand_over(enclave, job)
        assert enclave.run(deadline_s=60, progress=SILENT)
    assert (found.evidence, found.format, found.companions["leaf"]) == (b"quote", "sev-snp", b"leaf")
    assert attester.asked == [(b"d" * 64, b"n" * 32, enclave.recipient.raw)]
    claims = parse(found.companions["process"]).claims
    assert (claims.report_data, claims.recipient) == ((b"d" * 64).hex(), enclave.recipient.raw.hex())


@pytest.mark.slow
def test_more_threads_are_counted_and_cost_a_layer(tmp_path: Path) -> None:
    """A Landlock that denies all binds one thread: with two it is absent, and has to be lifted by name."""
    pytest.importorskip("torch", reason="torch is not installed")
    from tests.enclave.backends.cells import GOOD
    from tests.enclave.backends.cells import JOB as PLAIN

    from velatura.enclave.backends.process import ProcessBackend
    from velatura.errors import Missing

    (tmp_path / "job.py").write_text(GOOD)
    job = write(tmp_path, b"", job='threads = 2\nimports = ["torch"]\n' + PLAIN)
    with pytest.raises(Missing) as caught:
        ProcessBackend().start(job)
    assert caught.value.code in ("sandbox.no-landlock", "sandbox.threads")
    with ProcessBackend().start(job, allow_degraded=frozenset({"landlock"})) as enclave:
        assert "one thread of" in parse(enclave.evidence(bytes(64), bytes(32)).evidence).claims.layers["landlock"]
        hand_over(enclave, job)
        assert enclave.run(deadline_s=60, progress=SILENT)
