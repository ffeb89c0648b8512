"""A camera's ticks, by this process' clock: one thread ticks, another one hears vision and starts it anew.

Nothing that vision does moves a tick: a message that it breaks off, a flood, an exit and the seconds that a new start takes are waited for in the
other thread. What a busy processor does to everybody on it (milliseconds, which vision can bring about) drowns in a pause of random length between
the end of a window and its record; the pause moves no tick.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from velatura.edge.egress import Egress, Record
from velatura.edge.tally import width
from velatura.errors import VelaturaError

__all__ = ["Ear", "Live"]

FIRST_S, LONGEST_S = 0.5, 30.0  # back-off; who has lived for the longest begins with the first again
POLL_S = 0.1
HIDE_S = 0.05  # a hot processor shifts a record by milliseconds
PACE_S = 0.001  # a flood is read no faster than this, and costs the ticks nothing


class Ear(Protocol):
    """Vision, as it is heard."""

    def hear(self, *, within_s: float, limit: int) -> bytes | None:
        """The next message; None: nothing came. Raises BadInput: it has ended, or hangs."""
        ...

    def close(self) -> object:
        """End it."""
        ...


@dataclass(slots=True)
class Live:
    """See the module.

    Args:
        begin: starts vision; raises VelaturaError where it cannot.
        rng: jitter of the back-off, and the pauses; nobody else may know its state.
        clock: monotonic seconds.

    Attributes:
        restarts: how often vision broke off.
        away: it has, and is not there again.
    """

    egress: Egress
    begin: Callable[[], Ear]
    rng: random.Random
    clock: Callable[[], float] = time.monotonic
    restarts: int = 0
    away: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self, ear: Ear, publish: Callable[[Record], None], ends: Callable[[], bool]) -> None:
        """Until `ends`. `publish` is called in this thread, once a tick.

        Args:
            ear: the first one; every one is closed.
        """
        hearing = threading.Thread(target=self._hear, args=(ear,), daemon=True)
        tick_s = self.egress.camera.egress.tick_s
        due_s = self.clock() + tick_s
        hearing.start()
        try:
            while not ends():
                rest_s = due_s - self.clock()
                if rest_s > 0:
                    time.sleep(min(rest_s, POLL_S))
                    continue
                with self._lock:
                    record = self.egress.close_window()
                time.sleep((self.rng.random() + self.rng.random()) * min(HIDE_S, tick_s / 8))  # two, so that it has no sharp end
                publish(record)
                due_s += tick_s
        finally:
            self._over.set()
            hearing.join()

    def _hear(self, first: Ear) -> None:
        """The other thread: one vision after the other."""
        ear: Ear | None = first
        wait_s = FIRST_S
        while not self._over.is_set():
            begun_s = self.clock()
            if ear is not None:
                self.away = False
                self._listen(ear)
                self.away = not self._over.is_set()
                ear.close()
            if self._over.is_set():
                return
            wait_s = FIRST_S if self.clock() - begun_s > LONGEST_S else wait_s
            self._over.wait(wait_s * self.rng.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, LONGEST_S)
            ear = self._again()

    def _listen(self, ear: Ear) -> None:
        """Until it breaks off."""
        limit = width(self.egress.schema)
        while not self._over.is_set():
            try:
                raw = ear.hear(within_s=POLL_S, limit=limit)
            except VelaturaError:
                with self._lock:
                    self.egress.restarted()
                self.restarts += 1
                return
            if raw is not None:
                with self._lock:
                    self.egress.take(raw)
                time.sleep(PACE_S)

    def _again(self) -> Ear | None:
        try:
            return None if self._over.is_set() else self.begin()
        except (VelaturaError, OSError):
            return None
