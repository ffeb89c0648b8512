"""One job, several engines: the same weights, bit by bit, and no word to anybody."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from tests.federated.jobs import job

from velatura.errors import BadSpec, Missing, VelaturaError
from velatura.federated.engines import ENGINES, engine_of
from velatura.federated.local_grid import LocalGrid
from velatura.federated.quiet import switch_off
from velatura.federated.run import run
from velatura.federated.serving import finished

JOB = """
seed = 3
[model]
network = "mlp:16"
[data]
source = "digits"
sites = 3
[rounds]
count = 2
"""
LOOPBACK = re.compile(r"127\.|::1|::ffff:127\.")


def test_an_unknown_engine_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadSpec) as caught:
        engine_of("rey")
    assert caught.value.code == "federated.engine" and "ray" in caught.value.hint


def test_as_flowers_own_objects_it_is_the_same_run(tmp_path: Path) -> None:
    """`to_flower` over a bare grid, as Flower's own runners call it: same weights, and a run folder that can be read back."""
    from flwr.app import Context, RecordDict

    of = job(rounds=2)
    own = of.run(tmp_path / "own")
    apps = of.to_flower()
    grid = LocalGrid(apps.client, of.data.sites)
    apps.server(grid, Context(1, 0, {}, RecordDict(), {"run": str(tmp_path / "theirs")}))
    grid.close()
    mine, theirs = finished(tmp_path / "own"), finished(tmp_path / "theirs")
    assert mine.model.keys() == theirs.model.keys()
    assert all(np.array_equal(mine.model[name], theirs.model[name]) for name in mine.model)
    assert mine.history == theirs.history and own.accuracy == theirs.history[-1].accuracy


def test_what_did_not_come_to_its_end_is_not_read_as_a_run(tmp_path: Path) -> None:
    with pytest.raises(VelaturaError) as caught:
        finished(tmp_path)
    assert caught.value.code == "federated.unfinished"


def test_a_run_that_was_stopped_by_its_budget_reads_back_with_what_it_spent(tmp_path: Path) -> None:
    from velatura.federated.job import Privacy

    of = job(rounds=2)
    of = type(of)(of.model, of.data, of.training, of.strategy, of.rounds, Privacy("client", 8.0, 1e-3, 1.0))
    ran = run(of, tmp_path / "run")
    back = finished(tmp_path / "run")
    assert ran.epsilon is not None and 0 < ran.epsilon <= 8 and back.epsilon == ran.epsilon and back.noise == ran.noise


def test_without_ray_the_command_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    switch_off(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Missing) as caught:
        engine_of("ray").run(job(), tmp_path, Path(), resume=False, progress=None)  # type: ignore[arg-type]
    assert caught.value.code == "extra.fl-ray" and "pip install 'velatura[fl-ray,train]'" in caught.value.hint


def command(folder: Path, engine: str, *before: str) -> subprocess.CompletedProcess[str]:
    (folder / "job.toml").write_text(JOB)
    main = [sys.executable, "-m", "velatura", "fl", "run", str(folder / "job.toml"), "-o", str(folder / engine), "--engine", engine]
    return subprocess.run([*before, *main], capture_output=True, text=True, check=False, env=_bare_environment(folder), timeout=280)


