"""`velatura he train` as a person runs it: a job, weights that are his alone, and jobs that are wrong."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.programs import bare_environment, velatura

pytest.importorskip("tenseal", reason="tenseal is not installed")


def job(folder: Path, more: str = "") -> None:
    """Two clouds far apart, fifty samples."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 50)
    np.savez(folder / "table.npz", x=3.0 * labels[:, None] + rng.normal(size=(50, 3)), y=labels)
    (folder / "job.toml").write_text(f'data = "table.npz"\nsteps = 2\ndegree = 3\n{more}')


def train(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = velatura("he", "train", "job.toml", *words, env=bare_environment(folder), cwd=folder)
    assert "Traceback" not in done.stderr
    return done


def test_a_job_gives_weights_that_are_the_owner_s_alone(tmp_path: Path) -> None:
    job(tmp_path)
    done = train(tmp_path, "-o", "weights.npz", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    result = told["result"]
    assert told["command"] == "he train" and result["round_trips"] == 2
    assert result["accuracy"] == result["accuracy_open"] > 0.9
    assert "has to be their owner" in result["limits"]
    out = tmp_path / "weights.npz"
    assert out.stat().st_mode & 0o777 == 0o600
    with np.load(out) as weights, np.load(tmp_path / "table.npz") as table:
        scores = table["x"] @ weights["coefficients"].T + weights["intercepts"]
        found = weights["classes"][(scores[:, 0] > 0).astype(int)]
        assert np.mean(found == table["y"]) == result["accuracy"]

    before = out.read_bytes()
    again = train(tmp_path, "-o", "weights.npz")
    assert again.returncode == 2 and "[files.exists]" in again.stderr and out.read_bytes() == before


@pytest.mark.parametrize(
    ("more", "out", "status", "code"),
    [
        ("radius = 0.0", "weights.npz", 2, "he.job"),
        ("stpes = 3", "weights.npz", 2, "spec.unknown-key"),
        ('test = "job.toml"', "weights.npz", 5, "he.samples"),
        ("", "job.toml", 2, "files.same"),
        ("", "table.npz", 2, "files.same"),
    ],
)
def test_a_job_that_is_wrong_leaves_nothing_and_says_what_it_is(tmp_path: Path, more: str, out: str, status: int, code: str) -> None:
    job(tmp_path, more)
    names, table = {one.name for one in tmp_path.iterdir()}, (tmp_path / "table.npz").read_bytes()
    done = train(tmp_path, "-o", out, "--force")
    assert done.returncode == status and f"[{code}]" in done.stderr, done.stderr
    assert {one.name for one in tmp_path.iterdir()} == names and (tmp_path / "table.npz").read_bytes() == table
