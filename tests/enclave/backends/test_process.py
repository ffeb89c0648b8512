"""The confined process of a real job: what it computes, what it refuses, and what never leaves it."""

from __future__ import annotations

import io
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.enclave.backends.cells import GOOD, JOB, PURPOSE, ROWS, all_hold, encrypted, hand_over, linux, ran, started, write_job

from velatura.crypto.hpke import seal
from velatura.crypto.keys import Identity
from velatura.enclave.appraisal import Verdict
from velatura.enclave.assurance import Assurance
from velatura.enclave.backends.simulated import SimulatedBackend
from velatura.enclave.policy import parse_policy
from velatura.enclave.sealing import open_output
from velatura.enclave.verify import verify
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.progress import SILENT

pytestmark = linux

ANY = 'version = 1\nformat = "process"\n[reference]\nany_measurement = true\n'
CANARY = "canary-" + "7f3a9c51" * 3


@pytest.fixture(autouse=True, scope="module")
def whole() -> None:
    all_hold()


def refused(folder: Path, body: str, *, job: str = JOB, deadline_s: float = 60.0) -> VelaturaError:
    """How a job ends whose run() has this body."""
    code = "def run(inputs, outputs, config):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    with pytest.raises(VelaturaError) as caught:
        ran(write_job(folder, code, job), deadline_s=deadline_s)
    return caught.value


def test_a_job_runs_on_encrypted_rows_and_only_what_it_declares_leaves(tmp_path: Path) -> None:
    assert json.loads(ran(write_job(tmp_path))["metrics"])


def test_evidence_names_the_job_the_key_and_every_layer(tmp_path: Path) -> None:
    job = write_job(tmp_path)
    with started(job) as one, started(job) as other:
        first = one.evidence(bytes(64), bytes(32))
        found = verify(first.evidence, parse_policy(ANY), now=datetime.now(UTC), expected=bytes(32))
        assert (found.verdict, found.assurance) == (Verdict.AFFIRMING, Assurance.PROCESS)
        assert (found.claims["job"], found.claims["recipient"]) == (job.digest, one.recipient.raw.hex())
        assert set(found.claims["layers"].values()) <= {"kernel", "self"}
        assert found.claims["uid"] != 0
        assert {"numpy", "python", "velatura"} <= set(found.claims["packages"])
        again = verify(other.evidence(bytes(64), bytes(32)).evidence, parse_policy(ANY), now=datetime.now(UTC))
        assert again.claims["measurement"] == found.claims["measurement"]  # two starts on one machine
        assert one.recipient != other.recipient  # and two keys
        files = json.loads(first.companions["files"])
        assert any(name.startswith("velatura/enclave/backends/cell_guest.py") for name in files)
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in files.values())


def test_what_a_job_imports_changes_its_measurement(tmp_path: Path) -> None:
    with started(write_job(tmp_path)) as plain:
        before = plain.measured
    with started(write_job(tmp_path, job='imports = ["colorsys"]\n' + JOB)) as more:
        assert more.measured.packages != before.packages


TRIED = {
    "import socket; socket.create_connection(('127.0.0.1', 9))": "enclave.job-network",
    "import socket; socket.socket(socket.AF_UNIX)": "enclave.job-network",
    "import os; os.fork()": "enclave.job-process",
    "import threading; threading.Thread(target=print).start()": "enclave.job-process",
    "open('/etc/passwd').read()": "enclave.job-file",
    "open('/tmp/left-behind', 'w').write('x')": "enclave.job-file",
    "import os; os.listdir('/')": "enclave.job-file",
    "import xml.dom.minidom": "enclave.job-import",
    "inputs['others']": "enclave.undeclared-input",
    "outputs.put('more', {'x': 1.0})": "enclave.undeclared-output",
    "outputs.put('metrics', {'mean': 1.0}, rows=20)\noutputs.put('metrics', {'mean': 1.0}, rows=20)": "enclave.output-twice",
    "pass": "enclave.output-missing",
    "outputs.put('metrics', {'mean': 1.0}, rows=19)": "enclave.output-refused",
    "outputs.put('metrics', {'mean': 1e6}, rows=20)": "enclave.output-refused",
    "outputs.put('metrics', 'text')": "enclave.output",
    "held = [bytearray(1 << 20) for _ in range(4096)]": "enclave.job-memory",
    "try:\n    inputs['others']\nexcept Exception:\n    pass": "enclave.undeclared-input",  # not to be caught
    "try:\n    inputs['others']\nexcept BaseException:\n    pass": "enclave.undeclared-input",
    "try:\n    outputs.put('more', {'x': 1.0})\nexcept BaseException:\n    pass": "enclave.undeclared-output",
    "raise SystemExit": "enclave.job-failed",
}


