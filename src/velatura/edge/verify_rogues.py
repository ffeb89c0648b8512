"""What vision may be once it was taken over: warmed as the real one, locked as the real one, and hostile from its first word on.

A verification puts them in vision's place and looks at what the gateway makes of it. Nothing that runs a camera names them.
"""

from __future__ import annotations

import os
import select
import struct
from typing import NoReturn

from velatura.edge.tally import Tally, pack, width
from velatura.edge.vision import Vision
from velatura.sandbox.guest import Inbox, Outbox
from velatura.sandbox.seccomp import OUTBOX

__all__ = ["Deaf", "Exits", "Flood", "Half", "Large", "Lengths", "OddTimes"]

_LOUD = 0xFFFFFFFF


class _Rogue(Vision):
    """`serve` belongs to an attacker."""

    def _tally(self, looks: int) -> bytes:
        return pack(Tally(float(looks), looks, (_LOUD,) * len(self._schema.fields)), self._schema)

    def _rest(self, milliseconds: int) -> None:
        """Vision has no clock to sleep by: it polls nothing at all."""
        select.poll().poll(milliseconds)


class OddTimes(_Rogue):
    """Speaks when it likes: the pauses are the message."""

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        looks = 0
        while True:
            for pause in (1, 340, 20, 610, 5, 90):
                self._rest(pause)
                looks += 1
                outbox.put(self._tally(looks))


class Lengths(_Rogue):
    """Says nothing but how long it speaks."""

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        while True:
            for size in range(width(self._schema)):
                outbox.put(b"\xff" * size)
                self._rest(5)


class Large(_Rogue):
    """One message that is larger than any, of which the first part is a good one."""

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        outbox.put(self._tally(1) + b"\xff" * (1 << 20))


class Flood(_Rogue):
    """A million good messages, as fast as they are taken."""

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        for looks in range(1_000_000):
            outbox.put(self._tally(looks))


class Half(_Rogue):
    """One message, half of another, and silence."""

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        raw = self._tally(1)
        outbox.put(raw)
        os.write(OUTBOX, struct.pack("<I", len(raw)) + raw[: len(raw) // 2])
        while True:
            self._rest(1000)


class Exits(_Rogue):
    """Ends at once; the code is the message."""

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> NoReturn:
        os._exit(0xA5)


class Deaf(_Rogue):
    """Goes on whatever write says."""

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> NoReturn:
        while True:
            try:
                outbox.put(self._tally(1))
            except OSError:
                self._rest(1)
