"""`velatura enclave seal, run, unseal, broker` as a person types them, with the confined process of this machine; and jobs that are hostile."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.programs import VELATURA, bare_environment, velatura

from velatura.enclave.backends.process import ProcessBackend
from velatura.enclave.counters import FILE_ALONE

LACKING = ProcessBackend().lacking() if sys.platform == "linux" else ("Linux",)
pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=f"a confined process needs {', '.join(LACKING)}"),
    pytest.mark.xdist_group("processes"),
]

POLICY = 'version = 1\nformat = "process"\n[reference]\nany_measurement = true\n[require]\nmax_age_s = 300\n'
JOB = """version = 1
kind = "python"
code = "job.py"
[inputs.rows]
file = "rows.sealed"
form = "npz"
purpose = "count"
[outputs.metrics]
type = "metrics"
k = 20
metrics = { mean = { decimals = 1, low = 0, high = 100 } }
[outputs.model]
type = "model"
"""
CODE = """
def run(inputs, outputs, config):
    x = inputs["rows"]["x"]
    outputs.put("metrics", {"mean": x.mean()}, rows=len(x))
    outputs.put("model", {"first": x[:3]})
"""
SEAL = ("--policy", "p.toml", "--purpose", "count", "--outputs", "metrics,model", "--quiet")
CANARY = 424242.25
"""A value of the data; it leaves in the model alone."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / "rows.npz", x=np.arange(100.0))
    for name, text in (("p.toml", POLICY), ("job.toml", JOB), ("job.py", CODE)):
        (tmp_path / name).write_text(text)
    return tmp_path


def typed(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    done = velatura("enclave", *words, env=bare_environment(folder), cwd=folder)
    assert "Traceback" not in done.stderr
    return done


def sealed(folder: Path, uses: int = 1) -> None:
    done = typed(folder, "seal", "rows.npz", "-o", "rows.sealed", *SEAL, "--uses", str(uses))
    assert done.returncode == 0, done.stderr


def test_seal_run_and_unseal(folder: Path) -> None:
    sealed(folder)
    done = typed(folder, "run", "job.toml", "--key", "rows.sealed.key", "-o", "run", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["result"]
    record = json.loads((folder / "run" / "run.json").read_text())
    assert told["job"] == record["job"] and record["assurance"] == "process" and record["inputs"]["rows"]["use"] == "1 of 1"
    assert json.loads((folder / "run" / "metrics.json").read_text()) == {"mean": {"value": 49.5, "k": 20}}
    np.testing.assert_array_equal(np.load(folder / "run" / "model.npz")["first"], [0, 1, 2])
    assert sorted(path.name for path in (folder / "run").iterdir()) == ["evidence", "metrics.json", "model.npz", "run.json"]

    # the evidence that was believed is kept, and verifies again under the same policy and its own nonce
    again = typed(folder, "verify", "run/evidence/rows.bin", "--policy", "p.toml", "--json")
    assert json.loads(again.stdout)["result"]["claims"]["job"] == record["job"]

    spent = typed(folder, "run", "job.toml", "--key", "rows.sealed.key", "-o", "run2")
    assert spent.returncode == 3 and "[enclave.uses-spent]" in spent.stderr and not (folder / "run2").exists()
    there = typed(folder, "run", "job.toml", "--key", "rows.sealed.key", "-o", "run")
    assert there.returncode == 2 and "[files.exists]" in there.stderr

    back = typed(folder, "unseal", "rows.sealed", "-o", "back.npz")
    assert back.returncode == 0 and (folder / "back.npz").read_bytes() == (folder / "rows.npz").read_bytes()
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".velatura-")], "nothing half-written is left"


def test_a_readable_input_wants_a_policy(folder: Path) -> None:
    for words, status, code in (
        (("--input", "rows=rows.npz"), 2, "enclave.no-policy"),
        (("--input", "rows=none.npz"), 5, "enclave.job-file"),
        (("--input", "lines=rows.npz"), 2, "enclave.job"),
        (("--input", "rows"), 2, "enclave.job"),
    ):
        done = typed(folder, "run", "job.toml", *words, "-o", "run")
        assert done.returncode == status and f"[{code}]" in done.stderr, done.stderr
    done = typed(folder, "run", "job.toml", "--input", "rows=rows.npz", "--policy", "p.toml", "-o", "run")
    assert done.returncode == 0, done.stderr
    strict = POLICY.replace("any_measurement = true", f'measurement = ["{"ab" * 32}"]')
    (folder / "p.toml").write_text(strict)
    done = typed(folder, "run", "job.toml", "--input", "rows=rows.npz", "--policy", "p.toml", "-o", "run2")
    assert done.returncode == 3 and "measurement-mismatch" in done.stderr and not (folder / "run2").exists()