def _bare_environment(folder: Path) -> dict[str, str]:
    """Nothing that switches anything off, and a place where nothing may be written unseen."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_local_opens_no_socket_at_all(tmp_path: Path) -> None:
    """Slow: tests/system/test_offline.py holds the installed `fl run`, and that engine is its default."""
    trace = tmp_path / "trace"
    done = command(tmp_path, "local", "strace", "-f", "-s", "300", "--seccomp-bpf", "-e", "trace=connect,bind,sendto,sendmsg", "-o", str(trace))
    assert done.returncode == 0, done.stderr
    assert "sa_family=AF_INET" not in trace.read_text()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_ray_stays_on_loopback_and_leaves_no_process(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    trace = tmp_path / "trace"
    done = command(tmp_path, "ray", "strace", "-f", "-s", "300", "--seccomp-bpf", "-e", "trace=connect,bind,sendto,sendmsg,execve", "-o", str(trace))
    assert done.returncode == 0, done.stderr
    addresses = re.findall(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"', trace.read_text())
    assert addresses and all(LOOPBACK.match(one or other) for one, other in addresses), set(addresses)
    folders = set(re.findall(rb"velatura-ray-\w+", trace.read_bytes()))
    assert len(folders) == 1
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if folders & set(re.findall(rb"velatura-ray-\w+", _read(path)))]
    assert not list(Path(tempfile.gettempdir()).glob(folders.pop().decode()))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_ray_ends_in_the_same_bits(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    of = job(rounds=2, sites=3)
    run(of, tmp_path / "local")
    run(of, tmp_path / "ray", engine="ray")
    local, ray = finished(tmp_path / "local"), finished(tmp_path / "ray")
    assert all(np.array_equal(local.model[name], ray.model[name]) for name in local.model)
    assert local.history == ray.history and not ray.refused


@pytest.mark.slow
def test_on_ray_who_dies_or_hangs_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    from flwr.app import Message, RecordDict

    switch_off(tmp_path)
    from tests.federated.unruly import Unruly

    from velatura.federated.exchange import exchange
    from velatura.federated.ray_grid import RayGrid

    grid = RayGrid(Unruly(), 5, workers=2)
    try:
        for _ in range(2):
            sent = [Message(RecordDict(), node, "query") for node in grid.get_node_ids()]
            done = exchange(grid, sent, deadline_s=25.0)
            told = {reply.metadata.src_node_id: reply.error.reason if reply.has_error() else "" for reply in done.replies}
            assert told == {1: "", 2: "SystemExit: 3", 3: "its process ended", 5: ""} and done.missing == [4]
    finally:
        grid.close()


def test_every_engine_is_a_line_that_imports() -> None:
    assert list(ENGINES)[:2] == ["local", "ray"]
    for name in ENGINES:
        assert callable(engine_of(name).run) and callable(engine_of(name).run_plain)


@pytest.mark.slow
def test_flowers_own_simulation_runs_the_job_and_ends_in_the_same_bits(tmp_path: Path) -> None:
    """As `flwr run` does it: components by name, random node ids, replies as they finish, the client app pickled with each message."""
    pytest.importorskip("ray", reason="ray is not installed")
    (tmp_path / "job.toml").write_text(JOB)
    (tmp_path / "as_flower.py").write_text(AS_FLOWER)
    (tmp_path / "simulate.py").write_text(SIMULATE)
    done = subprocess.run(
        [sys.executable, "simulate.py"], cwd=tmp_path, capture_output=True, text=True, check=False, env=_bare_environment(tmp_path), timeout=1800
    )
    assert done.returncode == 0, done.stderr[-2000:]
    from velatura.federated.job import load_job

    run(load_job(tmp_path / "job.toml"), tmp_path / "own")
    mine, theirs = finished(tmp_path / "own"), finished(tmp_path / "theirs")
    assert all(np.array_equal(mine.model[name], theirs.model[name]) for name in mine.model)
    assert mine.history == theirs.history and mine.by_site == theirs.by_site and not theirs.refused


AS_FLOWER = """
from pathlib import Path

from velatura.federated import load_job

apps = load_job(Path(__file__).with_name("job.toml")).to_flower(base=Path(__file__).parent)
server = apps.server
client = apps.client
"""
SIMULATE = """
import sys
from pathlib import Path

from velatura.federated.quiet import switch_off

Path("home").mkdir()
switch_off(Path("home").resolve())
from flwr.app import Context, RecordDict
from flwr.simulation.run_simulation import _run_simulation
from flwr.supercore.constant import NOOP_FEDERATION_ID
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from flwr.supercore.telemetry import EventType

run = Run.create_empty(77)
run.primary_task_id, run.federation_id = 5, NOOP_FEDERATION_ID
TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 5, 77, 1
_run_simulation(
    num_supernodes=3, exit_event=EventType.PYTHON_API_RUN_SIMULATION_LEAVE, run=run, app_dir=".",
    client_app_attr="as_flower:client", server_app_attr="as_flower:server",
    server_app_context=Context(77, 0, {}, RecordDict(), {"run": str(Path("theirs").resolve())}),
    backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0}},
)
"""
