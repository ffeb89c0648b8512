"""Cameras for tests: a real RTSP server, a server of Motion JPEG, and clips; and an ingest process whose pipe and words are read."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tests.edge.brokers import free_port

from velatura.edge.feed import Message, Packet, unpack
from velatura.edge.sources import Source
from velatura.sandbox.control import Control

__all__ = ["IngestRun", "clip", "mjpeg_camera", "rtsp_camera", "sound_alone", "until"]

SYSTEM_PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).parent / "rtsp_camera.py"


def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def clip(
    path: Path, *, frames: int = 50, size: tuple[int, int] = (320, 240), codec: str = "libx264", sound: bool = False, pixels: str = "yuv420p"
) -> Path:
    """A moving square on grey, 25 frames a second, a key frame each second."""
    path.write_bytes(_encoded(path.suffix, frames, size, codec, sound, pixels))
    return path


@functools.cache
def _encoded(suffix: str, frames: int, size: tuple[int, int], codec: str, sound: bool, pixels: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return _encode(Path(folder) / f"clip{suffix}", frames, size, codec, sound, pixels).read_bytes()


def _encode(path: Path, frames: int, size: tuple[int, int], codec: str, sound: bool, pixels: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"g": "25"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        track = container.add_stream("aac", rate=48_000) if sound else None
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), 120, np.uint8)
            picture[60:120, 4 * index % (size[0] - 60) :][:, :60] = (200, 40, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
        if track is not None:
            container.mux([*track.encode(_silence()), *track.encode(None)])
    return path


def sound_alone(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=48_000)
        container.mux([*track.encode(_silence()), *track.encode(None)])
    return path


def _silence() -> av.AudioFrame:
    silence = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
    silence.sample_rate = 48_000
    return silence


@contextlib.contextmanager
def rtsp_camera(*login: str, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """(process, port); the address is rtsp://127.0.0.1:PORT/cam."""
    port = port or free_port()
    process = subprocess.Popen([SYSTEM_PYTHON, str(SCRIPT), str(port), *login], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stderr is not None
        if process.stdout.readline().strip() != "ready":
            message = f"GStreamer's RTSP server is not here (Debian: gir1.2-gst-rtsp-server-1.0 python3-gst-1.0 ...): {process.stderr.read()[-200:]}"
            if os.environ.get("VELATURA_CI"):
                pytest.fail(message)
            pytest.skip(message)
        yield process, port
    finally:
        process.kill()
        process.wait(timeout=60)


@contextlib.contextmanager
def mjpeg_camera(*, frames: int = 1_000_000, tls: Mapping[str, Path] | None = None) -> Iterator[int]:
    """The port of a server of Motion JPEG at /cam. tls: files "cert" and "key"."""
    store = io.BytesIO()
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(store, "JPEG")
    jpeg, ending = store.getvalue(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(frames):
                    if ending.is_set():
                        return
                    self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n")
                    time.sleep(0.02)

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls["cert"], tls["key"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who does not trust us hangs up
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        ending.set()
        server.shutdown()
        server.server_close()


class IngestRun:
    """The real process. slow_s: the reader waits so long after each message, as a slow network would make it."""

    def __init__(self, source: Source, *, slow_s: float = 0.0) -> None:
        self.messages: list[Message] = []
        self.said: list[dict[str, Any]] = []
        self.ages: list[float] = []
        self.ended = threading.Event()
        reader, writer = os.pipe()
        mine, its = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "velatura.edge.ingest"],
            stdin=its,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        its.close()
        settings: dict[str, Any] = {"kind": source.kind, "word": source.word, "live": source.live}
        if source.login is not None:
            settings["login"] = [source.login.user, source.login.password]
        Control(mine).send(settings, [writer])
        mine.close()
        os.close(writer)
        self._reader, self._slow_s = reader, slow_s
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def states(self) -> list[str]:
        return [line["state"] for line in self.said]

    @property
    def packets(self) -> list[Packet]:
        return [message for message in self.messages if isinstance(message, Packet)]

    def output(self) -> str:
        """Everything that it printed; ends it."""
        self.close()
        assert self._process.stderr is not None
        return json.dumps(self.said) + self._process.stderr.read()

    def close(self) -> None:
        self._process.kill()
        self._process.wait(timeout=60)

    def __enter__(self) -> IngestRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        with os.fdopen(self._reader, "rb") as stream:
            while len(head := stream.read(4)) == 4:
                message = unpack(stream.read(struct.unpack("<I", head)[0]))
                assert message is not None, "a torn or unknown message"
                if isinstance(message, Packet):
                    self.ages.append(time.monotonic() - message.came_s)
                self.messages.append(message)
                time.sleep(self._slow_s)
        self.ended.set()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))
