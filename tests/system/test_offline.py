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


def attempts(words: list[str], *, home: Path, models: Path, log: Path) -> list[str]:
    strace = needs("strace", "strace")
    fast = [] if tuple(words[:2]) in WHOLE or words[0] in WHOLE else ["--seccomp-bpf"]
    command = [strace, "-f", *fast, "-qq", "-e", "trace=socket,connect,sendto,sendmsg", "-o", str(log), str(VELATURA), *words]
    env = bare_environment(home, VELATURA_HOME=str(models))
    done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, check=False, timeout=280)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 3), (words, done.returncode, done.stderr)
    return [line for line in log.read_text(errors="replace").splitlines() if ATTEMPT.search(line)]


WHOLE = ("obfuscate", ("edge", "run"), ("he", "run"), ("enclave", "run"))
"""One for each kind of confined child, and for each verb with threads of its own; here every call stops, which is five times the work. Of the others
only calls that are asked for stop, by a filter: what a confined child then tries its own filter denies before it is seen."""

DOCUMENTS = Path(__file__).parent.parent.parent / "examples" / "enclave" / "verify_offline"

CHAINS: dict[str, list[list[str]]] = {
    "house": [["--help"], ["doctor"], ["models", "list"], ["models", "verify"], ["keys", "new", "-o", "key"]],
    "pictures": [
        ["keys", "new", "-o", "key"],
        ["detect", "portrait.jpg", "--json"],
        ["obfuscate", "portrait.jpg", "-o", "out.png"],
        ["scan", "portrait.jpg", "out.png"],
        ["remove", "portrait.jpg", "-o", "gone.png", "--targets", "face"],
        ["obfuscate", "portrait.jpg", "-o", "sealed.png", "--method", "seal", "--recipient", "key.pub"],
        ["unseal", "sealed.png", "--identity", "key", "-o", "back.png"],
    ],
    "clips": [["obfuscate", "clip.mp4", "-o", "covered.mp4"], ["remove", "clip.mp4", "-o", "empty.mp4"]],
    "edge": [
        ["edge", "run", "clip.mp4", "--model", "centerface", "-o", "events.jsonl"],
        ["edge", "audit", "events.jsonl"],
    ],
    "edge bench": [["edge", "bench", "camera.mp4", "--model", "centerface", "--frames", "75"]],
    "fl": [["fl", "preview", "job.toml"], ["fl", "run", "job.toml", "-o", "fl-run"]],
    "he": [
        ["he", "compile", "model.onnx", "--calibration", "x.npz", "-o", "prog"],
        ["he", "simulate", "prog", "x.npz"],
        ["he", "estimate", "prog/server.vlhe"],
        ["he", "keygen", "prog/client.vlhe", "-o", "he-keys"],
        ["he", "encrypt", "prog/client.vlhe", "--key", "he-keys/secret.key", "few.npz", "-o", "in.ct"],
        ["he", "run", "prog/server.vlhe", "--keys", "he-keys/eval.keys", "in.ct", "-o", "out.ct"],
        ["he", "decrypt", "prog/client.vlhe", "--key", "he-keys/secret.key", "out.ct"],
    ],
    "attacks": [
        ["attack", "text", "rendered:2", "--method", "fill"],
        ["audit", "AUDIT.toml", "-o", "audit-out"],
        ["report", "show", "audit-out"],
    ],
    "enclave": [
        ["enclave", "verify", f"{DOCUMENTS}/evidence/tdx-v4.quote.bin", "--policy", f"{DOCUMENTS}/tdx.toml", "--time", "1751624655"],
        ["enclave", "collateral", f"{DOCUMENTS}/evidence/snp-v5-turin-vcek.report.bin"],
        ["enclave", "policy", f"{DOCUMENTS}/evidence/nitro-2025-indefinite.cose.bin", "--time", "1766668538", "-o", "p.toml"],
        ["enclave", "explain", "tcb-status"],
        ["enclave", "doctor"],
        ["enclave", "evidence", "-o", "e.json"],
        ["enclave", "policy", "e.json", "-o", "here.toml"],
        [
            "enclave",
            "seal",
            "e.json",
            "-o",
            "e.sealed",
            "--policy",
            "here.toml",
            "--purpose",
            "a trial",
            "--outputs",
            "metrics",
            "--code",
            "count.py",
        ],
        ["enclave", "run", "job.toml", "--key", "e.sealed.key", "-o", "run"],
        ["enclave", "unseal", "e.sealed", "-o", "again.json"],
    ],
    "demo": [["demo", "clip.mp4", "-o", "demo-out"]],
    "demo of its own files": [["demo", "-o", "demo-out"]],
}
"""What is run one after the other, in a folder of its own; `he serve`, `fl up` and the like are there to connect."""


