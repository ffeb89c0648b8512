"""The installed `velatura edge`: from a clip to events that hold, and every wrong word in one line."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.edge.cameras import clip
from tests.programs import VELATURA, bare_environment, velatura

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux")

POLICY = """
[[cameras]]
name = "door"
[[cameras.lines]]
name = "gate"
a = [0.2, 0.5]
b = [0.8, 0.5]
[cameras.egress]
tick_s = 1.0
bits_per_hour = 1e6
"""


@pytest.fixture
def env(tmp_path: Path, model_home: Path) -> dict[str, str]:
    return bare_environment(tmp_path, VELATURA_HOME=str(model_home))


def test_a_clip_becomes_events_that_hold(tmp_path: Path, env: dict[str, str]) -> None:
    out = tmp_path / "events.jsonl"
    done = velatura("edge", "run", clip(tmp_path / "a.mp4", frames=50), "--model", "centerface", "--emit", "counts", "-o", out, "--json", env=env)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    assert result["cameras"][0]["records"] == 1 and "takes 2.0 hours at least" in result["cameras"][0]["bound"]
    assert out.stat().st_mode & 0o777 == 0o600
    signer = json.loads(out.read_text().splitlines()[0])["told"]["signer"]
    told = velatura("edge", "audit", out, "--verifier", signer, "--json", env=env)
    assert told.returncode == 0 and json.loads(told.stdout)["result"]["pinned"] is True
    lines = out.read_text().splitlines()
    (tmp_path / "edited.jsonl").write_text("\n".join([lines[0], lines[1].replace('"seen":0', '"seen":1')]) + "\n")
    refused = velatura("edge", "audit", tmp_path / "edited.jsonl", env=env)
    assert refused.returncode == 3 and "line 2" in refused.stderr and "[edge.signature]" in refused.stderr


def test_a_state_folder_goes_on_with_the_chain(tmp_path: Path, env: dict[str, str]) -> None:
    policy, out = tmp_path / "door.toml", tmp_path / "events.jsonl"
    policy.write_text(POLICY)
    source = clip(tmp_path / "a.mp4", frames=50)
    for _ in range(2):
        done = velatura("edge", "run", source, "--model", "centerface", "--policy", policy, "--state", tmp_path / "state", "-o", out, env=env)
        assert done.returncode == 0, done.stderr
    audited = json.loads(velatura("edge", "audit", out, "--policy", policy, "--json", env=env).stdout)["result"]
    assert (audited["boots"], audited["events"], audited["camera"]) == (2, 6, "door")


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["nowhere.mp4"], 5, "edge.no-source"),
        (["ftp://cam/"], 2, "edge.source"),
        (["garbage.mp4"], 5, "edge.no-video"),
        (["a.mp4", "--emit", "faces"], 2, "edge.emit"),
        (["a.mp4", "--emit", "counts", "--level", "1"], 2, "edge.emit"),
        (["a.mp4", "--level", "0"], 2, "edge.level"),
        (["a.mp4", "--level", "7"], 2, "edge.level"),
        (["a.mp4", "--model", "ppocr-det"], 2, "edge.model"),
        (["a.mp4", "--model", "no-such"], 2, "models.unknown"),
        (["a.mp4", "--policy", "wrong.toml"], 2, "spec.unknown-key"),
        (["a.mp4", "--allow-degraded", "seccomp"], 2, "edge.layer"),
    ],
)
def test_wrong_words_are_one_line(words: list[str], status: int, code: str, tmp_path: Path, env: dict[str, str]) -> None:
    clip(tmp_path / "a.mp4", frames=3)
    (tmp_path / "garbage.mp4").write_bytes(b"nothing " * 999)
    (tmp_path / "wrong.toml").write_text('[[cameras]]\nname = "a"\n[cameras.egress]\nlevle = 3\n')
    words = [str(tmp_path / word) if word.endswith((".mp4", ".toml")) else word for word in words]
    words += [] if "--model" in words else ["--model", "centerface"]
    done = velatura("edge", "run", *words, "-o", tmp_path / "events.jsonl", env=env)
    assert (done.returncode, f"[{code}]" in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr


def test_an_existing_file_of_another_is_kept(tmp_path: Path, env: dict[str, str]) -> None:
    out = tmp_path / "events.jsonl"
    out.write_text("mine\n")
    done = velatura("edge", "run", clip(tmp_path / "a.mp4", frames=3), "--model", "centerface", "-o", out, env=env)
    assert done.returncode == 2 and "[files.exists]" in done.stderr and out.read_text() == "mine\n"


def test_a_term_signal_ends_a_live_run_with_a_chain_that_holds(tmp_path: Path, env: dict[str, str]) -> None:
    policy, out = tmp_path / "door.toml", tmp_path / "events.jsonl"
    policy.write_text(POLICY.replace("tick_s = 1.0", "tick_s = 0.3"))
    source = clip(tmp_path / "a.mp4", frames=250)
    words = [str(VELATURA), "edge", "run", str(source), "--live", "--model", "centerface", "--policy", str(policy), "-o", str(out)]
    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not out.exists() or out.read_bytes().count(b"\n") < 5:
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, process.stderr.read() if process.stderr else ""
    assert velatura("edge", "audit", out, env=env).returncode == 0


def test_what_was_cut_or_changed_is_told(tmp_path: Path, env: dict[str, str]) -> None:
    policy, out, tail = tmp_path / "door.toml", tmp_path / "events.jsonl", tmp_path / "tail.jsonl"
    source = clip(tmp_path / "a.mkv", frames=75)
    source.write_bytes(source.read_bytes()[: 3 * source.stat().st_size // 4])
    for rate in ("1e6", "2e6"):
        policy.write_text(POLICY.replace("1e6", rate))
        done = velatura("edge", "run", source, "--model", "centerface", "--policy", policy, "--state", tmp_path / "state", "-o", out, env=env)
        assert done.returncode == 1 and "cut off" in done.stderr and "records told" in done.stdout
    told = velatura("edge", "audit", out, env=env)
    assert told.returncode == 0 and "the policy was changed" in told.stderr and "2,000,000 bit/h" in told.stderr and "2 policies" in told.stdout
    lines = out.read_bytes().splitlines(keepends=True)
    begins = next(number for number, line in enumerate(lines) if number and b'"kind":"policy"' in line)
    tail.write_bytes(b"".join(lines[begins:]))
    refused = velatura("edge", "audit", tail, env=env)
    assert refused.returncode == 3 and "[edge.cut]" in refused.stderr
    before = f"{begins - 1}:{hashlib.sha256(lines[begins - 1][:-1]).hexdigest()}"
    told = velatura("edge", "audit", tail, "--after", before, env=env)
    assert told.returncode == 0 and f"begins with event {begins}" in told.stdout


def test_each_clip_of_a_folder_that_is_not_read_is_named(tmp_path: Path, env: dict[str, str]) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name, codec in {"a": "mpeg4", "b": "msmpeg4v2", "c": "msmpeg4", "old": "ffv1"}.items():
        clip(folder / f"{name}.avi", frames=30, codec=codec)
    (folder / "junk.mp4").write_bytes(b"\0nothing" * 999)
    (folder / "notes.txt").write_text("mine")
    policy = tmp_path / "door.toml"
    policy.write_text(POLICY)
    done = velatura("edge", "run", folder, "--model", "centerface", "--policy", policy, "-o", tmp_path / "events.jsonl", "--json", env=env)
    camera = json.loads(done.stdout)["result"]["cameras"][0]
    assert (done.returncode, camera["records"], len(camera["missed"])) == (1, 4, 2), done.stderr  # 3.6 s: three whole clips
    assert f"{folder}/junk.mp4: skipped: " in done.stderr and f"{folder}/old.avi: skipped: its codec" in done.stderr
    assert "1 more in it are no clips by their names, and were left alone: notes.txt" in done.stderr
    for name in ("a.avi", "b.avi", "c.avi"):
        assert name not in done.stderr
        (folder / name).unlink()
    done = velatura("edge", "run", folder, "--model", "centerface", "-o", tmp_path / "nothing.jsonl", env=env)
    assert done.returncode == 5 and "junk.mp4: its container" in done.stderr and "old.avi: its codec" in done.stderr
    still = velatura("edge", "snapshot", folder / "old.avi", "-o", tmp_path / "still.png", "--yes-local", env=env)
    assert still.returncode == 5 and "its codec is not read" in still.stderr and "[edge.no-still]" in still.stderr
