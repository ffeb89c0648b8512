"""What goes wrong with cameras, brokers, disks and hosts has a name in `edge status`, and ends nothing that could go on."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.edge.brokers import Mosquitto, certificates, free_port
from tests.edge.cameras import clip, rtsp_camera, sound_alone, until
from tests.edge.test_sinks import Hook
from tests.programs import bare_environment, velatura
from tests.system.edge_runs import POOR, policy, running

from velatura.edge.chain_audit import audit

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux"), pytest.mark.xdist_group("processes")]


@pytest.fixture
def env(tmp_path: Path, model_home: Path) -> dict[str, str]:
    return bare_environment(tmp_path, VELATURA_HOME=str(model_home))


def test_a_camera_that_freezes_goes_and_comes_back(tmp_path: Path, env: dict[str, str]) -> None:
    rules = policy(tmp_path)
    with rtsp_camera() as (camera, port), running(f"rtsp://127.0.0.1:{port}/cam", "--policy", rules, folder=tmp_path, env=env) as run:
        run.until("camera", "streaming")
        run.until("health", "ok")
        assert run.told()[0] == 0
        camera.send_signal(signal.SIGSTOP)
        found_s = run.until("camera", "stalled")
        assert found_s < 8, "4.5 seconds, and a busy machine"
        again = time.monotonic() + 5
        while time.monotonic() < again:  # it takes a new connection, and says nothing
            assert run.states()["camera"] == "stalled"
            time.sleep(0.1)
        status, told = run.told()
        assert status == 3 and next(one["next"] for one in told["states"] if one["state"] == "stalled")
        camera.send_signal(signal.SIGCONT)
        run.until("camera", "streaming")
        camera.kill()
        camera.wait(30)
        run.until("camera", "lost", "refused")
        with rtsp_camera(port=port):
            run.until("camera", "streaming", seconds=90)
            run.until("health", "ok")
        assert run.end() == 0
    assert audit(run.out).gaps == 0


def test_a_wrong_password_is_named_and_never_printed(tmp_path: Path, env: dict[str, str]) -> None:
    login = tmp_path / "login"
    login.write_text("anna\nfalschgeheim\n")
    login.chmod(0o600)
    with (
        rtsp_camera("anna", "geheim") as (_, port),
        running(f"rtsp://127.0.0.1:{port}/cam", "--login", login, "--policy", policy(tmp_path), folder=tmp_path, env=env) as run,
    ):
        run.until("camera", "auth")
        assert run.told()[0] == 3
        told = velatura("edge", "status", run.state, env=env)
        run.end()
        assert "falschgeheim" not in run.said + told.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path != login and b"falschgeheim" in path.read_bytes()] == []


@contextlib.contextmanager
def junk() -> Iterator[int]:
    """The port of a server that answers with junk where video is expected."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(2000):
                    self.wfile.write(os.urandom(4096))

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_junk_sound_and_nobody_are_told_apart_and_trouble_nobody_else(tmp_path: Path, env: dict[str, str]) -> None:
    clip(tmp_path / "a.mp4", frames=250)
    with junk() as junk_port, rtsp_camera("sound") as (_, sound_port):
        cameras = {
            "junk": f"http://127.0.0.1:{junk_port}/cam",
            "sound": f"rtsp://127.0.0.1:{sound_port}/cam",
            "nobody": f"rtsp://127.0.0.1:{free_port()}/cam",
            "gone": str(tmp_path / "nowhere.mp4"),
            "door": str(tmp_path / "a.mp4"),
        }
        with running("--live", "--policy", policy(tmp_path, cameras=cameras), folder=tmp_path, env=env) as run:
            run.until("camera", "malformed", camera="junk")
            run.until("camera", "no-video", camera="sound")
            run.until("camera", "refused", "lost", camera="nobody")
            run.until("camera", "no-source", camera="gone")
            run.until("health", "ok", camera="door")
            assert run.told()[0] == 3
            assert run.end() == 5, "of the one that ended with an error"
            assert "[edge.no-source]" in run.said
    told = velatura("edge", "audit", run.out, "--policy", tmp_path / "policy.toml", env=env)
    assert told.returncode == 0 and told.stdout.count("events hold") == 4


