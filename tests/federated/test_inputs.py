"""A run goes on with the network and the rows that it began with, or is refused with the difference."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")

from msgspec.structs import replace

from velatura.errors import BadInput, BadSpec, VelaturaError
from velatura.federated.export import export
from velatura.federated.inputs import NAME, inputs_of, network_files
from velatura.federated.job import Data, FederatedJob, Model, Rounds, Training
from velatura.federated.loading import load
from velatura.federated.run import run
from velatura.progress import Silent

NETWORK = """
from torch import nn
from layers_of_test_inputs import width

def make(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(4, width), nn.Tanh(), nn.Linear(width, classes))
"""
JOB = FederatedJob(Model("net_of_test_inputs:make"), Data("rows.npz", sites=2), Training(batch=8, lr=0.1), rounds=Rounds(count=4))


class Stops(Silent):
    """Pulls the plug after the second round."""

    def __init__(self) -> None:
        self.rounds = 0

    def advance(self, by: float = 1) -> None:
        self.rounds += by > 0
        if self.rounds == 2:
            raise KeyboardInterrupt


def rows(folder: Path, *, count: int = 60, seed: int = 0, columns: int = 4) -> None:
    made = np.random.default_rng(seed)
    np.savez(folder / "rows.npz", x=made.normal(size=(count, columns)), y=np.arange(count) % 3)


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's folder with `run`, which ended after two rounds of four."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("net_of_test_inputs", "layers_of_test_inputs"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "net_of_test_inputs.py").write_text(NETWORK)
    (tmp_path / "layers_of_test_inputs.py").write_text("width = 5\n")
    rows(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(JOB, tmp_path / "run", base=tmp_path, progress=Stops())
    yield tmp_path
    for name in ("net_of_test_inputs", "layers_of_test_inputs"):
        sys.modules.pop(name, None)


def refusal(folder: Path, job: FederatedJob = JOB) -> str:
    with pytest.raises(VelaturaError) as caught:
        run(job, folder / "run", base=folder, resume=True)
    assert isinstance(caught.value, BadSpec | BadInput)
    return f"{caught.value.code}: {caught.value.sentence}"


def test_it_goes_on_where_nothing_has_changed(begun: Path) -> None:
    rows(begun)  # written anew, the same
    assert run(JOB, begun / "run", base=begun, resume=True).rounds == 4


def test_a_network_that_was_edited_is_refused_by_its_file(begun: Path) -> None:
    (begun / "net_of_test_inputs.py").write_text(NETWORK.replace("Tanh", "ReLU"))
    assert "federated.changed" in refusal(begun) and "file net_of_test_inputs.py has changed" in refusal(begun)
    (begun / "net_of_test_inputs.py").write_text(NETWORK)
    (begun / "layers_of_test_inputs.py").write_text("width = 5  # or 6\n")
    assert "file layers_of_test_inputs.py has changed" in refusal(begun), "what it imports from there counts too"


def test_rows_that_are_others_are_refused_with_the_difference(begun: Path) -> None:
    rows(begun, count=61)
    assert "rows: 60 -> 61" in refusal(begun)
    rows(begun, columns=5)
    assert "the shape of a row: (4,) -> (5,)" in refusal(begun)
    rows(begun, seed=1)
    assert "as many rows, with other values" in refusal(begun)


def test_sites_that_keep_all_rows_are_held_to_them_in_a_simulation_too(tmp_path: Path) -> None:
    rows(tmp_path)
    of = replace(JOB, model=Model("linear"), data=replace(JOB.data, test=0.0))
    with pytest.raises(KeyboardInterrupt):
        run(of, tmp_path / "run", base=tmp_path, progress=Stops())
    rows(tmp_path, seed=1)
    assert "other values" in refusal(tmp_path, of)


def test_what_a_run_read_is_not_guessed(begun: Path) -> None:
    (begun / "run" / NAME).write_text("{")
    assert "federated.checkpoint" in refusal(begun) and "damaged" in refusal(begun)
    (begun / "run" / NAME).unlink()
    assert "federated.checkpoint" in refusal(begun) and "is not known" in refusal(begun)


def test_onnx_is_of_the_network_that_was_trained(begun: Path) -> None:
    run(JOB, begun / "run", base=begun, resume=True)
    (begun / "net_of_test_inputs.py").write_text(NETWORK.replace("Tanh", "ReLU"))
    with pytest.raises(BadSpec, match=r"net_of_test_inputs\.py has changed"):
        export(begun / "run", onnx=begun / "model.onnx", base=begun)
    assert not (begun / "model.onnx").exists()


def test_an_installed_network_counts_and_one_of_ours_has_no_file(tmp_path: Path) -> None:
    assert network_files(replace(JOB, model=Model("mlp:4,4")), tmp_path) == {}
    assert set(network_files(replace(JOB, model=Model("tests.federated.own_networks:normed")), tmp_path)) == {"tests.federated.own_networks"}
    assert network_files(replace(JOB, model=Model("no.such.module:normed")), tmp_path) == {}


def test_what_a_network_imports_from_its_folder_is_found_however_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    place = tmp_path / "nets_of_test_inputs"  # without __init__.py
    (place / "deep").mkdir(parents=True)
    imports = ["import torch", "from . import one", "from .deep import two", "import nets_of_test_inputs.three"]
    imports += ["from ... import above_test_inputs", "from ..................... import x"]  # beyond the folder
    (place / "main.py").write_text("\n".join(imports))
    (place / "one.py").write_text("from nets_of_test_inputs.deep.four import x\n")
    for name in ("deep/two.py", "deep/four.py", "three.py", "alone.py", "deep/__init__.py"):
        (place / name).write_text("x = 1\n")
    (tmp_path.parent / "above_test_inputs.py").write_text("")
    (place / "three.py").write_text("this is no Python\n")
    found = network_files(replace(JOB, model=Model("nets_of_test_inputs.main:make")), tmp_path)
    wanted = ("main.py", "one.py", "deep/two.py", "deep/four.py", "deep/__init__.py", "three.py")
    assert set(found) == {f"nets_of_test_inputs/{name}" for name in wanted}


def test_the_same_rows_have_the_same_digest(tmp_path: Path) -> None:
    rows(tmp_path)
    one = load("rows.npz", base=tmp_path)
    assert inputs_of(JOB, tmp_path, one) == inputs_of(JOB, tmp_path, one.rows(np.arange(60)))
    assert inputs_of(JOB, tmp_path, one) != inputs_of(JOB, tmp_path, one.rows(np.arange(60)[::-1]))
