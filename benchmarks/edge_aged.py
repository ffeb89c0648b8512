"""The real vision, locked as ever, that says of each look how old its frame was when the look began, in place of the frame's stamp."""

from __future__ import annotations

import struct
import time
from typing import Any

from velatura.edge.vision import Vision

__all__ = ["Aged"]

_AGE = struct.Struct("<d")


class Aged(Vision):
    """A guest of the benchmark alone; the age is read from the clock that ingest stamped the packet with."""

    def _tell(self, outbox: Any, frame: Any, stamp_s: float) -> None:
        super()._tell(_Stamping(outbox, time.monotonic() - stamp_s), frame, stamp_s)  # type: ignore[arg-type]


class _Stamping:
    def __init__(self, outbox: Any, age_s: float) -> None:
        self._outbox, self._age = outbox, _AGE.pack(age_s)

    def put(self, message: bytes) -> None:
        self._outbox.put(self._age + message[_AGE.size :])
