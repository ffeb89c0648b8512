"""`velatura attack enclave`, installed, as a person types it: evidence of this machine, a real document, and input that makes no sense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.programs import bare_environment, velatura

from velatura.enclave.backends.process import ProcessBackend

pytestmark = pytest.mark.xdist_group("processes")

LACKING = ProcessBackend().lacking()
POLICY = 'version = 1\nformat = "sev-snp"\n[reference]\nany_measurement = true\n[with]\nleaf = "leaf.der"\n'


@pytest.fixture
def report(shared: Path, tmp_path: Path) -> Path:
    """A real SEV-SNP report with its leaf and a policy that it meets; AMD's authorities are the package's."""
    folder = shared / "data/enclave-evidence"
    (tmp_path / "leaf.der").write_bytes((folder / "snp/snp-v3-milan-vcek.leaf.der").read_bytes())
    (tmp_path / "p.toml").write_text(POLICY)
    path = tmp_path / "report.bin"
    path.write_bytes((folder / "snp/snp-v3-milan-vcek.report.bin").read_bytes())
    return path


def test_a_real_report_is_forged_and_no_forgery_is_accepted(report: Path, tmp_path: Path) -> None:
    words = ["attack", "enclave", report, "--policy", tmp_path / "p.toml", "--time", "1782809233", "--flips", "100", "--mutations", "100"]
    done = velatura(*words, "-o", tmp_path / "out", "--json", env=bare_environment(tmp_path))
    assert done.returncode == 0, done.stderr
    (finding,) = json.loads(done.stdout)["result"]["report"]["findings"]
    assert finding["verdict"] == "held"
    assert finding["evidence"]["accepted"] == "none"
    assert finding["baseline"]["value"] > 0.5
    assert (tmp_path / "out/report.html").exists()


def test_evidence_that_does_not_meet_its_policy_is_an_error_of_the_attack(report: Path, tmp_path: Path) -> None:
    done = velatura("attack", "enclave", report, "--policy", tmp_path / "p.toml", "--time", "2020-01-01T00:00:00Z", env=bare_environment(tmp_path))
    assert done.returncode == 1
    assert "not accepted as it stands" in done.stdout


@pytest.mark.skipif(bool(LACKING), reason=f"no process can be confined here: {', '.join(LACKING)}")
def test_without_evidence_an_enclave_of_this_machine_is_attacked(tmp_path: Path) -> None:
    words = ["attack", "enclave", "--only", "evidence-forgery", "--only", "session-tampering", "--flips", "50", "--mutations", "50"]
    done = velatura(*words, env=bare_environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("HELD: attacks on an enclave of this machine")


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["e.bin"], 2, "audit.evidence"),
        (["--policy", "p.toml"], 2, "audit.evidence"),
        (["e.bin", "--policy", "p.toml", "--only", "forgery"], 2, "audit.attack"),
        (["e.bin", "--policy", "none.toml"], 2, "spec.unreadable"),
        (["none.bin", "--policy", "lax.toml"], 5, "enclave.evidence"),
        (["e.bin", "--policy", "p.toml"], 2, "audit.evidence"),
        (["e.bin", "--policy", "lax.toml", "--time", "noon"], 2, "audit.time"),
        (["--job", "none.toml"], 2, "spec.unreadable"),
    ],
)
def test_input_that_makes_no_sense_is_refused_in_a_line(words: list[str], status: int, told: str, tmp_path: Path) -> None:
    (tmp_path / "e.bin").write_bytes(bytes(1184))
    (tmp_path / "p.toml").write_text(POLICY)
    (tmp_path / "lax.toml").write_text('version = 1\nformat = "sev-snp"\n[reference]\nany_measurement = true\n')
    done = velatura("attack", "enclave", *words, cwd=tmp_path, env=bare_environment(tmp_path))
    assert done.returncode == status, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