@pytest.mark.parametrize("body", TRIED, ids=lambda body: body[:40])
def test_what_a_job_may_not_do_is_refused_and_named(tmp_path: Path, body: str) -> None:
    error = refused(tmp_path, body)
    assert error.code == TRIED[body]
    assert error.exit_status in (3, 5)
    if error.code.startswith("enclave.job-") and error.code != "enclave.job-failed":
        assert "line 2 of its code" in error.sentence


@pytest.mark.parametrize("code", ["def run(:\n", "x = 1\n", "run = 3\n", "\0"])
def test_code_that_has_no_run_is_refused(tmp_path: Path, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        ran(write_job(tmp_path, code))
    assert caught.value.code == "enclave.job-code"


def test_the_words_of_an_error_never_leave(tmp_path: Path) -> None:
    """A job that fails on purpose with the data in its message, in the name of its exception, in forged answers."""
    for body in (
        f"raise ValueError('{CANARY}')",
        f"raise type('{CANARY.replace('-', '_')}', (Exception,), {{}})",
        f'import os; os.write(1, b\'\\x60\\0\\0\\0!\' + b\'{{"code":"{CANARY}","name":"","line":1,"kind":""}}\'.ljust(95))',
        f"import os; os.write(1, b'\\x05\\0\\0\\0' + b'!{CANARY}'[:5])",
        f'import os; m = b\'!{{"code":"enclave.job-failed","name":"{CANARY}","line":1,"kind":"{CANARY}"}}\'; '
        "os.write(1, len(m).to_bytes(4, 'little') + m)",
    ):
        error = refused(tmp_path, body)
        assert error.code in ("enclave.job-failed", "enclave.answer", "sandbox.crashed")
        assert "canary" not in f"{error} {error.sentence} {error.hint}".lower()


def test_outputs_that_the_code_forges_past_the_guest_meet_the_same_rules(tmp_path: Path) -> None:
    forge = "import os\ndef say(m): os.write(1, len(m).to_bytes(4, 'little') + m)\n"
    undeclared = refused(tmp_path, forge + "say(b'o' + (4).to_bytes(4, 'big') + b'more' + b'secret')")
    assert undeclared.code == "enclave.undeclared-output"
    few = refused(tmp_path, forge + "say(b'o' + (7).to_bytes(4, 'big') + b'metrics' + b'{\"mean\":{\"value\":1.0,\"k\":3}}')")
    assert few.code == "enclave.output-refused"
    large = refused(tmp_path, forge + "import os\nos.write(1, (1 << 30).to_bytes(4, 'little') + b'o')")
    assert large.code == "sandbox.too-large"


def test_a_job_that_does_not_end_is_ended(tmp_path: Path) -> None:
    assert refused(tmp_path, "while True: pass", deadline_s=1.0).code == "sandbox.hung"


def test_data_of_another_session_key_purpose_or_content_do_not_open(tmp_path: Path) -> None:
    job = write_job(tmp_path)
    raw, key = job.inputs["rows"].path.read_bytes(), bytes(range(32))
    with started(job) as enclave:
        box, good = seal(key, enclave.recipient, info=b"info"), encrypted(raw, key)
        stranger = Identity.new(os.urandom).recipient
        for name, used, info, purpose, content, code in (
            ("rows", seal(key, stranger, info=b"info"), b"info", PURPOSE, good, "enclave.key-does-not-open"),
            ("rows", box, b"other", PURPOSE, good, "enclave.key-does-not-open"),
            ("rows", box, b"info", b"another purpose", good, "enclave.input-refused"),
            ("rows", box, b"info", PURPOSE, good[:-1], "enclave.input-refused"),
            ("rows", box, b"info", PURPOSE, good[:-40] + bytes([good[-40] ^ 1]) + good[-39:], "enclave.input-refused"),
            ("rows", box, b"info", PURPOSE, b"", "enclave.input-refused"),
            ("rows", box, b"info", PURPOSE, encrypted(raw + b"x", key), "enclave.input-refused"),  # other data than the job declares
            ("others", box, b"info", PURPOSE, good, "enclave.undeclared-input"),
        ):
            with pytest.raises(Withheld) as caught:
                enclave.take(name, used, info, purpose, io.BytesIO(content))
            assert caught.value.code == code
        with pytest.raises(Withheld) as early:
            enclave.run(deadline_s=20, progress=SILENT)
        assert early.value.code == "enclave.input-missing"
        enclave.take("rows", box, b"info", PURPOSE, io.BytesIO(good))
        with pytest.raises(Withheld) as twice:
            enclave.take("rows", box, b"info", PURPOSE, io.BytesIO(good))
        assert twice.value.code == "enclave.input-twice"
        assert enclave.run(deadline_s=20, progress=SILENT)
        with pytest.raises(Withheld):
            enclave.run(deadline_s=20, progress=SILENT)  # once: its data are gone


def test_data_that_are_not_of_their_form_are_refused(tmp_path: Path) -> None:
    job = write_job(tmp_path)
    (tmp_path / "rows.npy").write_bytes(b"no array")
    from velatura.enclave.job import load_job

    job = load_job(tmp_path / "job.toml")
    with started(job) as enclave, pytest.raises(BadInput) as caught:
        hand_over(enclave, job)
    assert caught.value.code == "enclave.input"


def test_a_sealed_output_opens_for_its_recipient_alone(tmp_path: Path) -> None:
    from velatura.crypto import keytext

    owner = Identity.new(os.urandom)
    word = keytext.encode(owner.recipient)
    job = JOB.replace("memory_mb = 256", f'memory_mb = 256\nrecipient = "{word}"')
    job += '[outputs.copy]\ntype = "array"\ndtype = "float64"\nshape = [100]\nleave = "sealed"\n'
    found = ran(write_job(tmp_path, GOOD + '    outputs.put("copy", inputs["rows"])\n', job))
    assert ROWS.tobytes() not in found["copy"]
    _, raw = open_output(found["copy"], owner)
    assert (np.load(io.BytesIO(raw)) == ROWS).all()
    with pytest.raises(Withheld):
        open_output(found["copy"], Identity.new(os.urandom))


def test_the_key_lies_where_root_cannot_read_it_and_the_data_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control first: the same reader reads the process's ordinary memory, where the canary is found while the job is at work."""
    if os.getuid() != 0:
        pytest.skip("reading another process's memory takes root")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    (tmp_path / "job").mkdir()
    job = write_job(tmp_path / "job", "def run(inputs, outputs, config):\n    while True: pass\n", JOB.replace('"npy"', '"bytes"'))
    with started(job) as enclave:
        readable, secret = mappings(enclave.pid)
        assert len(secret) == 1
        with pytest.raises(OSError, match="Input/output error"):
            read(enclave.pid, *secret[0])
        assert any(b"velatura" in read(enclave.pid, *one) for one in readable)  # the control
        left = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "job"]
        assert left == []


