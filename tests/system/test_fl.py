"""`velatura fl` as a person runs it: a job, a kill, a resume, and words that are wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.federated.test_flower_app import app
from tests.system.test_door import velatura

for package in ("flwr", "torch", "sklearn", "dp_accounting"):
    pytest.importorskip(package, reason=f"{package} is not installed")

JOB = """
model.network = "linear"
data = {{source = "digits", sites = 6}}
training = {{batch = 16, lr = 0.1}}
rounds = {{count = {rounds}}}
privacy = {{level = "{level}", epsilon = 100, delta = 1e-5, clip = 0.5}}
"""


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "VELATURA_HOME": str(tmp_path / "home")}


def job(folder: Path, *, rounds: int = 4, level: str = "none", more: str = "") -> Path:
    (folder / "job.toml").write_text(JOB.format(rounds=rounds, level=level) + more)
    return folder / "job.toml"


def weights(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "model.npz") as read:
        return {name: read[name] for name in read.files}


def test_a_job_runs_and_says_what_it_does_not_protect(tmp_path: Path, bare: dict[str, str]) -> None:
    done = velatura("fl", "run", job(tmp_path), "-o", "run", "--json", env=bare, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    assert result["accuracy"] > 0.8 and result["rounds"] == 4 and "does not" not in done.stderr
    assert "unless differential privacy" in result["limits"]
    assert set(weights(tmp_path / "run")) == {"1.weight", "1.bias"}
    exported = velatura("fl", "export", "run", "--safetensors", "m.safetensors", env=bare, cwd=tmp_path)
    assert exported.returncode == 0 and (tmp_path / "m.safetensors").exists(), exported.stderr
    again = velatura("fl", "run", job(tmp_path), "-o", "run", env=bare, cwd=tmp_path)
    assert again.returncode == 2 and "--resume" in again.stderr


@pytest.mark.parametrize(("level", "kills"), [("none", 1), ("client", 2)])
def test_a_killed_run_ends_bit_by_bit_as_one_that_was_not_and_counts_each_release_once(
    tmp_path: Path, bare: dict[str, str], level: str, kills: int
) -> None:
    spec = job(tmp_path, rounds=8, level=level)
    run = tmp_path / "killed"
    command = [sys.executable, "-m", "velatura", "fl", "run", str(spec), "-o", str(run), "--quiet"]
    for _ in range(kills):
        child = subprocess.Popen([*command, *(["--resume"] if run.exists() else [])], env=bare, cwd=tmp_path, stdout=subprocess.DEVNULL)
        before = (run / "checkpoint").stat().st_mtime_ns if (run / "checkpoint").exists() else 0
        end = time.monotonic() + 60
        while child.poll() is None and time.monotonic() < end:
            if (run / "checkpoint").exists() and (run / "checkpoint").stat().st_mtime_ns > before:
                break
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=60)
    done = velatura("fl", "run", spec, "-o", run, "--resume", "--json", env=bare, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["result"]
    assert told["rounds"] == 8
    if level == "none":
        from velatura.federated.job import load_job

        load_job(spec).run(tmp_path / "whole", base=tmp_path)
        whole, killed = weights(tmp_path / "whole"), weights(run)
        assert all(np.array_equal(whole[name], killed[name]) for name in whole)
    else:
        assert len((run / "ledger").read_text().splitlines()) == 8 and told["epsilon"] <= 100
        assert (run / "secret").stat().st_mode & 0o777 == 0o600


def test_words_that_are_wrong_are_refused_before_anything_runs(tmp_path: Path, bare: dict[str, str]) -> None:
    wrong = [
        ('strategy = {name = "fedavgg"}', "fedavg", 2),
        ('strategy = {name = "krum", options = {numb = 1}}', "numb", 2),
        ("aggregatoin = 1", "aggregation", 2),
        ("guards = {norm = -1}", "guards.norm", 2),
    ]
    for more, word, status in wrong:
        done = velatura("fl", "run", job(tmp_path, more=more), "-o", "run", env=bare, cwd=tmp_path)
        assert done.returncode == status and word in done.stderr and "Traceback" not in done.stderr, done.stderr
    done = velatura("fl", "run", job(tmp_path, level="client", more='strategy = {name = "median"}'), "-o", "other", env=bare, cwd=tmp_path)
    assert done.returncode == 2 and "[federated.combination]" in done.stderr


def test_files_and_folders_that_are_swapped_are_told_in_a_line(tmp_path: Path, bare: dict[str, str]) -> None:
    spec, long = job(tmp_path), "x" * 300
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    wrong = [
        (("run", spec, "-o", "file", "--resume"), 2, "files.no-folder"),
        (("run", spec, "-o", "/dev/null", "--resume"), 2, "files.no-folder"),
        (("run", spec, "-o", "file/run"), 1, "files.unwritable"),
        (("run", spec, "-o", long), 1, "files.io"),
        (("run", "folder", "-o", "run"), 2, "spec.unreadable"),
        (("preview", spec, "--data", "file"), 2, "federated.source"),
        (("preview", spec, "--data", "folder"), 5, "federated.data"),
        (("export", "file", "--onnx", "m"), 2, "federated.no-run"),
        (("audit", spec, "-o", "file/report", "--only", "labels"), 1, "files.unwritable"),
        (("audit", spec, "-o", "report", "--budget-s", "-1"), 2, "-1 seconds"),
        (("status", "--state", long), 1, "files.io"),
        (("up", "--nodes", "0", "--state", "file"), 2, "files.no-folder"),
        (("up", "--wait-s", "nan", "--state", "new"), 2, "federated.wait"),
    ]
    for words, status, code in wrong:
        done = velatura("fl", *words, env=bare, cwd=tmp_path)
        lines = done.stderr.splitlines()
        assert done.returncode == status and code in done.stderr and lines[0].startswith("error: ") and len(lines) <= 2, (words, done.stderr)
        assert "internal" not in done.stderr and not (tmp_path / "run").exists()
    told = json.loads(velatura("fl", "run", spec, "-o", long, "--json", env=bare, cwd=tmp_path).stdout)
    assert told["error"]["code"] == "files.io" and "too long" in told["error"]["sentence"]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil"])  # all others: tests/federated/test_superlink.py
def test_a_name_of_a_site_leaves_no_folder(name: str, tmp_path: Path, bare: dict[str, str]) -> None:
    (tmp_path / "ca.crt").write_text("none")
    (tmp_path / "in").mkdir()
    words = ["--join", "127.0.0.1:9443", "--ca", tmp_path / "ca.crt", "--site", name, "--state", tmp_path / "in" / "site"]
    done = velatura("fl", "up", *words, env=bare, cwd=tmp_path)
    assert done.returncode == 2 and "is no name of a site [federated.site-name]" in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path / "in").iterdir())


def test_figures_that_cannot_be_are_one_line_and_exit_2(tmp_path: Path, bare: dict[str, str]) -> None:
    """The unit tests try each; here that a person sees it, whatever the command."""
    wrong = [
        ("guards.norm = nan", "guards.norm is nan; it must be 0, or 1 or more, at most 1e+06"),
        ('strategy = {name = "fedadam", options = {eta = nan}}', "strategy.options.eta is nan; it must be more than 0"),
        ("seed = 1e308", "Expected `int`, got `float` - at `$.seed`"),
        ("aggregation = 1", "Expected `str`, got `int` - at `$.aggregation`"),
    ]
    commands = (["run", tmp_path / "job.toml", "-o", "run"], ["preview", tmp_path / "job.toml"], ["audit", tmp_path / "job.toml", "-o", "report"])
    for at, (more, words) in enumerate(wrong):
        job(tmp_path, more=more)
        for command in commands if at == 0 else commands[at % 3 :][:1]:  # all read a job in one place
            done = velatura("fl", *command, env=bare, cwd=tmp_path)
            assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") <= 2 and not done.stdout, done.stderr
    assert not (tmp_path / "run").exists() and not (tmp_path / "report").exists()
    spec = job(tmp_path)
    spec.write_text(spec.read_text().replace("sites = 6", "sites = 2000"))
    done = velatura("fl", "run", spec, "-o", "run", env=bare, cwd=tmp_path)
    assert done.returncode == 2 and "1438 rows are not enough for 2000 sites of at least 1 [federated.partition]" in done.stderr, done.stderr


def test_a_plain_flower_app_runs_unchanged(tmp_path: Path, bare: dict[str, str]) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    app(folder, "means_here", bad="{1}")
    done = velatura("fl", "run", "app", "-o", "run", "--nodes", "4", env=bare, cwd=tmp_path)
    assert done.returncode == 0 and "ran with 4 nodes" in done.stdout and "not finite" in done.stderr, done.stderr
    refused = json.loads((tmp_path / "run" / "history.json").read_text())["refused"]
    assert {one["node"] for one in refused} == {2} and {one["round"] for one in refused} <= {1, 2, 3}
    assert (folder / "out.json").exists()


def test_preview_says_what_would_leave(tmp_path: Path, bare: dict[str, str]) -> None:
    done = velatura("fl", "preview", job(tmp_path), env=bare, cwd=tmp_path)
    assert done.returncode == 0 and "1.weight float32 (10, 64)" in done.stdout and "nothing bounds" in done.stdout
    private = velatura("fl", "preview", job(tmp_path, level="client"), "--json", env=bare, cwd=tmp_path)
    told = json.loads(private.stdout)["result"]
    assert told["epsilon"] <= 100 and told["each_round"] == ["number of the site"]
