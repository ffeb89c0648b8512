"""No verb opens a connection: each runs as a newcomer's would (`env -i`), under strace, and may not even make a socket that could."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.edge.cameras import clip
from tests.programs import VELATURA, bare_environment, needs

from velatura.cli.main import VERBS

# A socket of another family than AF_UNIX, or a connect to anything but a pair that we made, is an attempt.
ATTEMPT = re.compile(r"\b(socket\((?!AF_UNIX)|connect\(|sendto\([^,]+,.*sa_family)")


OURS = {"job.toml", "fl-run", "clip.mp4", "camera.mp4", "events.jsonl", "key", "key.pub", "out.png", "gone.png", "sealed.png", "back.png"} | {
    "demo-out",
    "AUDIT.toml",
    "audit-out",
    "model.onnx",
    "x.npz",
    "few.npz",
    "prog",
    "prog/client.vlhe",
    "prog/server.vlhe",
    "he-keys",
    "he-keys/secret.key",
    "he-keys/eval.keys",
    "in.ct",
    "out.ct",
}
"""Names in the command lines that lie in the test's own folder."""


def attempts(words: list[str], *, home: Path, models: Path, log: Path) -> list[str]:
    strace = needs("strace", "strace")
    command = [strace, "-f", "-qq", "-e", "trace=socket,connect,sendto,sendmsg", "-o", str(log), str(VELATURA), *words]
    done = subprocess.run(command, env=bare_environment(home, VELATURA_HOME=str(models)), capture_output=True, text=True, check=False, timeout=280)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 3), (words, done.returncode, done.stderr)
    return [line for line in log.read_text(errors="replace").splitlines() if ATTEMPT.search(line)]


@pytest.mark.xdist_group("processes")
def test_no_verb_tries_to_connect(tmp_path: Path, portrait: Path, model_home: Path) -> None:
    spec = 'room = "obfuscation"\n[obfuscation]\nmethods = ["fill"]\nplates = "rendered:2"\n'
    (tmp_path / "AUDIT.toml").write_text(spec)
    (tmp_path / "job.toml").write_text('model.network = "linear"\ndata = {source = "digits", sites = 3}\nrounds.count = 2\n')
    clip(tmp_path / "clip.mp4", frames=10)
    clip(tmp_path / "camera.mp4", frames=75)
    runs = [
        ["--help"],
        ["doctor"],
        ["models", "list"],
        ["models", "verify"],
        ["keys", "new", "-o", "key"],
        ["detect", str(portrait), "--json"],
        ["obfuscate", str(portrait), "-o", "out.png"],
        ["remove", str(portrait), "-o", "gone.png", "--targets", "face"],
        ["scan", str(portrait), "out.png"],
        ["fl", "preview", "job.toml"],
        ["fl", "run", "job.toml", "-o", "fl-run"],
        ["edge", "run", "clip.mp4", "--model", "centerface", "-o", "events.jsonl"],
        ["edge", "audit", "events.jsonl"],
        ["edge", "bench", "camera.mp4", "--model", "centerface", "--frames", "75"],
        ["obfuscate", str(portrait), "-o", "sealed.png", "--method", "seal", "--recipient", "key.pub"],
        ["unseal", "sealed.png", "--identity", "key", "-o", "back.png"],
        ["attack", "text", "rendered:2", "--method", "fill"],
        ["audit", "AUDIT.toml", "-o", "audit-out"],
        ["report", "show", "audit-out"],
        ["demo", "-o", "demo-out"],
    ]
    assert {words[0] for words in runs} | {"he"} >= VERBS.keys(), "every verb is tried, `he` below"
    assert not tried(runs, tmp_path, model_home)


@pytest.mark.xdist_group("processes")
def test_no_verb_of_he_but_serve_tries_to_connect(tmp_path: Path) -> None:
    for package in ("tenseal", "onnx"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    from tests.system.test_he import network

    network(tmp_path)
    runs = [
        ["he", "compile", "model.onnx", "--calibration", "x.npz", "-o", "prog"],
        ["he", "simulate", "prog", "x.npz"],
        ["he", "estimate", "prog/server.vlhe"],
        ["he", "keygen", "prog/client.vlhe", "-o", "he-keys"],
        ["he", "encrypt", "prog/client.vlhe", "--key", "he-keys/secret.key", "few.npz", "-o", "in.ct"],
        ["he", "run", "prog/server.vlhe", "--keys", "he-keys/eval.keys", "in.ct", "-o", "out.ct"],
        ["he", "decrypt", "prog/client.vlhe", "--key", "he-keys/secret.key", "out.ct"],
    ]
    assert not tried(runs, tmp_path, tmp_path / "home")


def tried(runs: list[list[str]], folder: Path, models: Path) -> dict[str, list[str]]:
    """Command -> its attempts."""
    found = {}
    for number, words in enumerate(runs):
        named = [str(folder / word) if word in OURS else word for word in words]
        if seen := attempts(named, home=folder, models=models, log=folder / f"trace{number}"):
            found[" ".join(words)] = seen[:3]
    return found


def test_the_watcher_sees_an_attempt(tmp_path: Path) -> None:
    """Without this the test above could pass because it sees nothing."""
    strace = needs("strace", "strace")
    code = "import socket\ntry: socket.create_connection(('127.0.0.1', 9), .1)\nexcept OSError: pass"
    log = tmp_path / "trace"
    subprocess.run([strace, "-f", "-qq", "-e", "trace=socket,connect", "-o", str(log), "python3", "-c", code], check=False, capture_output=True)
    assert [line for line in log.read_text().splitlines() if ATTEMPT.search(line)]
