"""The model of a run as others read it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")

from tests.federated.jobs import job

from velatura.errors import BadInput, BadSpec, VelaturaError
from velatura.federated.export import export
from velatura.federated.job import Model
from velatura.federated.run import run


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "run"
    of = job(rounds=2, sites=3)
    run(type(of)(Model("digits-cnn"), of.data, of.training, of.strategy, of.rounds), folder)
    return folder


def test_both_files_hold_the_runs_own_weights(finished_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    from safetensors import safe_open

    wrote = export(finished_run, safetensors=tmp_path / "m.safetensors", onnx=tmp_path / "m.onnx")
    with np.load(finished_run / "model.npz") as own, safe_open(tmp_path / "m.safetensors", "np") as read:
        assert set(read.keys()) == set(own.files)
        assert all(np.array_equal(read.get_tensor(name), own[name]) and read.get_tensor(name).dtype == own[name].dtype for name in own.files)
        assert read.metadata()["network"] == "digits-cnn" and read.metadata()["rounds"] == "2"
    assert wrote.difference is not None and wrote.difference < 1e-4 and wrote.rounds == 2
    assert wrote.files == [str(tmp_path / "m.safetensors"), str(tmp_path / "m.onnx")]


def test_an_onnx_file_that_computes_something_else_is_refused(finished_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    import torch

    from velatura.federated.onnx_file import checked, to_onnx

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4))
    raw = to_onnx(network, (3, 2, 2))
    assert checked(raw, network, (3, 2, 2)) < 1e-5
    with torch.no_grad():
        network[1].bias[2] += 0.01
    with pytest.raises(BadInput) as caught:
        checked(raw, network, (3, 2, 2))
    assert caught.value.code == "federated.onnx"


def test_a_run_without_an_end_is_refused_unless_told(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    folder = tmp_path / "run"
    run(job(rounds=2, sites=3), folder)
    (folder / "history.json").unlink()  # as after a kill between the last checkpoint and the end
    with pytest.raises(VelaturaError) as caught:
        export(folder, safetensors=tmp_path / "m")
    assert caught.value.code == "federated.unfinished" and not (tmp_path / "m").exists()
    wrote = export(folder, safetensors=tmp_path / "m", unfinished=True)
    with np.load(folder / "model.npz") as own:
        read = load_file(tmp_path / "m")
        assert all(np.array_equal(read[name], own[name]) for name in own.files) and wrote.rounds == 2


def test_what_is_no_run_or_nothing_to_write_is_refused(tmp_path: Path, finished_run: Path) -> None:
    with pytest.raises(BadSpec, match="to what"):
        export(finished_run)
    with pytest.raises(BadSpec, match="no folder of a run"):
        export(tmp_path, safetensors=tmp_path / "m")
    (tmp_path / "m").touch()
    with pytest.raises(BadSpec) as caught:
        export(finished_run, safetensors=tmp_path / "m")
    assert caught.value.code == "files.exists"


def test_the_cost_of_the_weights_goes_with_them(tmp_path: Path) -> None:
    from safetensors import safe_open

    from velatura.federated.job import Privacy

    of = job(rounds=1, sites=3)
    run(type(of)(of.model, of.data, of.training, of.strategy, of.rounds, Privacy("client", 8.0, 1e-3, 1.0)), tmp_path / "run")
    wrote = export(tmp_path / "run", safetensors=tmp_path / "m")
    with safe_open(tmp_path / "m", "np") as read:
        assert float(read.metadata()["epsilon"]) == pytest.approx(wrote.epsilon, rel=1e-4)
        assert read.metadata()["level"] == "client"
    assert json.loads((tmp_path / "run" / "history.json").read_text())["epsilon"] == wrote.epsilon


def test_a_run_is_not_written_over_by_what_is_made_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(job(rounds=1, sites=2), folder)
    before = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    (tmp_path / "link").symlink_to(folder)
    for out in (folder / "model.npz", folder / "new", tmp_path / "link" / "model.npz"):
        with pytest.raises(BadSpec) as caught:
            export(folder, safetensors=out, force=True)
        assert caught.value.code == "files.same"
    assert before == {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


def test_damage_is_not_told_as_a_run_without_an_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(job(rounds=1, sites=2), folder)
    whole = (folder / "model.npz").read_bytes()
    for raw in (b"", whole[:99], b"x" * 500):
        (folder / "model.npz").write_bytes(raw)
        with pytest.raises(BadInput, match=r"model\.npz: damaged"):
            export(folder, safetensors=tmp_path / "m")
    run(job(rounds=1, sites=2), folder, resume=True)
    assert export(folder, safetensors=tmp_path / "m").rounds == 1, "as the hint says"
    for raw in (b"", b"{}", b"[" * 100_000, b"[]"):
        (folder / "history.json").write_bytes(raw)
        with pytest.raises(BadInput, match=r"history\.json: damaged"):
            export(folder, safetensors=tmp_path / "n")
