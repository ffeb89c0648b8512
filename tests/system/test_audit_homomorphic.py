"""`velatura audit` of the homomorphic room and `velatura attack homomorphic`, installed, as a person runs them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from tests.programs import bare_environment, velatura

pytest.importorskip("tenseal", reason="tenseal is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")
from tests.system.test_he import Desk, network

SPEC = """
title = "What answers give away"
room = "homomorphic"
[homomorphic]
program = "prog"
inputs = "x.npz"
keys = 2
queries = 60
answers = 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled program, its samples, a spec."""
    made = Desk(tmp_path_factory.mktemp("he"))
    network(made.folder)
    made("compile model.onnx --calibration x.npz -o prog")
    (made.folder / "AUDIT.toml").write_text(SPEC)
    return made.folder


def test_a_program_becomes_a_report_of_which_each_row_can_be_repeated(folder: Path) -> None:
    env = bare_environment(folder)
    done = velatura("audit", "AUDIT.toml", "-o", "out", "--json", env=env, cwd=folder)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["result"]["report"]
    told = [(finding["attack"], finding["verdict"]) for finding in report["findings"]]
    assert told == [("key-recovery", "held"), ("parameters", "held"), ("extraction", "stated"), ("malleability", "stated")]
    assert "not promised" in report["limits"][0] and (folder / "out" / "report.html").exists()
    again = velatura(*shlex.split(report["findings"][1]["repeat"])[1:], "--json", env=env, cwd=folder)
    assert json.loads(again.stdout)["result"]["report"]["findings"][0]["estimate"] == report["findings"][1]["estimate"]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("none",), 5, "none"),
        (("prog", "--only", "key-recover"), 2, "did you mean 'key-recovery'"),
        (("prog", "--keys", "1"), 2, "2 to 1000"),
        (("prog", "--inputs", "none.npz"), 5, "none.npz"),
        (("prog", "--inputs", "scores.npy"), 5, "shape"),
    ],
)
def test_a_wrong_word_is_told_in_a_line(words: tuple[str, ...], status: int, told: str, folder: Path) -> None:
    done = velatura("attack", "homomorphic", *words, env=bare_environment(folder), cwd=folder)
    assert done.returncode == status, done.stderr
    assert told in done.stderr and "Traceback" not in done.stderr