HOSTILE = {
    "inputs['lines']": "enclave.undeclared-input",
    "import socket; socket.socket()": "enclave.job-network",
    "import os; os.fork()": "enclave.job-process",
    "open('/tmp/x', 'w')": "enclave.job-file",
    "outputs.put('model', {'all': x.repeat(10**5)})": "enclave.output",
    "raise ValueError('row 7 is 424242.25')": "enclave.job-failed",
}


@pytest.mark.parametrize("line", HOSTILE)
def test_a_hostile_job_gets_nothing_out(folder: Path, line: str) -> None:
    np.savez(folder / "rows.npz", x=np.full(100, CANARY))
    (folder / "job.py").write_text(f"def run(inputs, outputs, config):\n    x = inputs['rows']['x']\n    {line}")
    done = typed(folder, "run", "job.toml", "--input", "rows=rows.npz", "--policy", "p.toml", "-o", "run", "--quiet")
    assert done.returncode in (3, 5), done.stdout + done.stderr
    assert HOSTILE[line] in done.stderr
    assert "424242" not in done.stdout + done.stderr
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 2),
        ("version = 1", 2),
        ("\x00", 2),
        (JOB.replace('"job.py"', '"/etc/passwd"'), 2),
        (JOB.replace('"job.py"', '"../job.py"'), 2),
        (JOB.replace('"rows.sealed"', '"/dev/zero"'), 2),
        (JOB.replace("k = 20", "k = 2"), 2),
        (JOB + "[network]\nallow = true\n", 2),
        (JOB.replace("[inputs.rows]", '[inputs."../../rows"]'), 2),
        ("x = " + "[" * 3000, 2),
        (JOB + "# " + "x" * (1 << 20), 5),
    ],
)
def test_a_hostile_job_file_is_a_line(folder: Path, text: str, status: int) -> None:
    (folder / "rows.npz").rename(folder / "rows.sealed")
    (folder / "job.toml").write_text(text)
    done = typed(folder, "run", "job.toml", "--policy", "p.toml", "-o", "run")
    assert done.returncode == status and done.stderr.startswith("error: "), done.stderr
    assert not (folder / "run").exists()


def test_what_is_no_sealed_file_or_no_key_is_said(folder: Path) -> None:
    sealed(folder)
    raw = (folder / "rows.sealed").read_bytes()
    (folder / "cut").write_bytes(raw[:-1])
    (folder / "flipped").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    for name, status, code in (("cut", 3, "crypto.stream-refused"), ("flipped", 3, "crypto.stream-refused"), ("rows.npz", 5, "enclave.data")):
        done = typed(folder, "unseal", name, "--key", "rows.sealed.key", "-o", "out")
        assert done.returncode == status and f"[{code}]" in done.stderr, done.stderr
        assert not (folder / "out").exists()
    (folder / "rows.sealed.key").chmod(0o644)
    done = typed(folder, "unseal", "rows.sealed", "-o", "out")
    assert done.returncode == 3 and "[crypto.key-exposed]" in done.stderr
    for wrong in (("--outputs", "A"), ("--uses", "0"), ("--purpose", "")):
        words = dict(zip(SEAL[:-1:2], SEAL[1::2], strict=True)) | {"--uses": "1"} | dict([wrong])
        done = typed(folder, "seal", "rows.npz", "-o", "other.sealed", *(word for pair in words.items() for word in pair))
        assert done.returncode == 2, done.stderr
        assert not (folder / "other.sealed").exists() and not (folder / "other.sealed.key").exists()


def test_a_sealed_output_is_for_its_recipient(folder: Path) -> None:
    keys = velatura("keys", "new", "-o", "me.key", env=bare_environment(folder), cwd=folder)
    assert keys.returncode == 0
    text = JOB.replace("[inputs.rows]", 'recipient = "me.key.pub"\n[inputs.rows]').replace('type = "model"', 'type = "model"\nleave = "sealed"')
    (folder / "job.toml").write_text(text)
    done = typed(folder, "run", "job.toml", "--input", "rows=rows.npz", "--policy", "p.toml", "-o", "run", "--quiet")
    assert done.returncode == 0, done.stderr
    assert typed(folder, "unseal", "run/model.sealed", "-o", "model.npz").returncode == 2
    opened = typed(folder, "unseal", "run/model.sealed", "--identity", "me.key", "-o", "model.npz")
    assert opened.returncode == 0, opened.stderr
    np.testing.assert_array_equal(np.load(folder / "model.npz")["first"], [0, 1, 2])


