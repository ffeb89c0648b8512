"""What a run left beside its job, in the report's words; damage is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from velatura.audit.federated.own_model import own_model_told
from velatura.audit.federated.told import run_told
from velatura.errors import BadInput
from velatura.federated.job import Data, FederatedJob, Model, Privacy, Rounds, Training
from velatura.federated.run import run

JOB = FederatedJob(Model("linear"), Data("digits", sites=5, classes=10), Training(epochs=1, batch=16, lr=0.1), rounds=Rounds(2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("told") / "run"
    run(replace(JOB, privacy=Privacy("client", epsilon=2.0, delta=1e-2, clip=0.5)), place)
    return place


def test_rounds_replies_and_ledger_are_told(folder: Path) -> None:
    job = replace(JOB, privacy=Privacy("client", epsilon=2.0, delta=1e-2, clip=0.5))
    told = run_told(folder, job)
    assert told["run"].startswith("2 rounds, accuracy 0.") and told["replies left out"] == "0"
    assert told["ledger"].startswith("2 releases, epsilon 1.99") and "recomputed" in told["ledger"]
    assert run_told(folder / "flower", job) == {}


def test_a_damaged_history_and_a_damaged_ledger_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text("{}")
    with pytest.raises(BadInput, match="damaged"):
        run_told(tmp_path, JOB)
    (tmp_path / "history.json").write_text(json.dumps({"rounds": [], "refused": [{"why": "NaN: 3"}]}))
    assert run_told(tmp_path, JOB)["replies left out"] == "1: NaN"
    (tmp_path / "ledger").write_bytes((folder / "ledger").read_bytes().replace(b"gaussian", b"gaussiam"))
    with pytest.raises(BadInput, match="line 1 is damaged"):
        run_told(tmp_path, replace(JOB, privacy=Privacy("client")))


def test_the_runs_own_model_is_asked_about_its_own_rows(folder: Path, tmp_path: Path) -> None:
    told = own_model_told(folder, JOB, Path())["the run's own model"]
    assert "the 1298 rows that it was trained on" in told and "on 499 others" in told and "AUC 0." in told
    with pytest.raises(BadInput, match="no weights of mlp"):
        own_model_told(folder, replace(JOB, model=Model("mlp:9")), Path())
    assert own_model_told(tmp_path / "nowhere", JOB, Path()) == {}


def test_a_model_that_the_run_did_not_leave_is_no_evidence(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "run")
    model, whole = tmp_path / "run" / "model.npz", (folder / "model.npz").read_bytes()
    with np.load(model) as read:
        np.savez(model, **{name: read[name] * 2 for name in read.files})
    with pytest.raises(BadInput, match="is not the model that this run left"):
        own_model_told(tmp_path / "run", JOB, Path())
    for raw in (b"PK\x03\x04", b"", whole[: len(whole) // 2], bytes(len(whole))):
        model.write_bytes(raw)
        with pytest.raises(BadInput, match=r"model\.npz: damaged"):
            own_model_told(tmp_path / "run", JOB, Path())


def test_half_a_run_is_told_as_such(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "run")
    for name in ("history.json", "model.npz"):
        (tmp_path / "run" / name).unlink()
    half = replace(JOB, rounds=Rounds(9), privacy=Privacy("client", epsilon=2.0, delta=1e-2, clip=0.5))
    told = run_told(tmp_path / "run", half)
    assert told["run"] == "not at its end: 2 of 9 rounds are done" and told["ledger"].startswith("2 releases, epsilon 1.99")
    (tmp_path / "run" / "checkpoint").unlink()
    assert run_told(tmp_path / "run", JOB)["run"] == "not at its end: 0 of 2 rounds are done"


def test_where_noise_is_the_sites_own_their_ledgers_are_told(tmp_path: Path) -> None:
    job = replace(JOB, privacy=Privacy("local", epsilon=4.0, delta=1e-5, clip=0.5))
    run(job, tmp_path / "run")
    assert run_told(tmp_path / "run", job)["ledger"].startswith("5 sites, epsilon 4 of 4 at delta 1e-05 at most")
