"""A plain Flower app, as its tutorial would have it, unchanged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="flwr is not installed")

from velatura.errors import BadSpec, VelaturaError
from velatura.federated.flower_app import is_app, run_folder

PROJECT = """
[project]
name = "means"
version = "1"
[tool.flwr.app]
publisher = "somebody"
[tool.flwr.app.components]
serverapp = "{name}.server:app"
clientapp = "{name}.client:app"
[tool.flwr.app.config]
num-server-rounds = 3
out.file = "{out}"
"""
SERVER = """
import json
import numpy as np
from flwr.app import Array, ArrayRecord
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()

@app.main()
def main(grid, context):
    start = ArrayRecord({"w": Array(np.zeros(3, np.float32))})
    result = FedAvg(fraction_train=0.5).start(grid=grid, initial_arrays=start, num_rounds=context.run_config["num-server-rounds"])
    with open(context.run_config["out.file"], "w") as stream:
        json.dump(result.arrays["w"].numpy().tolist(), stream)
"""
CLIENT = """
import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()

@app.train()
def train(message, context):
    site = context.node_config["partition-id"]
    w = message.content["arrays"]["w"].numpy() + np.float32(site + 1)
    if site in {bad}:
        w[0] = np.nan
    return Message(RecordDict({{"arrays": ArrayRecord({{"w": Array(w)}}), "metrics": MetricRecord({{"num-examples": 1}})}}), reply_to=message)

@app.evaluate()
def evaluate(message, context):
    return Message(RecordDict({{"metrics": MetricRecord({{"num-examples": 1, "loss": 0.5}})}}), reply_to=message)
"""


def app(folder: Path, name: str, *, bad: str = "()", client: str = CLIENT) -> Path:
    (folder / name).mkdir()
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name, out=folder / "out.json"))
    (folder / name / "__init__.py").touch()
    (folder / name / "server.py").write_text(SERVER)
    (folder / name / "client.py").write_text(client.format(bad=bad))
    return folder


def test_it_runs_unchanged_and_the_same_each_time(tmp_path: Path) -> None:
    folder = app(tmp_path, "means_well")
    assert is_app(folder)
    told = []
    for _ in range(2):
        ran = run_folder(folder, nodes=6, seed=3)
        told.append(json.loads((folder / "out.json").read_text()))
        assert ran.nodes == 6 and not ran.refused
    assert told[0] == told[1] and 3 <= told[0][0] <= 18
    run_folder(folder, nodes=6, seed=4, run_config={"num-server-rounds": 1})
    assert json.loads((folder / "out.json").read_text())[0] <= 6
    assert str(folder) not in sys.path


def test_its_strategy_is_guarded_too(tmp_path: Path) -> None:
    folder = app(tmp_path, "means_ill", bad="{1, 2}")
    ran = run_folder(folder, nodes=6)
    assert set(ran.refused) == {"w has values that are not finite"}
    assert all(value == value for value in json.loads((folder / "out.json").read_text()))


@pytest.mark.parametrize("text", ["", "[tool.flwr.app]", "[tool.flwr.app.components]\nserverapp = 3\nclientapp = 'a:b'", "not toml ["])
def test_a_folder_that_is_no_app_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(BadSpec) as caught:
        run_folder(tmp_path, nodes=2)
    assert caught.value.code == "federated.app"


def test_an_app_that_raises_is_named(tmp_path: Path) -> None:
    folder = app(tmp_path, "means_nothing", client="raise RuntimeError('no')")
    with pytest.raises(BadSpec, match="RuntimeError"):
        run_folder(folder, nodes=2)
    (tmp_path / "other").mkdir()
    other = app(tmp_path / "other", "means_less")
    with pytest.raises(VelaturaError, match="its server raised"):
        run_folder(other, nodes=2, run_config={"num-server-rounds": "three"})
