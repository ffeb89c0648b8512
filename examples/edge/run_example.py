"""A camera, a broker, a gateway and a consumer on this machine; the broker is killed once, and nothing is lost.

    python examples/edge/run_example.py [CLIP] [--model NAME]

CLIP: what the camera shows, again and again (its first ten seconds); without one a ball, which is counted as nobody.
Run it with the Python that velatura is installed in, with its extra `edge`. Needs the network's weights (velatura models pull yunet-n), and
Debian's mosquitto, python3-gst-1.0, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-base, -good, -bad and -ugly.
Everything lies in a folder of its own, which is removed at the end, and listens on loopback alone.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from broker import Broker, free_port, write_private

DEBIAN = "mosquitto python3-gst-1.0 gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,bad,ugly}"
PYTHON = "/usr/bin/python3"  # Debian's: GStreamer's bindings are there
VELATURA = [sys.executable, "-m", "velatura"]  # of the Python that runs this, whatever PATH says
RATE, WIDTH, HEIGHT, SECONDS = 10, 640, 360, 10
POLICY = """
[[cameras]]
name = "door"
labels = ["face"]
source = "rtsp://127.0.0.1:{camera_port}/cam"
login = "{camera_login}"
[cameras.egress]
level = 3
tick_s = 1.0                  # a person would take minutes; the example is in a hurry
bits_per_hour = 60000

[[sinks]]
kind = "mqtt"
url = "mqtts://localhost:{broker_port}"
login = "{broker_login}"
ca = "{ca}"
prefix = "example/hall"
receipts = true               # an event is kept until the consumer has it
home_assistant = true
"""


def missing(what: str, command: str) -> SystemExit:
    """Says in a line what brings it."""
    print(f"{what} is not installed: {command}")
    return SystemExit(4)


def program(name: str) -> str:
    """Its path. Ends the example where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if not found:
        raise missing(name, f"apt-get install {DEBIAN}")
    return found


def check_packages() -> None:
    """Ends the example where this Python lacks one."""
    for package, name in (("velatura", "velatura"), ("paho", "paho-mqtt")):
        if find_spec(package) is None:
            raise missing(f"{name} for {sys.executable}", f"{sys.executable} -m pip install 'velatura[edge]'")


def until(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"it did not come about within {seconds:.0f} seconds: {what}")
        time.sleep(0.05)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def frames_of(clip: Path, target: Path) -> list[str]:
    """The clip's first seconds as raw pictures; what `camera.py` is told of them."""
    import av

    with av.open(str(clip)) as container, target.open("wb") as out:
        count, due_s = 0, 0.0
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= due_s and count < SECONDS * RATE:
                out.write(frame.reformat(WIDTH, HEIGHT, format="yuv420p").to_ndarray().tobytes())
                count, due_s = count + 1, due_s + 1 / RATE
    return [str(target), str(WIDTH), str(HEIGHT), str(RATE)]


class Example:
    """All four, in a folder."""

    def __init__(self, folder: Path, clip: Path | None, model: str, stack: ExitStack) -> None:
        self.folder, self._model, self._stack = folder, model, stack
        self.events, self.received, self.state = folder / "events.jsonl", folder / "received.jsonl", folder / "state"
        self.broker = Broker(folder, program("mosquitto"), program("mosquitto_passwd"))
        stack.callback(lambda: self.broker.kill())
        self._camera_login, self._camera_port = folder / "camera.login", free_port()
        write_private(self._camera_login, f"viewer\n{secrets.token_urlsafe(12)}\n")
        shown = frames_of(clip, folder / "frames.i420") if clip else []
        script = str(Path(__file__).parent / "camera.py")
        words = [program(PYTHON), script, str(self._camera_port), str(self._camera_login), *shown]
        camera = self._start(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert camera.stdout is not None
        if camera.stdout.readline().strip() != "ready":
            raise missing("GStreamer's RTSP server", f"apt-get install {DEBIAN}")

    def run(self) -> None:
        """The gateway, then the consumer once there is an event with the gateway's key in it."""
        policy = self.folder / "door.toml"
        policy.write_text(
            POLICY.format(
                camera_port=self._camera_port,
                camera_login=self._camera_login,
                broker_port=self.broker.port,
                broker_login=self.broker.login,
                ca=self.broker.ca,
            )
        )
        words = ["run", "--policy", str(policy), "--model", self._model, "--state", str(self.state), "-o", str(self.events)]
        self.gateway = self._start([*VELATURA, "edge", *words])
        until(lambda: self.gateway.poll() is not None or lines(self.events) > 1, "the first event")
        if self.gateway.poll() is not None:
            raise SystemExit(self.gateway.returncode)  # it has said why
        self.signer = json.loads(self.events.read_text().splitlines()[0])["told"]["signer"]
        broker = f"mqtts://localhost:{self.broker.port}/example/hall#login={self.broker.login}&ca={self.broker.ca}"
        words = ["receive", "--mqtt", broker, "--verifier", self.signer, "--camera", "door", "-o", str(self.received)]
        self.consumer = self._start([*VELATURA, "edge", *words])

    def status(self) -> dict[str, str]:
        """What is looked at -> its state."""
        done = subprocess.run([*VELATURA, "edge", "status", str(self.state), "--json"], capture_output=True, text=True, check=False)
        return {one["what"]: one["state"] for one in json.loads(done.stdout)["result"]["states"]}

    def end(self, process: subprocess.Popen[str]) -> int:
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def _start(self, words: list[str], **more: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(words, text=True, **more)  # type: ignore[call-overload]
        self._stack.callback(lambda: process.poll() is None and (process.kill() or process.wait()))
        return process


def show(example: Example) -> bool:
    """The example itself; whether nothing was lost."""
    example.run()
    until(lambda: lines(example.received) >= 5, "five events at the consumer")
    print(f"{lines(example.received)} events went through the broker; {words(example.status())}")
    example.broker.kill()
    have = lines(example.events)
    until(lambda: lines(example.events) >= have + 3, "three events more")
    print(f"the broker was killed; {lines(example.events)} events are signed, {lines(example.received)} received; {words(example.status())}")
    example.broker.start()
    until(lambda: lines(example.received) >= have + 3, "what was missed")
    until(lambda: "mqtt" not in (said := words(example.status())) or said.endswith("ok"), "a sink that is well again")
    print(f"the broker is back, empty; {lines(example.received)} events are received; {words(example.status())}")
    gateway = example.end(example.gateway)
    until(lambda: lines(example.received) == lines(example.events), "the last events")
    consumer = example.end(example.consumer)
    same = example.received.read_bytes() == example.events.read_bytes()
    print(f"ended with {gateway} and {consumer}; {lines(example.events)} events signed, {lines(example.received)} received, the same: {same}")
    audit = subprocess.run([*VELATURA, "edge", "audit", str(example.received), "--verifier", example.signer], check=False)
    print(f"the last one: {example.received.read_text().splitlines()[-1][:400]}")
    return same and audit.returncode == gateway == consumer == 0


def words(states: dict[str, str]) -> str:
    return ", ".join(f"{what} {state}" for what, state in states.items() if what.startswith(("camera", "vision", "sink mqtt")))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--model", default="yunet-n")
    given = parser.parse_args()
    check_packages()
    with tempfile.TemporaryDirectory(prefix="velatura-example-") as folder, ExitStack() as stack:
        return 0 if show(Example(Path(folder), given.clip, given.model, stack)) else 1


if __name__ == "__main__":
    sys.exit(main())
