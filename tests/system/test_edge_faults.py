"""The installed `velatura edge`: cameras that never come, a folder that is taken, and hostile words; each in one line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.edge.brokers import certificates, free_port
from tests.edge.cameras import clip, mjpeg_camera, rtsp_camera, until
from tests.programs import VELATURA, bare_environment, velatura
from tests.system.edge_runs import policy, running
from tests.system.test_edge_status import junk

from velatura.edge.chain_audit import audit
from velatura.edge.state_folder import LOCK

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux"), pytest.mark.xdist_group("processes")]


@pytest.fixture
def env(tmp_path: Path, model_home: Path) -> dict[str, str]:
    return bare_environment(tmp_path, VELATURA_HOME=str(model_home))


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory, model_home: Path) -> Path:
    """Of a short clip, which lies beside."""
    folder = tmp_path_factory.mktemp("events")
    env = bare_environment(folder, VELATURA_HOME=str(model_home))
    words = [clip(folder / "made.mp4", frames=5), "--model", "centerface", "-o", folder / "made.jsonl"]
    assert velatura("edge", "run", *words, env=env).returncode == 0
    return folder / "made.jsonl"


def nobody() -> str:
    return f"rtsp://127.0.0.1:{free_port()}/cam"


def test_cameras_that_never_came_are_told_when_they_fail_and_at_the_end(tmp_path: Path, env: dict[str, str]) -> None:
    login = tmp_path / "login"
    login.write_text("anna\nfalschgeheim\n")
    login.chmod(0o600)
    with junk() as junk_port, rtsp_camera("anna", "geheim") as (_, port), rtsp_camera() as (_, other):
        cameras = {
            "nobody": nobody(),
            "junk": f"http://127.0.0.1:{junk_port}/cam",
            "secret": f"rtsp://127.0.0.1:{port}/cam",
            "path": f"rtsp://127.0.0.1:{other}/nowhere",
            "device": "/dev/video987654",
        }
        states = {"nobody": "refused", "junk": "malformed", "secret": "auth", "path": "refused", "device": "no-source"}
        with running("--login", login, "--policy", policy(tmp_path, cameras=cameras), folder=tmp_path, env=env) as run:
            for name, word in states.items():
                run.until("camera", word, camera=name)
            assert run.end() == 5
    lines = run.said.splitlines()
    for name, word in states.items():
        begun = [line for line in lines if line.startswith(f"warning: {name}: ") and f": {word}: " in line and "[" not in line.partition(word)[2]]
        assert len(begun) == 1, run.said
        assert any(f"{name}: " in line and "not one picture came" in line and line.endswith("[edge.nothing-seen]") for line in lines), run.said
    assert "falschgeheim" not in run.said and "Traceback" not in run.said
    assert audit(run.out / "nobody.jsonl").gaps == 0, "that nothing was seen is signed all the same"


def test_a_run_that_ends_by_its_clock_without_a_picture_is_no_success(tmp_path: Path, env: dict[str, str]) -> None:
    where = nobody()
    done = velatura("edge", "run", where, "--model", "centerface", "-o", tmp_path / "e.jsonl", "--for-s", "2", "--json", env=env)
    assert done.returncode == 5 and json.loads(done.stdout)["error"]["code"] == "edge.nothing-seen"
    warned = f"warning: camera: {where}: refused: nobody listens there, or it declined; is its RTSP or HTTP service on, and the path right?"
    assert [line for line in done.stderr.splitlines() if line != warned] == [
        f"error: camera: {where}: not one picture came of it: refused: nobody listens there, or it declined [edge.nothing-seen]",
        "  is its RTSP or HTTP service on, and the path right?",
    ]


def test_a_camera_that_came_is_a_success_however_short_it_was_watched(tmp_path: Path, env: dict[str, str]) -> None:
    with mjpeg_camera() as port:
        source = f"http://127.0.0.1:{port}/cam?user=anna&pwd=sehrgeheim"
        with running(source, "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
            run.until("camera", "streaming")
            assert run.end() == 0
    assert "warning" not in run.said and "geheim" not in run.said and b"geheim" not in (run.state / "status.json").read_bytes()


@pytest.mark.parametrize(
    ("scheme", "ways"),
    [("https", ("", "ca", "cert")), ("rtsps", ("ca",)), *(pytest.param("rtsps", (way,), marks=pytest.mark.slow) for way in ("", "cert"))],
)
def test_a_camera_behind_tls_is_the_one_that_was_meant(scheme: str, ways: tuple[str, ...], tmp_path: Path, env: dict[str, str]) -> None:
    """ways: in which it may be vouched for: by nothing, an authority, its own certificate."""
    made, other = certificates(tmp_path / "tls"), certificates(tmp_path / "other")
    rules = policy(tmp_path)
    with contextlib.ExitStack() as stack:
        if scheme == "https":
            port = stack.enter_context(mjpeg_camera(tls=made))
        else:
            _, port = stack.enter_context(rtsp_camera("tls", str(made["cert"]), str(made["key"])))
        source = f"{scheme}://localhost:{port}/cam"
        for way in ways:
            with running(source, *(["--ca", made[way]] if way else []), "--policy", rules, folder=tmp_path, env=env) as run:
                run.until("camera", "streaming")
                run.until("health", "ok")
                assert run.end() == 0
        with running(source, "--ca", other["ca"], "--policy", rules, folder=tmp_path, env=env) as run:
            run.until("camera", "lost")
            assert run.end() == 5 and "its certificate" in run.said


def test_a_state_folder_that_is_in_use_is_refused_and_untouched(tmp_path: Path, env: dict[str, str]) -> None:
    source = clip(tmp_path / "a.mp4", frames=500)
    with running(source, "--live", "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
        run.until("health", "ok")
        done = velatura("edge", "run", source, "--model", "centerface", "--state", run.state, "-o", tmp_path / "other.jsonl", env=env)
        assert done.returncode == 2 and done.stderr.splitlines() == [
            f"error: --state {run.state}: process {run.process.pid} runs with this folder [edge.state-busy]",
            "  end it, or another --state folder",
        ]
        assert not (tmp_path / "other.jsonl").exists() and (run.state / LOCK).read_text() == f"{run.process.pid}\n"
        assert run.told()[0] == 0
        run.process.kill()
        run.process.wait(30)
        done = velatura(
            "edge", "run", clip(tmp_path / "b.mp4", frames=5), "--model", "centerface", "--state", run.state, "-o", tmp_path / "other.jsonl", env=env
        )
        assert done.returncode == 0, "kill -9 lets go of it"


@pytest.mark.parametrize(
    "word",
    [
        "mqtts://anna:12/Q7W8@broker/p",
        "mqtts://anna:Q7/W8@broker/p",
        "mqtts://anna:12#Q7=W8@broker",
        "https://anna:Q7?W8@broker/p",
        "mqtts://broker:x/p",
        "mqtts://broker:99999/p",
        "https://broker:0/p",
        "https://[::1/p",
        "mqtts://h／x/",
        "https://host/ü",
        "https://host/a b",
        f"mqtts://{'a' * 70}.org/p",
        "prometheus:²",
        "prometheus:99999999999999999999",
        "mqtts://host/p#ca=FOLDER",
        "mqtts://host/p#ca=FIFO",
        "https://host/p#ca=EMPTY",
        "https://host/p#token=FOLDER",
    ],
)
def test_sinks_that_cannot_be_are_refused_in_one_line(word: str, tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "EMPTY").write_text("")
    os.mkfifo(tmp_path / "FIFO")
    for name in ("FOLDER", "FIFO", "EMPTY"):
        word = word.replace(name, str(tmp_path if name == "FOLDER" else tmp_path / name))
    done = velatura("edge", "run", clip(tmp_path / "a.mp4", frames=3), "--model", "centerface", "--sink", word, env=env, timeout_s=30)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and len(done.stderr.splitlines()) <= 2, done.stderr
    assert "Q7" not in done.stderr and "W8" not in done.stderr


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["run", "CLIP", "-o", "FOLDER"], 2, "edge.not-a-file"),
        (["run", "CLIP", "-o", "FILE/x.jsonl"], 2, "files.no-folder"),
        (["run", "CLIP", "-o", "LONG"], 1, "files.unwritable"),
        (["run", "LONG", "-o", "OUT"], 5, "edge.unreadable"),
        (["run", "FIFO", "-o", "OUT"], 5, "edge.no-source"),
        (["run", "CLIP", "-o", "OUT", "--model", "LONG"], 2, "models.unknown"),
        (["run", "CLIP", "-o", "OUT", "--state", "FILE"], 1, "edge.state"),
        (["run", "rtsp://cam/", "-o", "OUT", "--ca", "FILE"], 2, "edge.source"),
        (["run", "rtsps://cam/", "-o", "OUT", "--ca", "FILE"], 2, "edge.ca"),
        (["run", "CLIP", "-o", "OUT", "--ca", "FILE"], 2, "edge.source"),
        (["run", "CLIP", "-o", "OUT", "--for-s", "nan"], 2, ""),
        (["run", "CLIP", "-o", "OUT", "--looks-per-s", "inf"], 2, ""),
        (["bench", "CLIP", "--looks-per-s", "nan"], 2, ""),
        (["snapshot", "CLIP", "-o", "STILL", "--yes-local", "--at-s", "nan"], 2, ""),
        (["receive", "EVENTS", "-o", "OUT", "--verifier", "KEY", "--for-s", "nan"], 2, ""),
        (["export", "yunet-n", "-o", "OUT", "--max-drop", "nan"], 2, ""),
        (["run", "--policy", "TWO", "-o", "FILE"], 2, "files.no-folder"),
        (["snapshot", "LONG", "-o", "still.png", "--yes-local"], 5, "edge.unreadable"),
        (["snapshot", "/dev/video987654", "-o", "STILL", "--yes-local"], 5, "edge.no-still"),
        (["audit", "NOWHERE"], 5, "edge.unreadable"),
        (["audit", "FIFO"], 5, "edge.unreadable"),
        (["audit", "LONG"], 5, "edge.unreadable"),
        (["audit", "VIEW"], 5, "edge.outbox"),
        (["receive", "FOLDER", "-o", "OUT", "--verifier", "KEY"], 5, "edge.unreadable"),
        (["receive", "LONG", "-o", "OUT", "--verifier", "KEY"], 5, "edge.unreadable"),
        (["receive", "EVENTS", "-o", "OUT", "--verifier", "KEY", "--camera", "\udcff"], 2, "edge.receive"),
        (["audit", "EVENTS", "--at-least", f"²:{'a' * 64}"], 2, "edge.at-least"),
        (["audit", "EVENTS", "--after", f"{'9' * 5000}:{'a' * 64}"], 2, "edge.at-least"),
        (["status", "LONG"], 4, "edge.no-status"),
        (["export", "yunet-n", "-o", "OUT", "--name", "../x"], 2, "edge.bundle-name"),
        (["export", "yunet-n", "-o", "OUT", "--calibrate", "LONG"], 2, "edge.calibration"),
        (["export", "yunet-n", "-o", "FOLDER"], 2, "files.is-folder"),
    ],
)
def test_hostile_words_are_refused_in_one_line(words: list[str], status: int, code: str, tmp_path: Path, env: dict[str, str], events: Path) -> None:
    import sqlite3

    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("mine\n")
    with sqlite3.connect(tmp_path / "view.sqlite") as db:
        db.execute("CREATE VIEW events AS WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n) SELECT seq, 99 AS line FROM n")
    db.close()
    named = {
        "CLIP": str(events.parent / "made.mp4"),
        "FOLDER": str(tmp_path),
        "FILE": str(tmp_path / "file"),
        "FILE/x.jsonl": str(tmp_path / "file" / "x.jsonl"),
        "FIFO": str(tmp_path / "fifo"),
        "LONG": "x" * 5000,
        "OUT": str(tmp_path / "out"),
        "STILL": str(tmp_path / "still.png"),
        "NOWHERE": str(tmp_path / "nowhere"),
        "VIEW": str(tmp_path / "view.sqlite"),
        "TWO": str(policy(tmp_path, cameras={"a": str(events.parent / "made.mp4"), "b": str(events.parent / "made.mp4")})),
        "EVENTS": str(events),
        "KEY": json.loads(events.read_text().splitlines()[0])["told"]["signer"],
    }
    words = [named.get(word, word) for word in words]
    words += ["--model", "centerface"] if words[0] == "run" and "--model" not in words else []
    done = velatura("edge", *words, env=env, timeout_s=60)
    assert (done.returncode, (f"[{code}]" if code else "is no finite number") in done.stderr) == (status, True), done.stderr[-500:]
    assert "Traceback" not in done.stderr and (tmp_path / "file").read_text() == "mine\n"


@pytest.mark.parametrize("what", ["file", "folder"])
def test_an_audit_that_is_interrupted_says_so(what: str, tmp_path: Path, env: dict[str, str], events: Path) -> None:
    raw = events.read_bytes()
    path = tmp_path / "many.jsonl"
    path.write_bytes(raw + 300_000 * raw.splitlines(keepends=True)[-1])  # each is looked at, and counts once
    words = [str(VELATURA), "edge", "audit", str(path if what == "file" else tmp_path)]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: _reads(process.pid, path), 30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.strip()) == (130, "", "interrupted; nothing half-written was left")


def _reads(pid: int, path: Path) -> bool:
    """Whether a process is some way into a file."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if entry.readlink() == path and "pos:\t0\n" not in Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text():
                return True
    return False
