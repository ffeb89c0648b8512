"""The installed `velatura edge` on machines that are poorer than this one: no user namespaces, no Landlock, an old kernel, no seccomp."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.edge.cameras import clip
from tests.edge.watching import denied_everywhere
from tests.programs import VELATURA, bare_environment

import velatura
from velatura.cli.edge.verify import _text
from velatura.edge.verify import Verified
from velatura.sandbox.layers import layers

POORER = Path(__file__).parents[1] / "sandbox" / "poorer.py"
OLD_KERNEL = "landlock,namespaces"

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux"),
    pytest.mark.skipif(
        sys.platform == "linux" and any(layers().values()), reason="a machine that is poor already cannot be made poorer by one layer"
    ),
]


@pytest.fixture
def env(tmp_path: Path, model_home: Path) -> dict[str, str]:
    return bare_environment(tmp_path, VELATURA_HOME=str(model_home))


def poorer(without: str, *words: str | Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(POORER), without, str(VELATURA), "edge", *(str(word) for word in words), "--model", "centerface"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=240, stdin=subprocess.DEVNULL)


def absent(without: str) -> set[str]:
    """Layers that cannot be had there. Root gives up its uid only where it may then still read the interpreter."""
    found = {"landlock"} & set(without.split(",")) | {"namespaces"} & set(without.split(","))
    return found | ({"uid"} if "namespaces" in found and os.getuid() == 0 and (closed(sys.base_prefix) or closed(velatura.__file__)) else set())


def closed(place: str | None) -> bool:
    """Nobody (65534) may not come to `place`."""
    assert place is not None
    return any(folder.stat().st_mode & 0o005 != 0o005 for folder in Path(place).resolve().parents)


def lifted(names: set[str]) -> list[str]:
    return [word for name in sorted(names) for word in ("--allow-degraded", name)]


@pytest.mark.parametrize("without", ["namespaces", "landlock", OLD_KERNEL, "seccomp"])
def test_a_missing_layer_is_refused_by_name_and_nothing_is_written(without: str, tmp_path: Path, env: dict[str, str]) -> None:
    out = tmp_path / "events.jsonl"
    done = poorer(without, "run", clip(tmp_path / "a.mp4", frames=5), "-o", out, env=env)
    codes = {f"sandbox.no-{name}" for name in without.split(",")} | ({"sandbox.interpreter-unreadable"} if "uid" in absent(without) else set())
    assert done.returncode == 4, done.stderr
    assert any(f"[{code}]" in done.stderr for code in codes), done.stderr
    assert len(done.stderr.splitlines()) == 2 and "Traceback" not in done.stderr
    assert not out.exists() or not out.read_bytes()


@pytest.mark.parametrize("without", ["namespaces", "landlock", OLD_KERNEL])
def test_a_layer_that_was_lifted_by_name_is_said_in_every_event(without: str, tmp_path: Path, env: dict[str, str]) -> None:
    out = tmp_path / "events.jsonl"
    done = poorer(without, "run", clip(tmp_path / "a.mp4", frames=5), "-o", out, *lifted(absent(without)), env=env)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert [event["kind"] for event in events] == ["policy", "record"]
    assert [set(event["degraded"]) for event in events] == [absent(without)] * 2


def test_lifting_another_layer_than_the_one_that_is_missing_does_not_help(tmp_path: Path, env: dict[str, str]) -> None:
    done = poorer("landlock", "run", clip(tmp_path / "a.mp4", frames=5), "-o", tmp_path / "e.jsonl", "--allow-degraded", "namespaces", env=env)
    assert (done.returncode, "[sandbox.no-landlock]" in done.stderr) == (4, True)


@pytest.mark.parametrize("verb", ["run", "verify"])
def test_without_seccomp_never(verb: str, tmp_path: Path, env: dict[str, str]) -> None:
    words = [clip(tmp_path / "a.mp4", frames=5), "-o", tmp_path / "e.jsonl"] if verb == "run" else []
    done = poorer("seccomp", verb, *words, "--allow-degraded", "seccomp", env=env)
    assert (done.returncode, "[edge.layer]" in done.stderr) == (2, True)
    done = poorer("seccomp", verb, *words, *lifted({"uid", "namespaces", "landlock", "caps", "rlimits"}), env=env)
    assert (done.returncode, "[sandbox.no-seccomp]" in done.stderr) == (4, True), done.stderr


def test_verify_refuses_a_missing_layer(env: dict[str, str]) -> None:
    done = poorer("landlock", "verify", env=env)
    assert (done.returncode, "[sandbox.no-landlock]" in done.stderr) == (4, True)


@pytest.mark.slow
def test_verify_tries_what_is_left_without_a_layer(env: dict[str, str]) -> None:
    done = poorer("landlock", "verify", "--allow-degraded", "landlock", "--json", env=env)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    assert result["leaks"] == [] and result["proven"] >= 120
    assert all("landlock" in held and held["landlock"] not in ("kernel", "self") for held in result["layers"].values())
    assert "no landlock" in done.stderr


def test_without_namespaces_nothing_can_be_shown_to_work_outside(env: dict[str, str]) -> None:
    done = poorer("namespaces", "verify", *lifted(absent("namespaces")), env=env)
    assert (done.returncode, "[edge.no-controls]" in done.stderr) == (4, True), done.stderr


def test_verify_here(env: dict[str, str]) -> None:
    """All that is held of a real run, and how a person is told it, from one run: it takes half a minute."""
    if os.getuid() == 0 and closed(velatura.__file__):
        pytest.skip("edge verify: nobody, as whom root tries it too, may not read this checkout")
    command = [str(VELATURA), "edge", "verify", "--model", "centerface", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    found = msgspec.convert(json.loads(done.stdout)["result"], Verified)
    denied_everywhere(found)
    lines = _text(found).splitlines()
    assert lines[0].split()[:2] == ["group", "probes"]
    assert any(line.split()[0] == "all" for line in lines if line)
    assert "ways out that work outside are denied inside" in lines[-1]
