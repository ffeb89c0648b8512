"""The process inside, from its first line: confine, warm, then fork or lock at the parent's word. It never reads an untrusted byte; forks do.

    parent                              here
      order (guest, settings, may)  ->
                                    <-  held: uid, namespaces
      scratch folder, if one is due ->
                                    <-  held: Landlock
      go                            ->
                                    <-  warm, or the error
      fork | lock (descriptors)     ->
                                    <-  pid (of a fork); the child's own first message comes through its outbox
      reap pid                      ->
                                    <-  status

The parent's end is noticed by the socket's: at once where this process waits for a word, and by SIGIO (whose default is to end the process) while it
warms or is locked itself. PR_SET_PDEATHSIG stands between this process and its forks alone: it counts the thread, not the process, that forked.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.control import Control
from velatura.sandbox.guest import Guest, Inbox, Outbox

__all__ = ["main"]

_MOST_OPEN = 1024


def main(descriptor: int) -> NoReturn:
    """Run until the parent has gone."""
    os.umask(0o022)  # a stricter one of the user's would close the new root, whose folders are root's, to the uid that we become
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = _MOST_OPEN if most == resource.RLIM_INFINITY else min(most, _MOST_OPEN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    control = Control(socket.socket(fileno=descriptor))
    with contextlib.suppress(EOFError, OSError):
        order, _ = control.receive()
        Cell(control, order).run()
    os._exit(0)


class Cell:
    """The warm process. `confined` False: a plain child on a system that we cannot confine on; the steps are the same without the layers."""

    def __init__(self, control: Control, order: dict[str, Any]) -> None:
        self._control, self._order = control, order
        self._may = Confinement.from_json(order["may"])
        self._confined: bool = order["confined"]
        self._held: dict[Layer, str] = {}
        self._scratch: Path | None = None
        self._tasks, self._statm = (_opened(f"/proc/self/{name}") for name in ("task", "statm"))

    def run(self) -> None:
        self._confine()
        with _leash(self._control.end.fileno()):
            guest, error = self._warm()
        self._control.send({"error": error, "threads": self._threads_left()})
        while guest is not None:
            self._obey(guest)

    def _confine(self) -> None:
        if not self._confined:
            return
        from velatura.sandbox import outer
        from velatura.sandbox.namespaces import SCRATCH

        reads = [*outer.code_paths(), *self._may.reads]
        self._held = outer.leave_host(self._may, reads)
        self._control.send({"held": self._held})
        given = self._control.receive()[0]["scratch"]
        if self._may.scratch_mb:
            self._scratch = Path(given) if given else SCRATCH
            outer.use_scratch(self._scratch)
        self._held[Layer.LANDLOCK] = outer.close_files(reads, self._scratch)
        self._control.send({"held": self._held})
        self._control.receive()

    def _warm(self) -> tuple[Guest | None, str]:
        module, _, name = self._order["guest"].partition(":")
        try:
            guest: Guest = getattr(importlib.import_module(module), name)(**self._order["settings"])
            guest.warm()
        except Exception as error:  # whatever a library raises while it is imported is told to the parent in words
            return None, f"{type(error).__name__}: {error}"[:1000]
        if self._confined:
            self._ready_to_fork()
        gc.collect()
        gc.freeze()  # the collector would otherwise write to pages that the forks share
        return guest, ""

    def _ready_to_fork(self) -> None:
        """What every fork would otherwise do for itself: import the lock, assemble its filter, copy the tables of memory that nobody uses."""
        from velatura.sandbox import inner, linux

        inner.prepare(self._may)
        linux.trim_memory()

    def _obey(self, guest: Guest) -> None:
        word, descriptors = self._control.receive()
        if word["do"] == "reap":
            self._control.send({"status": self._reap(word["pid"])})
            return
        space = self._address_space()
        if word["do"] == "lock":
            self._become_child(guest, descriptors, space, forked=False)
        warm = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(guest, descriptors, space, forked=True, warm=warm)
        for descriptor in descriptors:
            os.close(descriptor)
        self._control.send({"pid": pid})

    def _reap(self, pid: int) -> int:
        """Kill, wait, wipe. The pid cannot have been used again: nobody else waits for it."""
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if self._scratch:
            shutil.rmtree(self._scratch / str(pid), ignore_errors=True)
        return status

    def _become_child(self, guest: Guest, descriptors: list[int], space: int, *, forked: bool, warm: int = 0) -> NoReturn:
        code = 1
        try:
            said, frames = self._lock(descriptors, space, forked=forked, warm=warm)
            outbox = Outbox()
            outbox.put(json.dumps({"held": said}).encode())
            if not any(said.get(layer, "absent") for layer in self._may.required):
                guest.serve(Inbox(), outbox, frames)
            code = 0
        finally:
            os._exit(code)  # whatever was raised: to leave this frame would be to run the warm process a second time

    def _lock(self, descriptors: list[int], space: int, *, forked: bool, warm: int) -> tuple[dict[Layer, str], memoryview | None]:
        from velatura.sandbox import inner
        from velatura.sandbox.privileges import die_with_parent

        threads = 1 if forked else self._threads()
        if forked and self._confined:
            die_with_parent(warm)
        frames = inner.take(descriptors, keep=None if forked else self._control.end.detach())
        if not forked:
            _pull(2)
        if not self._confined:
            return {}, frames
        mapped = frames.nbytes if frames is not None else 0
        return inner.lock(self._may, self._held, address_space=space and space + mapped, scratch=self._scratch, threads=threads), frames

    def _threads(self) -> int:
        """Of this process; 1 where /proc does not tell (the parent counts once more)."""
        return 1 if self._tasks is None else len(os.listdir(self._tasks))  # noqa: PTH208 - a descriptor, not a path

    def _threads_left(self) -> int:
        """The same once warm: a thread that was joined stands in the list until the kernel has buried it, which may take a moment."""
        for _ in range(100):
            if (count := self._threads()) <= self._may.threads:
                break
            time.sleep(0.01)
        return count

    def _address_space(self) -> int:
        """Bytes that are mapped; 0 where /proc does not tell."""
        if self._statm is None:
            return 0
        os.lseek(self._statm, 0, os.SEEK_SET)
        return int(os.read(self._statm, 100).split()[0]) * resource.getpagesize()


def _opened(path: str) -> int | None:
    """Opened early: once the root is another there is no /proc."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


@contextlib.contextmanager
def _leash(descriptor: int) -> Iterator[None]:
    """While it holds, the end of the other side of a socket ends this process, whatever it does."""
    _pull(descriptor)
    yield
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~fcntl.FASYNC)


def _pull(descriptor: int) -> None:
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | fcntl.FASYNC)
    poll = select.poll()
    poll.register(descriptor, 0)
    if poll.poll(0):  # it has gone already, and that will not be told again
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
