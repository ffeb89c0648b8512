"""The installed `edge receive`: what a broker lost comes again, what is forged or forks is refused by name, and each event is written once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.edge.brokers import Mosquitto, certificates
from tests.edge.cameras import clip, until
from tests.edge.chains import CAMERA, SIGNER, STRANGER, chain_of, lines_of, values_of
from tests.programs import VELATURA, bare_environment, velatura
from tests.system.edge_runs import policy, running

from velatura.crypto import keytext
from velatura.edge.chain_audit import audit
from velatura.edge.events import Link, parse

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux"), pytest.mark.xdist_group("processes")]
LINES = lines_of(30)
KEY = keytext.encode(SIGNER.verifier)


@pytest.fixture
def env(tmp_path: Path, model_home: Path) -> dict[str, str]:
    return bare_environment(tmp_path, VELATURA_HOME=str(model_home))


def count(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_broker_that_is_killed_and_forgets_loses_nothing_between_both_ends(tmp_path: Path, env: dict[str, str]) -> None:
    tls, login, out = certificates(tmp_path / "tls"), tmp_path / "login", tmp_path / "received.jsonl"
    login.write_text("anna\ngeheim\n")
    login.chmod(0o600)
    clip(tmp_path / "a.mp4", frames=500)
    broker = Mosquitto(tmp_path / "b", login=("anna", "geheim"), tls=tls)
    word = f"mqtts://localhost:{broker.port}/site/hall#login={login}&ca={tls['ca']}"
    consumer: subprocess.Popen[str] | None = None
    try:
        with running(tmp_path / "a.mp4", "--live", "--sink", f"{word}&receipts=yes", "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
            until(lambda: count(run.out) > 2)
            signer = json.loads(run.out.read_text().splitlines()[0])["told"]["signer"]
            words = ["edge", "receive", "--mqtt", word, "--verifier", signer, "--camera", "door", "-o", str(out), "--json"]
            consumer = subprocess.Popen([str(VELATURA), *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            until(lambda: count(out) > 4)
            broker.kill()
            have = count(run.out)
            until(lambda: count(run.out) > have + 3)
            assert run.states()["sink file " + str(run.out)] == "ok"
            broker.start()
            until(lambda: count(out) > have + 3, 60)
            assert run.end() == 0, run.said
        until(lambda: count(out) == count(run.out))
        consumer.send_signal(signal.SIGTERM)
        told, said = consumer.communicate(timeout=30)
    finally:
        broker.close()
        if consumer is not None and consumer.poll() is None:
            consumer.kill()
            consumer.communicate(timeout=60)
    assert consumer.returncode == 0, said
    assert json.loads(told)["result"]["missing"] is False and "geheim" not in told + said
    assert out.read_bytes() == run.out.read_bytes()
    assert audit(out).gaps == 0


def received(tmp_path: Path, env: dict[str, str], lines: Sequence[bytes], *, out: str = "out.jsonl") -> tuple[int, str, dict[str, object]]:
    """By stdin."""
    words = ["edge", "receive", "-", "--verifier", KEY, "--camera", CAMERA.name, "-o", str(tmp_path / out), "--json"]
    raw = b"".join(line + b"\n" for line in lines)
    done = subprocess.run([str(VELATURA), *words], env=env, input=raw, capture_output=True, check=False, timeout=280)
    return done.returncode, done.stderr.decode(), json.loads(done.stdout)["result"]


def test_a_muddled_capture_becomes_whole_and_goes_on_where_it_was(tmp_path: Path, env: dict[str, str]) -> None:
    muddled = [*LINES[:20], *LINES[5:12]]
    random.Random(1).shuffle(muddled)
    status, _, told = received(tmp_path, env, muddled)
    assert (status, told["events"], told["last"]) == (0, 20, 19) and told["repeated"] == 7
    out = tmp_path / "out.jsonl"
    out.rename(tmp_path / "moved-away.jsonl")
    status, _, told = received(tmp_path, env, LINES)
    assert (status, told["events"], told["last"]) == (0, 11, 30), "the memory lies beside the output"
    assert (tmp_path / "moved-away.jsonl").read_bytes() + out.read_bytes() == b"".join(line + b"\n" for line in LINES)


def test_what_is_missing_forged_or_forked_has_a_code(tmp_path: Path, env: dict[str, str]) -> None:
    status, said, told = received(tmp_path, env, [*LINES[:5], *LINES[6:9]])
    assert status == 3 and "[edge.gap]" in said and told["last"] == 4 and count(tmp_path / "out.jsonl") == 5
    fork = chain_of()
    fork.at = Link(3, parse(LINES[3]).prev)
    forked = fork.record(3, values_of(CAMERA, 9))
    status, said, _ = received(tmp_path, env, [*LINES[:5], forked], out="b.jsonl")
    assert status == 3 and "[edge.fork]" in said and count(tmp_path / "b.jsonl") == 5
    stranger = lines_of(1, chain=chain_of(signer=STRANGER))
    status, said, told = received(tmp_path, env, [stranger[0], b"{}", *LINES[:2]], out="c.jsonl")
    assert status == 3 and "[edge.signature]" in said and "[edge.event]" in said and (told["refused"], told["events"]) == (2, 2)


def test_wrong_words_are_one_line(tmp_path: Path, env: dict[str, str]) -> None:
    for words, code, status in (
        (["nowhere"], "edge.unreadable", 5),
        ([], "edge.receive", 2),
        (["-", "--mqtt", "mqtts://b"], "edge.receive", 2),
        (["--mqtt", "https://b/"], "edge.receive", 2),
        (["--mqtt", "mqtts://a:geheim@b"], "edge.sink", 2),
        (["--mqtt", "mqtt://example.org"], "edge.broker", 2),
    ):
        done = velatura("edge", "receive", *words, "--verifier", KEY, "-o", tmp_path / "x.jsonl", env=env)
        assert (done.returncode, f"[{code}]" in done.stderr) == (status, True), done.stderr
        assert "geheim" not in done.stderr and "Traceback" not in done.stderr


def test_a_folder_is_audited_file_by_file(tmp_path: Path, env: dict[str, str]) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / "good.jsonl").write_bytes(b"".join(line + b"\n" for line in LINES))
    (folder / "holed.jsonl").write_bytes(b"".join(line + b"\n" for line in (*LINES[:4], *LINES[5:])))
    done = velatura("edge", "audit", folder, "--verifier", KEY, "--json", env=env)
    files = {Path(one["file"]).name: one for one in json.loads(done.stdout)["result"]["files"]}
    assert done.returncode == 3 and files["good.jsonl"]["found"]["events"] == 31 and "[edge.chain]" in files["holed.jsonl"]["error"]
    assert velatura("edge", "audit", tmp_path, env=env).returncode == 5
    assert velatura("edge", "audit", folder, "--at-least", f"1:{'0' * 64}", env=env).returncode == 2
