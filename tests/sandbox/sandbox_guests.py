"""Small guests, importable inside a cell: it is handed this folder by `Warm(path=...)`."""

from __future__ import annotations

import ctypes
import json
import os
import threading
from pathlib import Path

HERE = Path(__file__).parent


class Odd:
    """Does what its request says; most of it is what no honest guest does."""

    def __init__(self, *, hang: bool = False, fail: str = "", threads: int = 0, early: bool = False) -> None:
        self.hang, self.fail, self.threads, self.early = hang, fail, threads, early
        self.served, self.key = 0, b""

    def warm(self) -> None:
        for _ in range(self.threads):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        if self.fail:
            raise RuntimeError(self.fail)
        while self.hang:
            pass

    def serve(self, inbox, outbox, frames) -> None:
        if self.early:
            outbox.put(b"nobody asked")
        while (request := inbox.get()) is not None:
            self.served += 1
            word, _, rest = request.partition(b" ")
            getattr(self, word.decode())(rest, outbox, frames)

    def echo(self, rest, outbox, frames) -> None:
        outbox.put(rest)

    def count(self, rest, outbox, frames) -> None:
        outbox.put(b"%d" % self.served)

    def keep(self, rest, outbox, frames) -> None:
        self.key = rest
        outbox.put(b"kept")

    def tell(self, rest, outbox, frames) -> None:
        outbox.put(self.key)

    def spin(self, rest, outbox, frames) -> None:
        while True:
            pass

    def crash(self, rest, outbox, frames) -> None:
        ctypes.string_at(0)

    def leave(self, rest, outbox, frames) -> None:
        raise SystemExit

    def flood(self, rest, outbox, frames) -> None:
        while True:
            os.write(1, b"\xff" * 65536)

    def half(self, rest, outbox, frames) -> None:
        os.write(1, b"\x08\x00")
        raise SystemExit

    def short(self, rest, outbox, frames) -> None:
        os.write(1, b"\x08\x00\x00\x00abc")
        raise SystemExit

    def twice(self, rest, outbox, frames) -> None:
        outbox.put(b"one")
        outbox.put(b"two")

    def deaf(self, rest, outbox, frames) -> None:
        while True:
            pass

    def write(self, rest, outbox, frames) -> None:
        frames[: len(rest)] = rest
        outbox.put(b"written")

    def look(self, rest, outbox, frames) -> None:
        outbox.put(bytes(frames[: int(rest)]))

    def take(self, rest, outbox, frames) -> None:
        try:
            held = bytearray(int(rest) << 20)
            outbox.put(b"took %d" % len(held))
        except MemoryError:
            outbox.put(b"refused")


class Filer:
    """A guest that may use files: opens, lists or writes what it is told, and answers how that went."""

    def warm(self) -> None:
        json.dumps({})

    def serve(self, inbox, outbox, frames) -> None:
        while (request := inbox.get()) is not None:
            what, _, path = request.decode().partition(" ")
            try:
                if what == "write":
                    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
                    os.write(descriptor, b"secret")
                else:
                    descriptor = os.open(path, os.O_RDONLY)
                os.close(descriptor)
                outbox.put(b"done")
            except OSError as error:
                outbox.put(b"%d" % error.errno)


class Prober:
    """Makes the system calls that it is told, [[number, [arguments]], ...], and answers their errnos (0: it worked)."""

    def warm(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.syscall.restype = ctypes.c_long
        self.call(39, [])
        json.loads(json.dumps([[1, [2]]]))

    def call(self, number: int, arguments: list[int]) -> int:
        ctypes.set_errno(0)
        words = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
        return ctypes.get_errno() if self.libc.syscall(ctypes.c_long(number), *words) < 0 else 0

    def serve(self, inbox, outbox, frames) -> None:
        while (request := inbox.get()) is not None:
            outbox.put(json.dumps([self.call(number, arguments) for number, arguments in json.loads(request)]).encode())
