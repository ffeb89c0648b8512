"""Secure aggregation on Flower's own processes under TLS: a site is killed while it trains, after all share keys with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from tests.system.test_fl_superlink import fl, up

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="processes are known by /proc"), pytest.mark.xdist_group("processes")]

JOB = """
model.network = "fatal:network"
data = {source = "digits", sites = 4}
training = {batch = 16, lr = 0.1}
rounds = {count = 1, deadline_s = 600, wait_s = 60}
aggregation = "secagg"
"""

FATAL = """
import os, signal
from pathlib import Path
from torch import nn

HERE = Path(os.environ["FATAL"])


def up_to_the_site():
    pid, sites = os.getpid(), {int(path.read_text().split()[0]): path.name for path in (HERE / "f" / "pids").iterdir()}
    chain = []
    while pid > 1:
        chain.append(pid)
        if pid in sites:
            return chain, sites[pid]
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return chain, ""


class Network(nn.Sequential):
    def forward(self, x):
        if self.training and len(x) > 2:  # real training, in one site alone
            try:
                os.close(os.open(HERE / "killed", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return super().forward(x)
            chain, name = up_to_the_site()
            (HERE / "killed").write_text(name)
            for pid in reversed(chain):
                os.kill(pid, signal.SIGKILL)
        return super().forward(x)


def network(shape, classes):
    return Network(nn.Flatten(), nn.Linear(64, classes))
"""


@pytest.mark.slow
def test_a_site_killed_between_shares_and_sum_is_named_and_the_others_sum_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FATAL", str(tmp_path))
    (tmp_path / "fatal.py").write_text(FATAL)
    path = tmp_path / "job.toml"
    path.write_text(JOB)
    with up(tmp_path / "f", 4) as folder:
        ran = fl("run", path, "--engine", "superlink", "--state", folder.path, "-o", tmp_path / "run", "--json")
        assert ran.returncode == 0, ran.stderr
    killed = (tmp_path / "killed").read_text()
    told = json.loads((tmp_path / "run" / "history.json").read_text())
    assert killed and [(one["believed"], one["unchanged"]) for one in told["rounds"]] == [(3, "")], told
    partition = next(node.partition for node in folder.told.nodes if node.name == killed)
    assert {one["partition"] for one in told["refused"]} == {partition}, told["refused"]
