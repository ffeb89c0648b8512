"""Bits that may still leave: a bucket that fills at the policy's rate and holds no more than its burst.

In any stretch of T hours at most rate * T + capacity bits are taken out, whatever is asked and when. The clock is an argument and may stand still or
run backwards (nothing comes in then) or leap ahead (no more than the capacity comes in). After a restart it goes on with what was in it: time that
nobody measured brings nothing, or switching off and on would fill it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bucket"]

ROOM = 1e-9  # bits: of adding floats


@dataclass(slots=True)
class Bucket:
    """Args: per_hour, capacity: bits; level: bits in it; at_s: the clock when it was last looked at, None: not yet."""

    per_hour: float
    capacity: float
    level: float
    at_s: float | None = None

    def take(self, bits: float, now_s: float) -> bool:
        """Take bits out if so many are in; whether they were."""
        if self.at_s is not None:
            self.level = min(self.capacity, self.level + max(now_s - self.at_s, 0.0) * self.per_hour / 3600)
        self.at_s = now_s if self.at_s is None else max(self.at_s, now_s)
        if bits > self.level + ROOM:
            return False
        self.level = max(self.level - bits, 0.0)
        return True
