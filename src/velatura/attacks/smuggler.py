"""The sender's half of codes that use nothing but the allowed output: what is written, when, how long, in which order, or not at all.

It runs in the process that sees. One bit a period: `pen` writes messages, waits, and knows the clock. What reads it is `receiver`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from velatura.attacks.errand import Bits, Field

__all__ = ["LIVE", "MANY", "Pen", "smuggle", "status_bits", "track_pair"]

MANY, SPACING_S = 30, 0.004  # messages of a busy period
Step = Callable[["Pen", Sequence[Field], int, int], None]


class Pen(Protocol):
    """What a hostile process has: the one way out that it may use, and a clock."""

    def write(self, values: Mapping[str, int], *, cut: int = 0) -> None:
        """One message; what is not named is 0. cut: bytes that are left off its end."""
        ...

    def wait(self, until_s: float, *, busy: bool = False) -> None:
        """Monotonic seconds. busy: the processor is kept hot meanwhile."""
        ...

    def quit(self, status: int) -> None:
        """End the process."""
        ...

    def period(self) -> int:
        """The one that runs now."""
        ...

    def begins_s(self, period: int) -> float: ...


def _presence(pen: Pen, fields: Sequence[Field], bit: int, at: int) -> None:
    if bit:
        pen.write(_state(fields, 1))


def _change(pen: Pen, fields: Sequence[Field], bit: int, at: int) -> None:
    """The other value, or once more the one of before; which of both says nothing."""
    pen.write(_state(fields, bit))


def _timing(pen: Pen, fields: Sequence[Field], bit: int, at: int) -> None:
    """A flood and a hot processor, or one message and rest."""
    for number in range(MANY if bit else 1):
        pen.write(_state(fields, 1))
        pen.wait(pen.begins_s(at) + (number + 1) * SPACING_S, busy=bool(bit))
    if bit:
        pen.wait(pen.begins_s(at) + 0.8 * (pen.begins_s(at + 1) - pen.begins_s(at)), busy=True)


def _lengths(pen: Pen, fields: Sequence[Field], bit: int, at: int) -> None:
    pen.write(_state(fields, 1))
    if bit:
        pen.write(_state(fields, 1), cut=3)


def _order(pen: Pen, fields: Sequence[Field], bit: int, at: int) -> None:
    """Of two tracks in a message; without tracks, of two messages."""
    tracks = track_pair(fields)
    if tracks:
        pen.write(tracks[0] if bit else tracks[1])
        return
    for shown in (0, 1) if bit else (1, 0):
        pen.write(_state(fields, shown))


def _restarts(pen: Pen, fields: Sequence[Field], bit: int, at: int) -> None:
    """Ends the process; `smuggle` puts eight bits more into how."""
    pen.write(_state(fields, 1))


_STEPS: Mapping[str, Step] = {
    "presence": _presence,
    "change": _change,
    "timing": _timing,
    "lengths": _lengths,
    "order": _order,
    "restarts": _restarts,
}
LIVE = tuple(_STEPS)
"""Ways that play against the clock."""


def smuggle(way: str, pen: Pen, fields: Sequence[Field], bits: Bits) -> None:
    """One bit a period, from the next one on, until the process is ended. bits: bit n goes out in period n, in turn."""
    shown = 0
    for at in itertools.count(pen.period() + 1):
        pen.wait(pen.begins_s(at))
        bit = int(bits[at % len(bits)])
        if way == "change":
            shown ^= bit
            bit = shown
        _STEPS[way](pen, fields, bit, at)
        if way == "restarts" and bit:
            pen.quit(int(np.packbits(status_bits(bits, at))[0]))


def status_bits(bits: Bits, period: int) -> Bits:
    """The eight that a process which ends in this period takes with it."""
    return bits[np.arange(8 * period, 8 * period + 8) % len(bits)]


def track_pair(fields: Sequence[Field]) -> tuple[dict[str, int], dict[str, int]] | None:
    """Two tracks in both orders; None: the record holds no two."""
    slots = list(dict.fromkeys(name.partition(".")[0] for name, _, kind in fields if kind == "slot"))
    if len(slots) < 2:
        return None
    first, second = ({"label": 1, "x": x, "y": 9, "w": 2, "h": 2} for x in (4, 20))
    return (_slots(slots, first, second), _slots(slots, second, first))


def _slots(slots: Sequence[str], first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    told = {f"{slots[0]}.{name}": value for name, value in first.items()}
    return told | {f"{slots[1]}.{name}": value for name, value in second.items()}


def _state(fields: Sequence[Field], shown: int) -> dict[str, int]:
    """A message in which the last count is at its most, or nothing is."""
    counts = [(name, size) for name, size, kind in fields if kind in ("state", "slot")]
    if not shown or not counts:
        return {}
    tracks = track_pair(fields)
    return tracks[0] if tracks else {counts[-1][0]: counts[-1][1] - 1}
