"""A plain Flower app, as its tutorial would have it, unchanged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="flwr is not installed")

from velatura.errors import BadSpec, Missing, VelaturaError
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
    rounds = [one.round for one in ran.replies]
    assert rounds and rounds == sorted(rounds) and set(rounds) <= {1, 2, 3}
    assert all(value == value for value in json.loads((folder / "out.json").read_text()))


@pytest.mark.parametrize("text", ["", "[tool.flwr.app]", "[tool.flwr.app.components]\nserverapp = 3\nclientapp = 'a:b'", "not toml ["])
def test_a_folder_that_is_no_app_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(BadSpec) as caught:
        run_folder(tmp_path, nodes=2)
    assert caught.value.code == "federated.app"


def test_a_strategy_that_wants_more_nodes_than_there_are_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from velatura.federated import grid_engine
    from velatura.federated.guarded_grid import Rules

    monkeypatch.setattr(grid_engine, "Rules", lambda **options: Rules(**{**options, "wait_s": 2.0}))
    folder = app(tmp_path, "wants_more")
    server = (folder / "wants_more" / "server.py").read_text()
    (folder / "wants_more" / "server.py").write_text(server.replace("FedAvg(", "FedAvg(min_available_nodes=7, "))
    assert "min_available_nodes=7" in (folder / "wants_more" / "server.py").read_text()
    with pytest.raises(Missing, match="waits for more nodes than the 6 that are there"):
        run_folder(folder, nodes=6)


def test_an_app_that_raises_is_named(tmp_path: Path) -> None:
    folder = app(tmp_path, "means_nothing", client="raise RuntimeError('no')")
    with pytest.raises(BadSpec, match="RuntimeError"):
        run_folder(folder, nodes=2)
    (tmp_path / "other").mkdir()
    other = app(tmp_path / "other", "means_less")
    with pytest.raises(VelaturaError, match="its server raised"):
        run_folder(other, nodes=2, run_config={"num-server-rounds": "three"})


def test_both_ends_as_objects_run_too(tmp_path: Path) -> None:
    """As in a notebook: no folder, no names."""
    import numpy as np
    from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.serverapp import ServerApp
    from flwr.serverapp.strategy import FedAvg

    from velatura.federated import run_flower

    server, client, found = ServerApp(), ClientApp(), {}

    @server.main()
    def main(grid, context):  # type: ignore[no-untyped-def]
        start = ArrayRecord({"w": Array(np.zeros(2, np.float32))})
        found["w"] = FedAvg(fraction_evaluate=0).start(grid=grid, initial_arrays=start, num_rounds=context.run_config["n"]).arrays["w"].numpy()

    @client.train()
    def train(message, context):  # type: ignore[no-untyped-def]
        w = message.content["arrays"]["w"].numpy() + np.float32(context.node_config["partition-id"])
        return Message(RecordDict({"arrays": ArrayRecord({"w": Array(w)}), "metrics": MetricRecord({"num-examples": 1})}), reply_to=message)

    ran = run_flower(server_app=server, client_app=client, nodes=3, run_config={"n": 2}, round_timeout=30)
    assert ran.engine == "local" and ran.nodes == 3 and not ran.refused
    assert found["w"].tolist() == [2.0, 2.0]
    with pytest.raises(BadSpec) as caught:
        run_flower(server_app=server, client_app=client, nodes=3, engine="superlink")
    assert caught.value.code == "federated.app" and "folder" in caught.value.sentence


@pytest.mark.slow
def test_on_ray_it_ends_in_the_same_bits(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    folder, told = app(tmp_path, "means_twice", bad="{1}"), []
    for engine in ("local", "ray"):
        ran = run_folder(folder, nodes=6, engine=engine, seed=5)
        assert ran.engine == engine and set(ran.refused) == {"w has values that are not finite"}
        told.append((json.loads((folder / "out.json").read_text()), ran.replies))
    assert told[0] == told[1]
