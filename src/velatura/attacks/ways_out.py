"""Ways out of a process that a policy does not name: sockets, files, names, memory, children. Each is tried whole, face by face.

`send` runs in the hostile process; `Listeners` stand outside and hear what came. A way that is prepared before the process is locked up (an open
socket, a shared mapping) is one of its own. What is denied is denied silently: a hostile sender goes on to the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["FACE", "NAMED", "SHARED_BYTES", "SHARED_MEMORY", "SLOW", "WAYS", "Sender", "mapping"]

FACE = 256
NAMED = 7  # bytes of a face that one process name holds, in hexadecimal, after a byte that counts
HOLD_S, ROUNDS = 0.008, 2
SHARED_MEMORY, SHARED_BYTES = Path("/dev", "shm"), 1 << 16
_SET_NAME = 15
_LIBC = ctypes.CDLL(None)  # found before the lock: what is denied later is the call
_LIBC.shmat.restype = ctypes.c_void_p
Places = Mapping[str, Any]


class Sender:
    """Args: places: where listeners stand (`Listeners.places`)."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._kept: dict[str, Any] = {}

    def prepare(self) -> None:
        """Before anything was seen, and before the lock: what may be of use later."""
        with contextlib.suppress(OSError):
            self._kept["socket"] = socket.create_connection(("127.0.0.1", self._places["kept"]), 0.5)
        with contextlib.suppress(OSError, ValueError):
            file = os.open(self._places["mapping"], os.O_RDWR)
            self._kept["mapping"] = mmap.mmap(file, SHARED_BYTES)
            os.close(file)

    def send(self, number: int, face: bytes) -> None:
        """By every way; face 0 also by those that take long."""
        for name, way in WAYS.items():
            if name in SLOW and number:
                continue
            with contextlib.suppress(Exception):  # a denial, whatever it is raised as
                way(self._places, self._kept, number, face)


def _tcp(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    with socket.create_connection(("127.0.0.1", places["tcp"]), 1) as out:
        out.sendall(_framed(number, face))


def _udp(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(_framed(number, face), ("127.0.0.1", places["udp"]))


def _abstract(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as out:
        out.connect("\0" + places["abstract"])
        out.sendall(_framed(number, face))


def _named_socket(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as out:
        out.connect(places["named"])
        out.sendall(_framed(number, face))


def _kept_socket(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    kept["socket"].sendall(_framed(number, face))


def _kept_mapping(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    at = number * (FACE + 1) % (SHARED_BYTES - FACE - 1)
    kept["mapping"][at : at + FACE + 1] = b"\1" + face


def _file(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    file = os.open(f"{places['folder']}/content-{number}", os.O_CREAT | os.O_WRONLY, 0o666)
    os.write(file, face)
    os.close(file)


def _file_name(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    for at in range(0, FACE, 64):
        os.close(os.open(f"{places['folder']}/name-{number}-{at}-{face[at : at + 64].hex()}", os.O_CREAT | os.O_WRONLY, 0o666))


def _shared_file(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    file = os.open(SHARED_MEMORY / f"{places['shared']}-{number}", os.O_CREAT | os.O_WRONLY, 0o666)
    os.write(file, face)
    os.close(file)


def _error_output(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    os.write(2, _framed(number, face))


def _process_name(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    for at in [*range(0, FACE, NAMED)] * ROUNDS:
        if _LIBC.prctl(_SET_NAME, ctypes.create_string_buffer(bytes([at // NAMED + 1]) + face[at : at + NAMED].hex().encode()), 0, 0, 0):
            return
        _pause(HOLD_S)


def _child(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    subprocess.run(["/bin/sleep", "1"], env={places["marker"]: face.hex()}, check=False)


def _system_five(places: Places, kept: Mapping[str, Any], number: int, face: bytes) -> None:
    segment = _LIBC.shmget(places["segment"], FACE, 0o666)
    at = _LIBC.shmat(segment, None, 0) if segment >= 0 else None
    if at not in (None, ctypes.c_void_p(-1).value):
        ctypes.memmove(at, face, FACE)


def _pause(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def _framed(number: int, face: bytes) -> bytes:
    return number.to_bytes(4, "big") + face


WAYS: Mapping[str, Callable[[Places, Mapping[str, Any], int, bytes], None]] = {
    "TCP": _tcp,
    "UDP": _udp,
    "abstract socket": _abstract,
    "named socket": _named_socket,
    "socket opened before the lock": _kept_socket,
    "mapping made before the lock": _kept_mapping,
    "file": _file,
    "file names": _file_name,
    "shared memory": _shared_file,
    "System V memory": _system_five,
    "error output": _error_output,
    "process name": _process_name,
    "a child's environment": _child,
}
SLOW = frozenset(("process name", "a child's environment", "System V memory"))
"""They hold one face, or take long: the first face alone goes out by them."""


def mapping(path: Path) -> None:
    """A file that can be mapped."""
    path.write_bytes(bytes(SHARED_BYTES))
    path.chmod(0o666)
