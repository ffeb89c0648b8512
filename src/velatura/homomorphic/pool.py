"""Confined workers for several owners: each serves one owner alone, and there are never more than so many.

A worker that an owner has done with waits for his next request; when another owner needs its place, the one that has waited longest is ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from velatura.errors import Missing
from velatura.sandbox.worker import Worker

__all__ = ["Pool"]


class Pool:
    """Safe to use from several threads.

    Args:
        make: a new worker for an owner.
        most: workers at once.
    """

    def __init__(self, make: Callable[[bytes], Worker], most: int) -> None:
        assert most > 0, "a pool of none serves nobody"
        self._make, self._most = make, most
        self._idle: list[tuple[bytes, Worker]] = []  # the longest idle first
        self._busy = 0
        self._gone: set[bytes] = set()
        self._free = threading.Condition()

    @contextmanager
    def lend(self, owner: bytes, *, wait_s: float) -> Iterator[Worker]:
        """A worker of the owner's own.

        Raises:
            Missing: `he.busy`: none was free in time; as `Worker`.
        """
        worker = self._take(owner, wait_s) or self._made(owner)
        try:
            yield worker
        finally:
            with self._free:
                self._busy -= 1
                keep = owner not in self._gone
                if keep:
                    self._idle.append((owner, worker))
                self._free.notify()
            if not keep:
                worker.close()

    def forget(self, owner: bytes) -> None:
        """End an owner's workers; one that is at work ends after it."""
        with self._free:
            self._gone.add(owner)
            ended = [worker for one, worker in self._idle if one == owner]
            self._idle = [entry for entry in self._idle if entry[0] != owner]
            self._free.notify_all()
        for worker in ended:
            worker.close()

    def admit(self, owner: bytes) -> None:
        """An owner who was forgotten is known again."""
        with self._free:
            self._gone.discard(owner)

    def close(self) -> None:
        """End all that wait."""
        with self._free:
            ended, self._idle = self._idle, []
        for _, worker in ended:
            worker.close()

    def _take(self, owner: bytes, wait_s: float) -> Worker | None:
        """An idle one of the owner's; None: a place is free, and is taken."""
        until = time.monotonic() + wait_s
        evicted = None
        with self._free:
            while True:
                mine = next((entry for entry in reversed(self._idle) if entry[0] == owner), None)
                if mine is not None:
                    self._idle.remove(mine)
                    self._busy += 1
                    return mine[1]
                if self._busy + len(self._idle) < self._most:
                    break
                if self._idle:
                    evicted = self._idle.pop(0)[1]
                    break
                if not self._free.wait(max(until - time.monotonic(), 0)) and time.monotonic() >= until:
                    raise Missing("he.busy", f"all {self._most} workers are busy", hint="ask again later")
            self._busy += 1
        if evicted is not None:
            evicted.close()
        return None

    def _made(self, owner: bytes) -> Worker:
        try:
            return self._make(owner)
        except BaseException:
            with self._free:
                self._busy -= 1
                self._free.notify()
            raise
