"""Outside: who hears what a process sends by the ways of `ways_out`. All on this machine: loopback, a folder of its own, names in /proc."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

from velatura.attacks.ways_out import FACE, NAMED, SHARED_BYTES, SHARED_MEMORY, mapping

__all__ = ["Listeners"]

LOOK_S = 0.001
FIND_S = 0.05
SETTLE_S = 0.3
_HEAD = 4
_MAKE = 0o1666  # IPC_CREAT, rw for everybody
_REMOVE = 0


class Listeners:
    """`with` it; then `heard`.

    Attributes:
        places: what the sender must know to reach them; JSON.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="velatura-exfiltration-")
        self._over = threading.Event()
        self._caught: dict[str, dict[int, bytes]] = {}
        self._names: dict[int, bytes] = {}
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._marker = f"VELATURA_{secrets.token_hex(8)}"
        self.places: dict[str, Any] = {}

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        folder.chmod(0o777)  # the sender may be another user
        mapping(folder / "mapping")
        word = secrets.token_hex(8)
        self.places = {"folder": str(folder), "mapping": str(folder / "mapping"), "shared": f"velatura-{word}", "marker": self._marker}
        self.places |= {"abstract": f"velatura-{word}", "named": str(folder / "socket"), "segment": self._segment()}
        self.places["tcp"] = self._streams("TCP", socket.create_server(("127.0.0.1", 0)))
        self.places["kept"] = self._streams("socket opened before the lock", socket.create_server(("127.0.0.1", 0)))
        for name, address in (("abstract socket", "\0" + self.places["abstract"]), ("named socket", self.places["named"])):
            server = socket.socket(socket.AF_UNIX)
            server.bind(address)
            server.listen(64)
            self._streams(name, server)
        (folder / "socket").chmod(0o777)  # the sender may be another user
        self.places["udp"] = self._datagrams()
        self._start(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(5)
        for one in self._sockets:
            one.close()
        if self.places["segment"]:
            ctypes.CDLL(None).shmctl(self._shared, _REMOVE, None)
        for path in SHARED_MEMORY.glob(f"{self.places['shared']}-*"):
            path.unlink(missing_ok=True)
        self._folder.cleanup()

    def error_output(self, stream: Any) -> None:
        """Hear a process' error output, to its end."""
        self._start(lambda: self._stream("error output", stream.read))

    def heard(self) -> dict[str, dict[int, bytes]]:
        """way -> number of the face -> its bytes, after a moment for what is still on its way."""
        time.sleep(SETTLE_S)
        folder = Path(self._folder.name)
        for path in folder.glob("content-*"):
            self._keep("file", int(path.name.partition("-")[2]), path.read_bytes())
        for path in sorted(folder.glob("name-*"), key=lambda path: int(path.name.split("-")[2])):
            _, face, _, part = path.name.split("-")
            self._add("file names", int(face), bytes.fromhex(part))
        for path in SHARED_MEMORY.glob(f"{self.places['shared']}-*"):
            self._keep("shared memory", int(path.name.rpartition("-")[2]), path.read_bytes())
        raw = (folder / "mapping").read_bytes()
        for number, at in enumerate(range(0, SHARED_BYTES - FACE - 1, FACE + 1)):
            if raw[at]:
                self._keep("mapping made before the lock", number, raw[at + 1 : at + 1 + FACE])
        self._read_segment()
        if self._names:
            self._keep("process name", 0, b"".join(self._names.get(at, bytes(NAMED)) for at in range(-(-FACE // NAMED)))[:FACE])
        return {way: dict(faces) for way, faces in self._caught.items()}

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep(self, way: str, number: int, face: bytes) -> None:
        if len(face) == FACE:
            self._caught.setdefault(way, {})[number] = face

    def _add(self, way: str, number: int, part: bytes) -> None:
        faces = self._caught.setdefault(way, {})
        faces[number] = faces.get(number, b"") + part

    def _streams(self, way: str, server: socket.socket) -> int:
        """Accept until all is over; the port, where there is one."""
        server.settimeout(0.1)
        self._sockets.append(server)

        def accept() -> None:
            while not self._over.is_set():
                with contextlib.suppress(TimeoutError):
                    one = server.accept()[0]
                    one.settimeout(2.0)
                    self._sockets.append(one)
                    self._start(partial(self._stream, way, one.recv))

        self._start(accept)
        name = server.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def _stream(self, way: str, receive: Callable[[int], bytes]) -> None:
        """Framed faces, to the end of the stream."""
        come = b""
        with contextlib.suppress(OSError, ValueError):
            while part := receive(_HEAD + FACE):
                come += part
                while len(come) >= _HEAD + FACE:
                    self._keep(way, int.from_bytes(come[:_HEAD], "big"), come[_HEAD : _HEAD + FACE])
                    come = come[_HEAD + FACE :]

    def _datagrams(self) -> int:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        one.settimeout(0.1)
        self._sockets.append(one)

        def listen() -> None:
            while not self._over.is_set():
                with contextlib.suppress(TimeoutError):
                    raw = one.recv(2048)
                    self._keep("UDP", int.from_bytes(raw[:_HEAD], "big"), raw[_HEAD:])

        self._start(listen)
        return int(one.getsockname()[1])

    def _watch(self) -> None:
        """Names and environments of all that descends from this process."""
        found, next_s = list[int](), 0.0
        while not self._over.is_set():
            if time.monotonic() >= next_s:
                found, next_s = list(_descendants(os.getpid())), time.monotonic() + FIND_S
                for pid in found:
                    self._look_into(pid)
            for pid in found:
                with contextlib.suppress(OSError):
                    _named(Path(f"/proc/{pid}/comm").read_bytes().rstrip(b"\n"), self._names)
            time.sleep(LOOK_S)

    def _look_into(self, pid: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            for one in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if one.startswith(self._marker.encode() + b"="):
                    self._keep("a child's environment", 0, bytes.fromhex(one.partition(b"=")[2].decode()))

    def _segment(self) -> int:
        """A key of System V memory that everybody may write; 0 where there is none."""
        key = secrets.randbelow(1 << 30) + 1
        self._shared = ctypes.CDLL(None).shmget(key, FACE, _MAKE)
        return key if self._shared >= 0 else 0

    def _read_segment(self) -> None:
        libc = ctypes.CDLL(None)
        libc.shmat.restype = ctypes.c_void_p
        at = libc.shmat(self._shared, None, 0) if self.places["segment"] else None
        if at not in (None, ctypes.c_void_p(-1).value):
            face = ctypes.string_at(at, FACE)
            libc.shmdt(ctypes.c_void_p(at))
            if any(face):
                self._keep("System V memory", 0, face)


def _descendants(pid: int) -> Iterator[int]:
    """Processes that a process has started, and theirs."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                match = re.match(rb".*\) \S (\d+)", (folder / "stat").read_bytes(), re.DOTALL)
                if match:
                    parents.setdefault(int(match[1]), []).append(int(folder.name))
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            yield child
            waiting.append(child)


def _named(word: bytes, parts: dict[int, bytes]) -> None:
    if len(word) == 1 + 2 * NAMED or (word[:1] == bytes([-(-FACE // NAMED)]) and len(word) > 2):
        with contextlib.suppress(ValueError):
            parts[word[0] - 1] = bytes.fromhex(word[1:].decode("ascii", "replace"))