def test_every_verb_is_in_a_chain() -> None:
    assert {words[0] for runs in CHAINS.values() for words in runs} >= VERBS.keys()


SLOW = ("demo of its own files", "edge bench")
"""Half a minute under strace; each thing that they do is in another chain: `edge bench` starts the processes of `edge run` twenty times."""


@pytest.mark.parametrize("chain", [pytest.param(chain, marks=pytest.mark.slow) if chain in SLOW else chain for chain in CHAINS])
def test_no_verb_tries_to_connect(chain: str, tmp_path: Path, portrait: Path, model_home: Path) -> None:
    for package in {"fl": ["flwr"], "he": ["tenseal", "onnx"], "enclave": ["dcap_qvl"]}.get(chain, []):
        pytest.importorskip(package, reason=f"{package} is not installed")
    (tmp_path / "portrait.jpg").write_bytes(portrait.read_bytes())
    if chain == "attacks":
        (tmp_path / "AUDIT.toml").write_text('room = "obfuscation"\n[obfuscation]\nmethods = ["fill"]\nplates = "rendered:2"\n')
    if chain == "fl":
        (tmp_path / "job.toml").write_text('model.network = "linear"\ndata = {source = "digits", sites = 3}\nrounds.count = 2\n')
    if chain == "enclave":
        (tmp_path / "count.py").write_text(
            "def run(inputs, outputs, config):\n    outputs.put('metrics', {'seen': float(len(inputs['e']) > 9)}, rows=20)\n"
        )
        (tmp_path / "job.toml").write_text(
            'version = 1\nkind = "python"\ncode = "count.py"\n[inputs.e]\nfile = "e.sealed"\nform = "bytes"\npurpose = "a trial"\n'
            '[outputs.metrics]\ntype = "metrics"\nk = 20\nmetrics = { seen = { decimals = 0 } }\n'
        )
    if chain in ("edge", "clips", "demo"):
        clip(tmp_path / "clip.mp4", frames=10)
    if chain == "edge bench":
        clip(tmp_path / "camera.mp4", frames=75)
    if chain == "he":
        from tests.system.test_he import network

        network(tmp_path)
    assert not tried(CHAINS[chain], tmp_path, model_home)
    assert chain != "enclave" or (tmp_path / "run" / "run.json").exists(), "the job ran"


def tried(runs: list[list[str]], folder: Path, models: Path) -> dict[str, list[str]]:
    """Command -> its attempts; names in it are of `folder`."""
    found = {}
    for number, words in enumerate(runs):
        if seen := attempts(words, home=folder, models=models, log=folder / f"trace{number}"):
            found[" ".join(words)] = seen[:3]
    return found


def test_the_watcher_sees_an_attempt(tmp_path: Path) -> None:
    """Without this the test above could pass because it sees nothing."""
    strace = needs("strace", "strace")
    code = "import socket\ntry: socket.create_connection(('127.0.0.1', 9), .1)\nexcept OSError: pass"
    log = tmp_path / "trace"
    subprocess.run(
        [strace, "-f", "-qq", "-e", "trace=socket,connect", "-o", str(log), "python3", "-c", code], check=False, capture_output=True, timeout=280
    )
    assert [line for line in log.read_text().splitlines() if ATTEMPT.search(line)]