KEEP = """version = 1
kind = "python"
code = "keep.py"
[inputs.rows]
file = "rows.npz"
form = "npz"
purpose = "count"
[outputs.metrics]
type = "metrics"
k = 20
metrics = { times = { decimals = 0, low = 0, high = 1000 } }
[state]
id = "ID"
purpose = "count"
"""
KEEPING = """
def run(inputs, outputs, config):
    times = len(inputs["state"]) + 1
    outputs.put("metrics", {"times": times}, rows=100)
    outputs.put("state", b"x" * times)
"""


def keeping(folder: Path) -> tuple[str | Path, ...]:
    terms = ("--policy", "p.toml", "--purpose", "count", "--outputs", "metrics", "--uses", "9")
    made = typed(folder, "seal", "--state", "-o", "state.key", *terms, "--json")
    assert made.returncode == 0, made.stderr
    (folder / "job.toml").write_text(KEEP.replace("ID", json.loads(made.stdout)["result"]["id"]))
    (folder / "keep.py").write_text(KEEPING)
    return ("run", "job.toml", "--policy", "p.toml", "--state", "kept", "--quiet", "--json")


def test_a_job_keeps_state_and_an_older_one_is_noticed(folder: Path) -> None:
    words = (*keeping(folder), "--key", "state.key")
    for times in (1, 2):
        done = typed(folder, *words, "-o", f"run{times}")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)["result"]
        assert (told["outputs"]["metrics"]["metrics"]["times"], told["state"]["counter"]) == (times, times)
        shutil.copy(folder / "kept", folder / f"kept{times}")
    assert b"xx" not in (folder / "kept").read_bytes()

    for old in ("kept1", None):
        (folder / "kept").unlink()
        if old:
            shutil.copy(folder / old, folder / "kept")
        done = typed(folder, *words, "-o", "run3")
        assert done.returncode == 3 and "[enclave.rollback]" in done.stderr, done.stderr
        assert not (folder / "run3").exists()
    shutil.copy(folder / "kept2", folder / "kept")
    assert typed(folder, *words, "-o", "run3").returncode == 0

    (folder / "state.key.counter").unlink()
    lost = typed(folder, *words, "-o", "run4")
    assert lost.returncode == 4 and "[crypto.chain-missing]" in lost.stderr


@pytest.mark.parametrize(
    ("counter", "status", "code"), [("tpm:1", 5, "enclave.tpm"), ("clock", 2, "enclave.counter"), ("tpm:x", 2, "enclave.counter")]
)
def test_a_counter_that_there_is_not(folder: Path, counter: str, status: int, code: str) -> None:
    terms = ("--policy", "p.toml", "--purpose", "count", "--outputs", "metrics")
    done = typed(folder, "seal", "--state", "-o", "state.key", *terms, "--counter", counter)
    assert done.returncode == status and f"[{code}]" in done.stderr
    assert not (folder / "state.key").exists()


def test_a_run_that_is_interrupted_is_one_document_too(folder: Path) -> None:
    words = keeping(folder)
    (folder / "keep.py").write_text("def run(inputs, outputs, config):\n    while True:\n        pass\n")
    before = set(folder.iterdir())
    command = [str(VELATURA), "enclave", *map(str, words), "--key", "state.key", "-o", "run1"]
    with subprocess.Popen(command, env=bare_environment(folder), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        until = time.monotonic() + 30
        while set(folder.iterdir()) - {folder / "state.key.counter"} <= before and running.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    told = json.loads(out)
    assert (running.returncode, told["command"], told["error"]["code"], told["error"]["exit"]) == (130, "enclave run", "cli.interrupted", 130)
    assert err.strip() == "interrupted; nothing half-written was left"
    assert set(folder.iterdir()) - {folder / "state.key.counter"} <= before


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("run", "none.toml", "-o", "run1"), "enclave run"),
        (("run",), "enclave run"),
        (("seal", "--uses", "x"), "enclave seal"),
        (("runn",), "enclave"),
        ((), "enclave"),
    ],
)
def test_an_error_names_the_verb_as_a_result_does(folder: Path, words: tuple[str, ...], named: str) -> None:
    done = typed(folder, *words, "--json")
    assert (done.returncode, json.loads(done.stdout)["command"]) == (2, named)


