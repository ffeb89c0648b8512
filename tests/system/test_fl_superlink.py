"""A federation of Flower's own processes under TLS, as a person starts and ends it; what is killed, cut off or not let in is named."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from tests.federated.test_flower_app import app

from velatura.federated.deploy.folder import Folder, opened
from velatura.federated.deploy.processes import marked
from velatura.federated.job import load_job

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="processes are known by /proc"), pytest.mark.xdist_group("processes")]

JOB = """
model.network = "linear"
data = {{source = "digits", sites = {sites}}}
training = {{batch = 16, lr = 0.1}}
rounds = {{count = {rounds}, deadline_s = {deadline_s}, wait_s = 30, least = 1}}
aggregation = "{aggregation}"
"""


def fl(*words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "velatura", "fl", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, env={**os.environ, **(env or {})})


def told(*words: str | Path) -> Any:
    return json.loads(fl(*words, "--json").stdout)["result"]


def job(folder: Path, *, sites: int = 2, rounds: int = 2, deadline_s: float = 60, aggregation: str = "plain") -> Path:
    path = folder / "job.toml"
    path.write_text(JOB.format(sites=sites, rounds=rounds, deadline_s=deadline_s, aggregation=aggregation))
    return path


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


def until(done: Callable[[], object], seconds: float = 120) -> None:
    stop = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < stop, "it took too long"
        time.sleep(0.1)


@contextmanager
def up(path: Path, nodes: int, *more: str) -> Iterator[Folder]:
    """A federation that leaves nothing behind, which is asserted."""
    begun = fl("up", "--nodes", str(nodes), "--state", path, "--port", str(free()), *more)
    assert begun.returncode == 0, begun.stderr
    folder = opened(path)
    try:
        yield folder
    finally:
        ended = fl("down", "--state", path)
    assert ended.returncode == 0, ended.stderr
    assert marked(folder.told.instance) == []
    assert not list((path / "pids").iterdir())


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    with up(tmp_path_factory.mktemp("federation") / "f", 2) as folder:
        yield folder


def test_a_job_ends_in_the_same_bits_as_in_one_process(federation: Folder, tmp_path: Path) -> None:
    path = job(tmp_path, rounds=1)  # two and more, cut off and resumed: the slow tests
    there = fl("run", path, "--engine", "superlink", "--state", federation.path, "-o", tmp_path / "there", "--json")
    assert there.returncode == 0, there.stderr
    load_job(path).run(tmp_path / "here", base=tmp_path)
    assert (tmp_path / "there" / "model.npz").read_bytes() == (tmp_path / "here" / "model.npz").read_bytes()
    assert (tmp_path / "there" / "history.json").read_bytes() == (tmp_path / "here" / "history.json").read_bytes()
    assert json.loads(there.stdout)["result"]["engine"] == "superlink"
    assert not list((federation.path / "tickets").iterdir())


def test_a_site_whose_key_is_not_registered_is_told_so_on_both_machines(federation: Folder, tmp_path: Path) -> None:
    words = ["--join", federation.told.address, "--ca", federation.authority, "--site", "north", "--partition", "2", "--of", "3"]
    refused = fl("up", *words, "--state", tmp_path / "north")
    assert refused.returncode == 4
    assert "north: key not registered" in refused.stderr and "--register north.pub" in refused.stderr
    asked = fl("status", "--state", tmp_path / "north")
    assert asked.returncode == 1
    assert "! north: key not registered" in asked.stdout
    well = told("status", "--state", federation.path)
    assert well["well"] and [node["state"] for node in well["nodes"]] == ["online", "online"]


def test_nobody_without_the_secret_lets_a_key_in_or_starts_a_run(federation: Folder) -> None:
    at = f"https://{federation.told.address}"
    with httpx.Client(verify=ssl.create_default_context(cafile=federation.authority)) as client:
        for path in ("register-node", "start-run", "list-nodes", "stop-run"):
            assert client.post(f"{at}/v1/control/{path}", content=b"").status_code == 403
            wrong = client.post(f"{at}/v1/control/{path}", content=b"", headers={"x-velatura-control": "0" * 64})
            assert wrong.status_code == 403
        assert client.post(f"{at}/v1/fleet/activate-node", content=b"").status_code != 403


def test_it_is_not_started_twice_nor_on_a_port_in_use(federation: Folder, tmp_path: Path) -> None:
    again = fl("up", "--nodes", "1", "--state", federation.path)
    assert (again.returncode, "federated.running" in again.stderr) == (2, True)
    other = fl("up", "--nodes", "1", "--state", tmp_path / "f", "--port", str(federation.told.port))
    assert (other.returncode, "federated.port" in other.stderr) == (2, True)
    assert not (tmp_path / "f").exists()


@pytest.mark.slow
def test_a_site_that_is_killed_in_a_run_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    with up(tmp_path / "f", 2) as folder:
        words = ["run", job(tmp_path, rounds=2, deadline_s=40), "--engine", "superlink", "--state", folder.path, "-o", tmp_path / "run", "--json"]
        running = subprocess.Popen([sys.executable, "-m", "velatura", "fl", *map(str, words)], stdout=subprocess.PIPE, text=True)
        until((tmp_path / "run" / "checkpoint").exists)
        os.kill(folder.pid("node1") or 0, signal.SIGKILL)
        out, _ = running.communicate(timeout=200)
        assert running.returncode == 0
        assert json.loads(out)["result"]["rounds"] == 2
        refused = json.loads((tmp_path / "run" / "history.json").read_text())["refused"]
        assert {(one["round"], one["partition"]) for one in refused} == {(2, 1)}
        state = told("status", "--state", folder.path)
        assert not state["well"]
        assert [node["state"] for node in state["nodes"]] == ["online", "offline: its process is gone"]


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_again_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    path, run = job(tmp_path, rounds=3), tmp_path / "run"
    with up(tmp_path / "f", 2) as folder:
        running = subprocess.Popen(
            [sys.executable, "-m", "velatura", "fl", "run", path, "--engine", "superlink", "--state", folder.path, "-o", run],
            stderr=subprocess.PIPE,
            text=True,
        )
        until((run / "checkpoint").exists)
        os.kill(folder.pid("superlink") or 0, signal.SIGKILL)
        assert "down" in fl("status", "--state", folder.path).stdout
        _, said = running.communicate(timeout=200)
        assert (running.returncode, "federated.superlink" in said) == (4, True)
        assert fl("down", "--state", folder.path).returncode == 0
        assert fl("up", "--state", folder.path).returncode == 0
        assert (opened(folder.path).told.port, len(opened(folder.path).told.nodes)) == (folder.told.port, 2)
        again = fl("run", path, "--engine", "superlink", "--state", folder.path, "-o", run, "--resume")
        assert again.returncode == 0, again.stderr
    load_job(path).run(tmp_path / "here", base=tmp_path)
    assert (run / "model.npz").read_bytes() == (tmp_path / "here" / "model.npz").read_bytes()


@pytest.mark.slow
def test_an_interrupted_run_ends_on_the_server_too_and_resumes(tmp_path: Path) -> None:
    with up(tmp_path / "f", 2) as folder:
        words = ["run", job(tmp_path, rounds=3), "--engine", "superlink", "--state", folder.path, "-o", tmp_path / "run"]
        running = subprocess.Popen([sys.executable, "-m", "velatura", "fl", *map(str, words)], stderr=subprocess.DEVNULL)
        until((tmp_path / "run" / "checkpoint").exists)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        before = len(marked(folder.told.instance))
        again = fl(*words, "--resume", "--json")
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["result"]["rounds"] == 3
        assert before <= 3 * 3  # server and two sites, each with its executor, and no server of a run that goes on for ever


@pytest.mark.slow
def test_a_sum_that_nobody_sees_the_parts_of_is_the_same_sum(tmp_path: Path) -> None:
    path = job(tmp_path, sites=3, rounds=1, deadline_s=600, aggregation="secagg")
    with up(tmp_path / "f", 3) as folder:
        ran = fl("run", path, "--engine", "superlink", "--state", folder.path, "-o", tmp_path / "there")
        assert ran.returncode == 0, ran.stderr
    load_job(path).run(tmp_path / "here", base=tmp_path)
    assert (tmp_path / "there" / "model.npz").read_bytes() == (tmp_path / "here" / "model.npz").read_bytes()


@pytest.mark.slow
def test_a_certificate_that_expires_is_told_with_its_date_on_both_machines(tmp_path: Path) -> None:
    import datetime as dt

    from velatura.federated.deploy.asked import Asked
    from velatura.federated.deploy.certificates import make_server, read_certificate
    from velatura.federated.deploy.up import prepare

    port = free()
    prepare(tmp_path / "f", Asked(0, port=port))
    make_server(tmp_path / "f", ("localhost", "127.0.0.1"), at=dt.datetime.now(dt.UTC), days=20 / 86400)
    ends = read_certificate((tmp_path / "f" / "server.crt").read_bytes()).ends
    begun = fl("up", "--nodes", "0", "--state", tmp_path / "f", "--port", str(port))
    assert begun.returncode == 0, begun.stderr
    try:
        until(lambda: dt.datetime.now(dt.UTC) > ends)
        asked = fl("status", "--state", tmp_path / "f")
        assert (asked.returncode, f"expired on {ends:%Y-%m-%d}" in asked.stdout, "--renew" in asked.stdout) == (1, True, True)
        join = fl("up", "--join", f"127.0.0.1:{port}", "--ca", tmp_path / "f" / "ca.crt", "--state", tmp_path / "site")
        assert (join.returncode, f"expired on {ends:%Y-%m-%d}" in join.stderr) == (4, True)
    finally:
        assert fl("down", "--state", tmp_path / "f").returncode == 0
    assert "federated.certificate" in fl("up", "--nodes", "0", "--state", tmp_path / "f", "--port", str(port)).stderr
    assert fl("down", "--state", tmp_path / "f", "--forget").returncode == 0
    assert not (tmp_path / "f").exists()


@contextmanager
def two_machines() -> Iterator[tuple[list[str], list[str]]]:
    """Two network namespaces with a wire between; how to run something in each. 10.77.0.1 and .2."""
    one, two = (f"vlt{os.getpid()}{letter}" for letter in "ab")
    ip = ["ip", "-n"]
    steps = [
        ["ip", "netns", "add", one],
        ["ip", "netns", "add", two],
        [*ip, one, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", two],
        *([*ip, name, "addr", "add", f"10.77.0.{number}/24", "dev", "wire"] for number, name in ((1, one), (2, two))),
        *([*ip, name, "link", "set", device, "up"] for name in (one, two) for device in ("wire", "lo")),
    ]
    try:
        for step in steps:
            if subprocess.run(step, capture_output=True, check=False, timeout=280).returncode:
                pytest.skip(f"no network namespaces here: {' '.join(step[:4])}")
        yield ["ip", "netns", "exec", one], ["ip", "netns", "exec", two]
    finally:
        for name in (one, two):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False, timeout=280)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("ip") or os.getuid() != 0, reason="network namespaces need root and ip")
def test_two_machines_train_over_a_wire_and_the_other_one_cannot_command(tmp_path: Path) -> None:
    def on(machine: list[str], *words: object) -> subprocess.CompletedProcess[str]:
        command = [*machine, sys.executable, "-m", "velatura", "fl", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    server, site = tmp_path / "server", tmp_path / "site"
    with two_machines() as (one, two):
        try:
            begun = on(one, "up", "--nodes", 1, "--host", "10.77.0.1", "--state", server)
            assert begun.returncode == 0, begun.stderr
            join = ["up", "--join", "10.77.0.1:9443", "--ca", server / "ca.crt", "--site", "south", "--partition", 1, "--of", 2, "--state", site]
            assert on(two, *join).returncode == 4
            assert on(one, "up", "--register", site / "keys" / "south.pub", "--state", server).returncode == 0
            joined = on(two, *join)
            assert joined.returncode == 0, joined.stderr
            ask = "import sys, httpx; print(*(httpx.post(f'https://10.77.0.1:9443/v1/{at}', verify=sys.argv[1]).status_code for at in sys.argv[2:]))"
            stranger = subprocess.run(
                [*two, sys.executable, "-c", ask, str(server / "ca.crt"), "control/start-run", "runtime/acquire-task"],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert stranger.stdout.split() == ["403", "403"], stranger.stderr
            ran = on(one, "run", job(tmp_path), "--engine", "superlink", "--state", server, "-o", tmp_path / "there")
            assert ran.returncode == 0, ran.stderr
            assert on(two, "status", "--state", site).returncode == 0
        finally:
            ended = [on(machine, "down", "--state", path).returncode for machine, path in ((two, site), (one, server))]
        assert ended == [0, 0]
    load_job(tmp_path / "job.toml").run(tmp_path / "here", base=tmp_path)
    assert (tmp_path / "there" / "model.npz").read_bytes() == (tmp_path / "here" / "model.npz").read_bytes()


@pytest.mark.slow
def test_in_the_foreground_the_command_is_the_process_that_a_supervisor_sees(tmp_path: Path) -> None:
    port, server, site = free(), tmp_path / "server", tmp_path / "site"

    def foreground(*words: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "velatura", "fl", "up", "--foreground", *map(str, words)], start_new_session=True)

    join = ["--join", f"127.0.0.1:{port}", "--ca", server / "ca.crt", "--site", "north", "--state", site]
    first = foreground("--nodes", 0, "--port", port, "--state", server)
    try:
        until(lambda: (server / "federation.json").exists() and told("status", "--state", server)["well"])
        assert opened(server).pid("superlink") == first.pid
        assert foreground(*join).wait(60) == 4
        assert fl("up", "--register", site / "keys" / "north.pub", "--state", server).returncode == 0
        second = foreground(*join)
        until(lambda: told("status", "--state", site)["well"])
        assert opened(site).pid("north") == second.pid
    finally:
        ended = [fl("down", "--state", path).returncode for path in (site, server)]
    assert ended == [0, 0]
    assert [first.wait(5) is not None, second.wait(5) is not None] == [True, True]


@pytest.mark.slow
def test_a_plain_app_runs_unchanged_and_its_bad_reply_is_named(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    folder = app(tmp_path / "app", "means", bad="(1,)")
    text = (folder / "pyproject.toml").read_text().replace('version = "1"', 'version = "1.0.0"\nlicense = "MIT"').replace("rounds = 3", "rounds = 1")
    (folder / "pyproject.toml").write_text('[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n' + text)
    with up(tmp_path / "f", 2) as place:
        ran = fl("run", folder, "--engine", "superlink", "--state", place.path, "-o", tmp_path / "run", "--json")
        assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)["result"]
    assert (result["nodes"], result["engine"]) == (2, "superlink")
    assert [one["partition"] for one in json.loads((tmp_path / "run" / "history.json").read_text())["refused"]] == [1]
    assert json.loads((folder / "out.json").read_text()) == [1.0, 1.0, 1.0]
