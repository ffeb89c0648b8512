"""Which frames are looked at: every K-th, never less often than every fifth of a second, and always the first of a shot.

Rarer looks lose faces that turn or cross between two of them (docs/benchmarks/tracking.md), so K is bounded by time, and says so once.
"""

from __future__ import annotations

from collections.abc import Callable

from velatura.errors import BadSpec

__all__ = ["LONGEST_S", "Pace"]

LONGEST_S = 0.2
SLACK_S = 1e-3  # time stamps in milliseconds are rounded


class Pace:
    """Asked once a frame, in order.

    Args:
        every: K, at least 1.
        warn: told once if looks have to be closer than every K-th frame.

    Raises:
        BadSpec: `detect.every`.
    """

    def __init__(self, every: int, warn: Callable[[str], None] | None = None) -> None:
        if every < 1:
            raise BadSpec("detect.every", f"--every {every}: must be 1 or more", hint="1 looks at each frame, 5 at every fifth")
        self._every, self._warn = every, warn
        self._since = every
        self._last_look_s = self._last_s = float("-inf")

    def is_due(self, time_s: float, *, shot_starts: bool = False) -> bool:
        """Whether this frame must be looked at."""
        step = time_s - self._last_s
        late = time_s + step - self._last_look_s > LONGEST_S + SLACK_S  # the next frame would be too late
        due = shot_starts or self._since >= self._every
        if late and not due:
            self._tell(step)
            due = True
        self._since = 1 if due else self._since + 1
        self._last_s = time_s
        self._last_look_s = time_s if due else self._last_look_s
        return due

    def _tell(self, step_s: float) -> None:
        if self._warn is not None:
            most = max(1, int((LONGEST_S + SLACK_S) / step_s)) if step_s > 0 else 1
            self._warn(f"--every {self._every} would leave more than {LONGEST_S:g} s between looks; looking at {_every(most)}")
            self._warn = None


def _every(number: int) -> str:
    """In words, as people count."""
    if number == 1:
        return "every frame"
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"every {number}{ending} frame or more often"
