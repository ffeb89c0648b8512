"""`velatura enclave doctor` and `evidence` as a person types them, here and on machines that lack a layer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.enclave.backends.cells import JOB, all_hold, linux, write_job

from velatura.enclave.backends.doctor import swap
from velatura.enclave.backends.process import ProcessBackend

pytestmark = linux
ROOT = Path(__file__).parents[2]
POORER = [sys.executable, str(ROOT / "tests" / "sandbox" / "poorer.py")]


def velatura(*words: str, folder: Path, without: str = "") -> tuple[int, str, str]:
    """Exit status, stdout, stderr of the command line, on a machine that lacks some calls."""
    before = [*POORER, without] if without else []
    done = subprocess.run(
        [*before, sys.executable, "-m", "velatura", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(autouse=True, scope="module")
def whole() -> None:
    all_hold()


def test_doctor_says_what_works_and_what_brings_the_rest(tmp_path: Path) -> None:
    status, out, _ = velatura("enclave", "doctor", "--json", folder=tmp_path)
    told = json.loads(out)["result"]
    backends = {one["name"]: one for one in told["backends"]}
    assert status == 0
    assert backends["process"]["works"] and backends["simulated"]["assurance"] == "simulated"
    assert told["auto"] in backends and told["auto"] != "simulated"
    assert all(one["works"] or one["brings"] for one in told["backends"])
    assert {layer["name"] for layer in told["layers"]} >= {"seccomp", "landlock", "namespaces", "secretmem"}
    assert all(layer["gives"] for layer in told["layers"])
    assert "Proves nothing to somebody who distrusts root" in velatura("enclave", "doctor", folder=tmp_path)[1]


def test_doctor_on_a_poorer_machine_names_what_is_lost(tmp_path: Path) -> None:
    status, out, _ = velatura("enclave", "doctor", "--json", folder=tmp_path, without="landlock,secretmem")
    told = json.loads(out)["result"]
    absent = {layer["name"] for layer in told["layers"] if not layer["works"]}
    assert (status, told["auto"]) == (4, None)
    assert {"landlock", "secretmem"} <= absent
    assert all(layer["brings"] for layer in told["layers"] if not layer["works"])


def test_evidence_becomes_a_policy_that_a_second_start_meets(tmp_path: Path) -> None:
    assert velatura("enclave", "evidence", "-o", "one.json", folder=tmp_path)[0] == 0
    assert velatura("enclave", "policy", "one.json", "-o", "p.toml", folder=tmp_path)[0] == 0
    nonce = "ab" * 32
    assert velatura("enclave", "evidence", "--nonce", nonce, "-o", "two.json", folder=tmp_path)[0] == 0
    status, out, _ = velatura("enclave", "verify", "two.json", "--policy", "p.toml", "--nonce", nonce, "--json", folder=tmp_path)
    told = json.loads(out)["result"]
    assert (status, told["verdict"], told["assurance"]) == (0, "affirming", "process")
    assert velatura("enclave", "verify", "one.json", "--policy", "p.toml", "--nonce", nonce, folder=tmp_path)[0] == 3  # a replay
    (tmp_path / "job.toml").write_text('imports = ["colorsys"]\n' + JOB)  # its data are not there, and need not be
    assert velatura("enclave", "evidence", "--job", "job.toml", "-o", "three.json", folder=tmp_path)[0] == 0
    assert velatura("enclave", "verify", "three.json", "--policy", "p.toml", folder=tmp_path)[0] == 3  # another program


def test_what_evidence_measures_for_a_job_is_what_runs(tmp_path: Path) -> None:
    write_job(tmp_path, job='imports = ["colorsys"]\n' + JOB)
    for words in (("evidence", "--job", "job.toml", "-o", "e.json"), ("policy", "e.json", "-o", "p.toml")):
        assert velatura("enclave", *words, folder=tmp_path)[0] == 0
    status, _, err = velatura("enclave", "run", "job.toml", "--policy", "p.toml", "-o", "run", "--quiet", folder=tmp_path)
    assert status == 0, err
    assert bool(err) == bool(swap().absent), "a run says where data may be swapped, and nothing else"
    (tmp_path / "job.toml").write_text('imports = ["colorsys", "nturl2path"]\n' + JOB)
    status, _, err = velatura("enclave", "run", "job.toml", "--policy", "p.toml", "-o", "again", "--quiet", folder=tmp_path)
    assert status == 3
    assert "measurement-mismatch" in err


@pytest.mark.parametrize("layer", ["landlock", "secretmem"])
def test_a_layer_that_is_absent_is_lifted_by_name_and_refused_by_a_policy_that_does_not_list_it(tmp_path: Path, layer: str) -> None:
    status, _, err = velatura("enclave", "evidence", "--backend", "process", "-o", "e.json", folder=tmp_path, without=layer)
    assert status == 4
    assert layer in err or "memory that root cannot read" in err
    assert not (tmp_path / "e.json").exists()
    lifted = ("enclave", "evidence", "--allow-degraded", layer, "-o", "e.json")
    assert velatura(*lifted, folder=tmp_path, without=layer)[0] == 0
    policy = 'version = 1\nformat = "process"\n[reference]\nany_measurement = true\n'
    (tmp_path / "strict.toml").write_text(policy)
    (tmp_path / "mild.toml").write_text(policy + f'[require]\ndegraded = ["{layer}"]\naccept_warning = true\n')
    status, out, _ = velatura("enclave", "verify", "e.json", "--policy", "strict.toml", "--json", folder=tmp_path)
    assert (status, json.loads(out)["result"]["code"]) == (3, "degraded")
    assert velatura("enclave", "verify", "e.json", "--policy", "mild.toml", folder=tmp_path)[0] == 0


def test_without_seccomp_nothing_starts_whatever_is_lifted(tmp_path: Path) -> None:
    assert velatura("enclave", "evidence", "--backend", "process", "-o", "e.json", folder=tmp_path, without="seccomp")[0] == 4
    status, _, err = velatura("enclave", "evidence", "--allow-degraded", "seccomp", "--backend", "process", "-o", "e.json", folder=tmp_path)
    assert status == 2
    assert "no layer that an enclave can do without" in err


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--nonce", "ab"), 2),
        (("--nonce", "xyz"), 2),
        (("--backend", "sev"), 2),
        (("--backend", "nsm"), 4),
        (("--job", "nothing.toml"), 2),
        (("--policy", "nothing.toml"), 2),
    ],
)
def test_what_is_typed_wrong_is_said_in_one_line(tmp_path: Path, words: tuple[str, ...], status: int) -> None:
    if words[-1] == "nsm" and Path("/dev/nsm").exists():
        pytest.skip("nsm: this is a Nitro enclave")
    found, out, err = velatura("enclave", "evidence", *words, "-o", "e.json", folder=tmp_path)
    assert (found, out) == (status, "")
    assert "Traceback" not in err and len(err.strip().splitlines()) <= 4
    assert list(tmp_path.iterdir()) == []


def test_this_machine_lacks_nothing_or_says_what() -> None:
    assert all(":" in sentence for sentence in ProcessBackend().lacking())