def test_state_that_is_bound_to_a_program_opens_for_its_code_alone(folder: Path) -> None:
    words = (*keeping(folder), "--key", "state.key")
    with (folder / "job.toml").open("a") as stream:
        stream.write('bound = "measurement"\n')
    first = typed(folder, *words, "-o", "run1")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert told["warnings"][0] == told["result"]["state"]["rollback"] == FILE_ALONE
    (folder / "keep.py").write_text(KEEPING.replace('b"x"', 'b"y"'))
    other = typed(folder, *words, "-o", "run2")
    assert other.returncode == 3 and "[enclave.input-refused]" in other.stderr, other.stderr
    (folder / "keep.py").write_text(KEEPING)
    assert typed(folder, *words, "-o", "run2").returncode == 0


@pytest.mark.slow
def test_state_of_another_kind_does_not_open(folder: Path) -> None:
    words = (*keeping(folder), "--key", "state.key")
    assert typed(folder, *words, "-o", "run1").returncode == 0
    raw = (folder / "kept").read_bytes()
    (folder / "kept").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    changed = typed(folder, *words, "-o", "run2")
    assert changed.returncode == 3 and "[enclave.input-refused]" in changed.stderr
    (folder / "kept").write_bytes(raw)
    text = (folder / "job.toml").read_text()
    (folder / "job.toml").write_text(text + 'bound = "measurement"\n')
    bound = typed(folder, *words, "-o", "run2")
    assert bound.returncode == 3 and "[enclave.input-refused]" in bound.stderr
    (folder / "job.toml").write_text(text)
    done = typed(folder, "run", "job.toml", "--policy", "p.toml", "--key", "state.key", "-o", "run2")
    assert done.returncode == 2 and "[enclave.state]" in done.stderr, done.stderr


def test_a_broker_gives_the_key_to_evidence(folder: Path) -> None:
    sealed(folder)
    command = [str(VELATURA), "enclave", "broker", "rows.sealed.key", "--state", "state", "--port", "0"]
    broker = subprocess.Popen(command, env=bare_environment(folder), cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        assert broker.stderr is not None
        assert "give the token to whom you would give the data" in broker.stderr.readline()  # evidence of a process is anybody's who asks
        address = re.match(r"(http://\S+): keys of 1 data sets", broker.stderr.readline())
        assert address
        asked = ("--broker", address.group(1), "--token-file", "state/token")
        done = typed(folder, "run", "job.toml", *asked, "-o", "run", "--quiet")
        assert done.returncode == 0, done.stderr
        spent = typed(folder, "run", "job.toml", *asked, "-o", "run2", "--quiet")
        assert spent.returncode == 3 and "[enclave.uses-spent]" in spent.stderr
        assert typed(folder, "run", "job.toml", "--broker", address.group(1), "-o", "run2").returncode == 2
    finally:
        broker.send_signal(signal.SIGTERM)
        broker.wait(30)
    assert broker.returncode in (0, 130)
    lines = [json.loads(line) for line in (folder / "state" / "log.1").read_text().splitlines()]
    told = [line["event"] for line in lines if "event" in line]
    assert [event.get("granted", event.get("refused")) for event in told] == [1, "enclave.uses-spent"]
    done = typed(folder, "run", "job.toml", *asked, "-o", "run2")
    assert done.returncode == 4 and "[enclave.unreachable]" in done.stderr


@pytest.mark.slow
def test_the_example_takes_out_a_private_model_alone(tmp_path: Path) -> None:
    pytest.importorskip("opacus", reason="opacus is not installed")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    example = Path(__file__).parent.parent.parent / "examples" / "enclave" / "train_digits" / "run_example.py"
    env = bare_environment(tmp_path, PATH=os.environ["PATH"])
    done = subprocess.run([sys.executable, str(example), str(tmp_path)], env=env, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"accuracy (0\.\d+) on rows that it did not see; epsilon (\d\.\d+) at delta 0\.0001", done.stdout)
    assert found and float(found.group(1)) > 0.8 and float(found.group(2)) <= 4
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert set(record["outputs"]) == {"metrics", "model"}
    assert record["inputs"]["digits"]["verdict"] == "affirming"