@pytest.mark.parametrize(
    ("kind", "word"),
    [("half", "malformed"), ("sound", "no-video"), *(pytest.param(kind, "malformed", marks=pytest.mark.slow) for kind in ("empty", "random"))],
)
def test_files_without_pictures_have_names(kind: str, word: str, tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "a.mp4"
    if kind == "sound":
        sound_alone(path)
    else:
        raw = clip(path).read_bytes()
        path.write_bytes({"empty": b"", "half": raw[: len(raw) // 2], "random": os.urandom(5000)}[kind])
    with running(path, "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
        assert run.ended() == 5 and "[edge.no-video]" in run.said
        status, told = run.told()
    assert status == 3 and {one["state"] for one in told["states"] if one["what"] == "camera"} == {word}
    assert {one["state"] for one in told["states"] if one["what"] == "run"} == {"ended"}


def test_each_way_a_broker_fails_has_a_name(tmp_path: Path, env: dict[str, str]) -> None:
    right, wrong = certificates(tmp_path / "right"), certificates(tmp_path / "wrong", name="example.org")
    for name, password in (("good", "geheim"), ("bad", "falschgeheim")):
        (tmp_path / name).write_text(f"anna\n{password}\n")
        (tmp_path / name).chmod(0o600)
    clip(tmp_path / "a.mp4", frames=500)
    good, misnamed = Mosquitto(tmp_path / "b1", login=("anna", "geheim"), tls=right), Mosquitto(tmp_path / "b2", tls=wrong)
    down = free_port()
    with socket.create_server(("127.0.0.1", 0)) as dumb:
        ca, secret = right["ca"], tmp_path / "good"
        sinks = {
            "ok": f"mqtts://localhost:{good.port}/site#login={secret}&ca={ca}&receipts=yes&home-assistant=yes",
            "auth": f"mqtts://localhost:{good.port}/other#login={tmp_path / 'bad'}&ca={ca}",
            "tls": f"mqtts://localhost:{misnamed.port}/site#ca={wrong['ca']}",
            "down": f"mqtt://127.0.0.1:{down}/site",
            "slow": f"mqtt://127.0.0.1:{dumb.getsockname()[1]}/site",
        }
        words = [part for word in sinks.values() for part in ("--sink", word)]
        try:
            with running(tmp_path / "a.mp4", "--live", *words, "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
                for state, word in sinks.items():
                    run.until(f"sink {word.partition('#')[0]}", state)
                good.kill()
                first = f"sink {sinks['ok'].partition('#')[0]}"
                run.until(first, "down")
                assert run.states()[f"sink file {run.out}"] == "ok", "no sink waits for another"
                good.start()
                run.until(first, "ok")
                status, told = run.told()
                assert status == 3 and "falschgeheim" not in str(told)
                assert run.end() == 0
                assert "falschgeheim" not in run.said
        finally:
            good.close()
            misnamed.close()
    assert audit(run.out).gaps == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_stops_no_tick_and_loses_none(tmp_path: Path, env: dict[str, str]) -> None:
    disk = tmp_path / "state"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(disk)], check=True, timeout=280)
    try:
        clip(tmp_path / "a.mp4", frames=250)
        with running(tmp_path / "a.mp4", "--live", "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
            run.until("health", "ok")
            with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as stream:
                while True:
                    stream.write(bytes(4096))
            run.until("outbox", "disk-full")
            assert run.told()[0] == 3
            (disk / "filler").unlink()
            run.until("outbox", "ok")
            assert run.end() == 0
        done = audit(run.out)
        assert done.gaps == done.aggregates == 0 and done.events > 5
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True, timeout=280)


def test_a_state_folder_that_cannot_be_used_is_one_line(tmp_path: Path, env: dict[str, str]) -> None:
    clip(tmp_path / "a.mp4", frames=3)
    (tmp_path / "file").write_text("")
    words = ["edge", "run", tmp_path / "a.mp4", "--model", "centerface", "-o", tmp_path / "events.jsonl", "--state"]
    done = velatura(*words, tmp_path / "file" / "state", env=env)
    assert done.returncode == 1 and "[edge.state]" in done.stderr and "Traceback" not in done.stderr
    done = velatura("edge", "status", tmp_path / "file" / "state", env=env)
    assert done.returncode == 4 and "[edge.no-status]" in done.stderr
    if os.geteuid() == 0:
        disk = tmp_path / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(disk)], check=True, timeout=280)
        try:
            done = velatura(*words, disk, env=env)
            assert done.returncode == 1 and "[edge.state]" in done.stderr
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True, timeout=280)


def test_a_damaged_outbox_is_moved_aside_and_an_older_one_refused(tmp_path: Path, env: dict[str, str]) -> None:
    source, rules = clip(tmp_path / "a.mp4", frames=25), policy(tmp_path)
    box = tmp_path / "state" / "door" / "outbox.sqlite"
    with running(source, "--policy", rules, folder=tmp_path, env=env) as run:
        assert run.ended() == 0
    older, before = box.read_bytes(), audit(run.out).events
    with running(source, "--policy", rules, folder=tmp_path, env=env) as run:
        assert run.ended() == 0
    assert audit(run.out).events == 2 * before
    box.write_bytes(older)
    with running(source, "--policy", rules, folder=tmp_path, env=env) as run:
        assert run.ended() == 3 and "[edge.outbox-behind]" in run.said
        assert run.states()["outbox"] == "behind"
    box.write_bytes(older[:100] + os.urandom(len(older) - 100))
    with running(source, "--policy", rules, folder=tmp_path, env=env) as run:
        assert run.ended() == 0
        assert run.states()["outbox"] == "damaged" and run.told()[0] == 0
    done = audit(run.out)
    assert (done.gaps, done.lost, done.events) == (1, 0, 3 * before + 1)


@pytest.mark.parametrize(
    ("without", "allowed"),
    [("landlock", "landlock"), ("seccomp", ""), pytest.param("namespaces", "namespaces", marks=pytest.mark.slow)],  # test_edge_states.py has it
)
def test_a_poorer_host_is_named_and_is_no_way_around(without: str, allowed: str, tmp_path: Path, env: dict[str, str]) -> None:
    source, rules = clip(tmp_path / "a.mp4", frames=10), policy(tmp_path)
    with running(source, "--policy", rules, folder=tmp_path, env=env, before=(*POOR, without)) as run:
        assert run.ended() == 4, run.said
        status, told = run.told()
        states = {one["what"]: one["state"] for one in told["states"]}
        names = {f"no-{without}", *(["interpreter-unreadable"] if without == "namespaces" and os.geteuid() == 0 else [])}  # a root without them
        assert (status, states["vision"]) == (3, "refused") and states["host"] in names
    if allowed:
        words = [word for layer in {allowed, *(("caps", "uid") if allowed == "namespaces" else ())} for word in ("--allow-degraded", layer)]
        with running(source, *words, "--policy", rules, folder=tmp_path, env=env, before=(*POOR, without)) as run:
            assert run.ended() == 0, run.said
            assert allowed in audit(run.out).degraded and allowed in run.told()[1]["cameras"][0]["degraded"]


def test_a_run_that_was_killed_is_said_to_have_died(tmp_path: Path, env: dict[str, str]) -> None:
    source = clip(tmp_path / "a.mp4", frames=500)
    with running(source, "--live", "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
        run.until("health", "ok")
        run.process.kill()
        run.ended()
        status, told = run.told()
        assert status == 3 and told["states"][0]["state"] == "died"
        seq, head = told["cameras"][0]["seq"], told["cameras"][0]["head"]
    with running(source, "--live", "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
        run.until("health", "ok")
        assert run.end() == 0
    assert velatura("edge", "audit", run.out, "--at-least", f"{seq}:{head}", env=env).returncode == 0


def test_vision_that_is_killed_is_started_anew_and_a_changed_model_is_refused(tmp_path: Path, env: dict[str, str], model_home: Path) -> None:
    source = clip(tmp_path / "a.mp4", frames=500)
    with running(source, "--live", "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
        run.until("health", "ok")
        for victim in _visions(run.process.pid):
            os.kill(victim, signal.SIGKILL)
        until(lambda: run.told()[1]["cameras"][0]["restarts"] == 1)
        run.until("vision", "running")
        run.until("health", "ok")
        assert run.end() == 0
    assert audit(run.out).gaps == 0
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    raw = bytearray(next((model_home / "models").glob("centerface*")).read_bytes())
    raw[len(raw) // 2] ^= 1
    (models / "centerface.onnx").write_bytes(raw)
    poor = {**env, "VELATURA_HOME": str(tmp_path / "home")}
    with running(source, "--policy", policy(tmp_path), folder=tmp_path, env=poor) as run:
        assert run.ended() != 0
        assert run.states()["vision"] == "model-refused", run.said


def _visions(parent: int) -> list[int]:
    """Children that are no ingest."""
    found = Path(f"/proc/{parent}/task").glob("*/children")
    pids = [int(word) for path in found for word in path.read_text().split()]
    return [pid for pid in pids if b"velatura.edge.ingest" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_hook_gets_signed_lines_and_a_page_has_what_was_published(tmp_path: Path, env: dict[str, str]) -> None:
    token, port, hook = tmp_path / "token", free_port(), Hook()
    token.write_text("sehrgeheim\n")
    token.chmod(0o600)
    source = clip(tmp_path / "a.mp4", frames=250)
    sinks = ["--sink", f"http://127.0.0.1:{hook.port}/in/path#token={token}", "--sink", f"prometheus:{port}"]
    with running(source, "--live", *sinks, "--policy", policy(tmp_path), folder=tmp_path, env=env) as run:
        run.until(f"sink http://127.0.0.1:{hook.port}", "ok")
        run.until("health", "ok")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            page = answer.read().decode()
        assert 'velatura_edge_records{camera="door"}' in page and 'velatura_edge_seen{camera="door"} 0' in page
        hook.status = 401
        run.until(f"sink http://127.0.0.1:{hook.port}", "auth")
        hook.status = 204
        run.until(f"sink http://127.0.0.1:{hook.port}", "ok")
        run.told()
        assert run.end() == 0
    hook.close()
    accepted = dict.fromkeys(line for body in hook.bodies for line in body.splitlines())
    assert list(accepted) == run.out.read_bytes().splitlines()
    assert {headers["Authorization"] for headers in hook.headers} == {"Bearer sehrgeheim"}
    assert "sehrgeheim" not in run.said and "/in/path" not in run.said
