"""Notices that the clock was set, or that the machine slept. Ticks and budget go by the monotonic clock, which neither moves; people should know."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

__all__ = ["Clocks", "Readings", "now"]

JUMP_S = 5.0
SHOWN_S = 3600.0


@dataclass(frozen=True, slots=True)
class Readings:
    """Seconds: of the wall (Unix time), since the start without sleep (CLOCK_MONOTONIC), since the start (CLOCK_BOOTTIME)."""

    wall_s: float
    awake_s: float
    up_s: float


def now() -> Readings:
    return Readings(time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME))


@dataclass(slots=True)
class Clocks:
    """Compares each reading with the one before."""

    _before: Readings | None = None
    _said: str = "ok"
    _until_s: float = field(default=0.0)

    def look(self, at: Readings) -> str:
        """A state of the area "host": "clock-jumped" or "suspended" for an hour after it happened, else "ok"."""
        before, self._before = self._before or at, at
        up_s = at.up_s - before.up_s
        if abs(at.wall_s - before.wall_s - up_s) > JUMP_S:
            self._said, self._until_s = "clock-jumped", at.awake_s + SHOWN_S
        elif up_s - (at.awake_s - before.awake_s) > JUMP_S:
            self._said, self._until_s = "suspended", at.awake_s + SHOWN_S
        return self._said if at.awake_s < self._until_s else "ok"
