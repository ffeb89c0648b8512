"""A range of numbers, and the words in which a person is told of it. Whatever is no number lies in none: NaN, true, a word."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

__all__ = ["Range", "shown", "whole"]

LONGEST = 24


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`.

    Attributes:
        above, below: an end that is no part of it.
        whole: whole numbers only.
        off: 0 is one of it too, and means that there is none.
    """

    low: float
    high: float = inf
    above: bool = False
    below: bool = False
    whole: bool = False
    off: bool = False

    def holds(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        if self.off and value == 0:
            return True
        return (value > self.low if self.above else value >= self.low) and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        low, high = (f"more than {self.low:g}" if self.above else f"{self.low:g} or more"), ("less than" if self.below else "at most")
        words = f"{low}, {high} {shown(self.high)}" if self.high < inf else low
        return ("0, or " if self.off else "") + ("a whole number, " if self.whole else "") + words


def whole(low: int, high: int, *, off: bool = False) -> Range:
    """Whole numbers from `low` to `high`."""
    return Range(low, high, whole=True, off=off)


def shown(value: object) -> str:
    """A value that may be as long as a page."""
    if isinstance(value, int) and abs(value) >= 10 ** (LONGEST - 1):
        return f"a number of {value.bit_length()} bits"
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