def test_simulated_runs_the_same_job_and_vouches_for_nothing(tmp_path: Path) -> None:
    job = write_job(tmp_path)
    with SimulatedBackend().start(job) as enclave:
        hand_over(enclave, job)
        evidence = enclave.evidence(bytes(64), bytes(32)).evidence
        assert enclave.run(deadline_s=60, progress=SILENT)
    assert verify(evidence, parse_policy(ANY.replace("process", "simulated")), now=datetime.now(UTC)).assurance is Assurance.SIMULATED
    assert verify(evidence, parse_policy(ANY), now=datetime.now(UTC)).code == "simulated"


@pytest.mark.parametrize("layer", ["seccomp", "secretmen", "all"])
def test_a_layer_that_nobody_can_do_without_is_not_lifted(tmp_path: Path, layer: str) -> None:
    from velatura.enclave.backends.process import ProcessBackend

    with pytest.raises(BadSpec) as caught:
        ProcessBackend().start(write_job(tmp_path), allow_degraded=frozenset({layer}))
    assert caught.value.code == "enclave.layer"


def mappings(pid: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(private writable ones, secret ones) of a process, as (address, size)."""
    readable, secret = [], []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, *_, name = [*line.split(maxsplit=5), ""][:6] if len(line.split()) < 6 else line.split(maxsplit=5)
        first, last = (int(word, 16) for word in span.split("-"))
        if "secretmem" in name:
            secret.append((first, last - first))
        elif rights.startswith("rw-p") and last - first < 1 << 26:
            readable.append((first, last - first))
    return readable, secret


def read(pid: int, address: int, size: int) -> bytes:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(size)


def test_a_job_does_not_choose_what_a_refusal_tells(tmp_path: Path) -> None:
    """A line that is a number of the data, in code that is compiled inside."""
    error = refused(tmp_path, "exec(compile('\\n' * 4711 + 'raise OSError', '<job>', 'exec'))")
    assert error.code == "enclave.answer"
    assert "47" not in f"{error} {error.hint}"
