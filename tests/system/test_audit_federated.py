"""`velatura fl run`, then `fl audit` of it, installed, as a person runs them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from tests.programs import bare_environment, velatura

pytestmark = pytest.mark.xdist_group("processes")

JOB = """
[model]
network = "linear"
[data]
source = "digits"
sites = {sites}
[training]
epochs = 2
batch = 16
lr = 0.1
[rounds]
count = 3
{more}
"""
KRUM = '[strategy]\nname = "multikrum"\noptions = { num_malicious_nodes = 2, num_nodes_to_select = 6 }'


def job(folder: Path, more: str = KRUM, sites: int = 10) -> Path:
    path = folder / "job.toml"
    path.write_text(JOB.format(sites=sites, more=more))
    return path


def test_a_run_becomes_a_report_that_a_person_can_repeat(tmp_path: Path) -> None:
    env, out = bare_environment(tmp_path), tmp_path / "report"
    assert velatura("fl", "run", job(tmp_path), "-o", tmp_path / "run", "--quiet", env=env).returncode == 0
    done = velatura("fl", "audit", "run", "-o", "report", "--only", "poisoning", "--budget-s", "100", "--json", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["result"]["report"]
    found = report["findings"][0]
    assert (found["attack"], found["verdict"], found["claim"]["bound"]) == ("poisoning", "held", 0.03)
    assert found["baseline"]["low"] > 0.2 > 0.045 > found["estimate"]["high"]
    assert report["subject"]["run"].startswith("3 rounds, accuracy") and report["subject"]["replies left out"] == "0"
    assert "Controls some of the sites" in (out / "report.html").read_text()
    again = velatura(*shlex.split(found["repeat"])[1:], "--json", env=env, cwd=tmp_path)
    assert json.loads(again.stdout)["result"]["report"]["findings"][0]["estimate"] == found["estimate"]


@pytest.mark.slow
def test_a_private_run_is_judged_by_its_epsilon_and_tells_its_ledger(tmp_path: Path) -> None:
    private = '[privacy]\nlevel = "client"\nepsilon = 0.5\ndelta = 1e-3\nclip = 0.5'
    env = bare_environment(tmp_path)
    assert velatura("fl", "run", job(tmp_path, private, 40), "-o", tmp_path / "run", "--quiet", env=env).returncode == 0
    done = velatura("fl", "audit", "run", "-o", "report", "--budget-s", "400", "--json", env=env, cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr  # an attack may lie below guessing by chance
    report = json.loads(done.stdout)["result"]["report"]
    membership = next(one for one in report["findings"] if one["attack"] == "membership")
    assert 0.027 < membership["claim"]["bound"] < 0.031 and membership["verdict"] in ("held", "inconclusive")
    assert report["subject"]["ledger"].startswith("3 releases, epsilon 0.")


def test_what_is_no_longer_what_the_run_read_or_left_is_refused(tmp_path: Path) -> None:
    env, rows = bare_environment(tmp_path), np.random.default_rng(0).normal(size=(60, 4))
    np.savez(tmp_path / "rows.npz", x=rows, y=np.arange(60) % 3)
    spec = job(tmp_path, "", 3)
    spec.write_text(spec.read_text().replace('"digits"', '"rows.npz"'))
    assert velatura("fl", "run", spec, "-o", tmp_path / "run", "--quiet", env=env).returncode == 0
    words = ("fl", "audit", "run", "--base", ".", "--only", "labels", "--budget-s", "20", "--quiet")
    inside = velatura(*words, "-o", "run/report", env=env, cwd=tmp_path)
    assert inside.returncode == 2 and "files.same" in inside.stderr
    model = (tmp_path / "run" / "model.npz").read_bytes()
    (tmp_path / "run" / "model.npz").write_bytes(model[:200])
    damaged = velatura(*words, "-o", "report", env=env, cwd=tmp_path)
    assert damaged.returncode == 5 and "model.npz: damaged" in damaged.stderr
    (tmp_path / "run" / "model.npz").write_bytes(model)
    np.savez(tmp_path / "rows.npz", x=rows + 1, y=np.arange(60) % 3)
    changed = velatura(*words, "-o", "report", env=env, cwd=tmp_path)
    assert changed.returncode == 2 and "the data has changed" in changed.stderr and not (tmp_path / "report" / "report.json").exists()
    others = velatura(*words, "-o", "report", "--data", "rows.npz", "--json", env=env, cwd=tmp_path)
    assert others.returncode in (0, 3) and "the run's own model" not in json.loads(others.stdout)["result"]["report"]["subject"], others.stderr


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("none",), 2, "there is no run"),
        (("job.toml", "--only", "membershp"), 2, "membership"),
        (("job.toml", "--budget-s", "0"), 2, "budget"),
        (("job.toml", "--data", "none.npz"), 2, "none.npz"),
    ],
)
def test_a_wrong_word_is_told_in_a_line(words: tuple[str, ...], status: int, told: str, tmp_path: Path) -> None:
    job(tmp_path)
    done = velatura("fl", "audit", *words, "-o", "out", env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert told in done.stderr and "Traceback" not in done.stderr
