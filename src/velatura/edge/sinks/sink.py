"""A sink and the thread that feeds it.

The thread looks into the outbox, offers what the sink has not had, and moves the sink's cursor as far as the sink vouches for. A sink that fails is
tried again with back-off (.5 s doubling to 30 s, jittered); what it says of itself is one of a few words (`STATES`), shown by `edge status`.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Sequence
from typing import Protocol

from velatura.edge.outbox import Outbox
from velatura.errors import VelaturaError

__all__ = ["STATES", "Feeder", "Sink", "Unreached"]

STATES = ("starting", "ok", "down", "refused", "auth", "tls", "slow", "disk-full", "ahead", "failed")
FIRST_S, LONGEST_S = 0.5, 30.0
LOOK_S = 0.5
BATCH = 20
LAST_S = 25.0  # an offer that is under way; each has deadlines of its own


class Unreached(Exception):
    """The other end did not take it; try again. Args: state: of STATES."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class Sink(Protocol):
    """One place. Called from one thread."""

    name: str

    def offer(self, lines: Sequence[tuple[int, bytes]]) -> int:
        """Take lines (number, bytes), oldest first, all of them or the first few.

        Returns:
            the highest number for which the other end vouches, however long ago it was offered; -1: none yet.

        Raises:
            Unreached: it cannot be reached now; everything after what it vouched for will come again.
        """
        ...

    def forgot(self) -> bool:
        """Once after the other end may have lost what it did not vouch for: offer it again."""
        ...

    def close(self) -> None: ...


class Feeder:
    """Feeds one sink from one outbox in a thread of its own.

    Args:
        vouched: only what the sink vouches for is let go; lines beyond are offered once, and again after it was unreachable.
    """

    def __init__(self, sink: Sink, outbox: Outbox, *, rng: random.Random | None = None) -> None:
        self._sink, self._outbox = sink, outbox
        self._rng = rng or random.Random()
        self._wake, self._ending, self._over = threading.Event(), threading.Event(), threading.Event()
        self._offered = -1
        self.state = "starting"
        outbox.subscribe(sink.name)
        self._thread = threading.Thread(target=self._run, name=f"sink {sink.name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    def end(self) -> None:
        """Begin to end: offer what is left."""
        self._ending.set()
        self._wake.set()

    def close(self, *, drain_s: float = 5.0) -> bool:
        """End the thread; whether all was taken before it ended. drain_s: how long it may go on offering what is left."""
        self.end()
        self._thread.join(drain_s)
        self._over.set()
        self._wake.set()
        self._thread.join(LAST_S)
        with contextlib.suppress(Unreached):  # its last word is a courtesy
            self._sink.close()
        return not self._outbox.pending(self._sink.name, 1)

    def _run(self) -> None:
        try:
            self._feed()
        except BaseException:
            self.state = "failed"  # a fault of ours must not look well
            if not self._over.is_set():  # else the other end held it for longer than it is waited for, and the outbox is closed
                raise

    def _feed(self) -> None:
        wait_s = FIRST_S
        while not self._over.is_set():
            try:
                more = self._step()
                self.state, wait_s = "ok", FIRST_S
            except Unreached as error:
                self.state, self._offered, more = error.state, -1, False
            except VelaturaError:
                self.state, self._offered, more = "refused", -1, False
            if more:
                continue
            if self._ending.is_set() and (self.state != "ok" or not self._outbox.pending(self._sink.name, 1)):
                return
            healthy = self.state == "ok"
            self._wake.wait(LOOK_S if healthy else wait_s * self._rng.uniform(0.5, 1.0))
            self._wake.clear()
            wait_s = FIRST_S if healthy else min(2 * wait_s, LONGEST_S)

    def _step(self) -> bool:
        """Offer what is next; whether there may be more at once."""
        name = self._sink.name
        if self._sink.forgot():
            self._offered = -1
        lines = self._outbox.pending(name, BATCH, after=self._offered if self._offered >= 0 else None)
        vouched = self._sink.offer(lines)
        if vouched >= 0:
            self._outbox.acknowledge(name, vouched)
        if lines:
            self._offered = lines[-1][0]
        return len(lines) == BATCH
