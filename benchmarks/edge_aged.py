"""The real vision, locked as ever, that says of each look how old its frame was when it began, in place of the stamp, and how long it took."""

from __future__ import annotations

import struct
import time
from typing import Any

from velatura.edge.vision import Vision

__all__ = ["HEAD", "Aged"]

HEAD = struct.Struct("<dI")
"""Age in seconds, duration in microseconds; where a tally has its stamp and its number (`velatura.edge.tally`)."""


class Aged(Vision):
    """A guest of the benchmark alone; the age is read from the clock that ingest stamped the packet with."""

    def _tell(self, outbox: Any, frame: Any, stamp_s: float) -> None:
        super()._tell(_Stamping(outbox, stamp_s), frame, stamp_s)  # type: ignore[arg-type]


class _Stamping:
    """Made when a look begins, given its message when it ends."""

    def __init__(self, outbox: Any, came_s: float) -> None:
        self._outbox, self._came_s, self._begun_s = outbox, came_s, time.monotonic()

    def put(self, message: bytes) -> None:
        took_us = round(1e6 * (time.monotonic() - self._begun_s))
        self._outbox.put(HEAD.pack(self._begun_s - self._came_s, took_us) + message[HEAD.size :])
