"""Collects what was found: each thing once, never its value, never more than a person can read.

What is said comes from our own tables. Of the file's own words only four-letter names of boxes and numbers of tags are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from velatura.media.leaks.span import Damaged
from velatura.media.wire import Leak

__all__ = ["Trace", "counted", "four"]

_MOST = 500


class Trace:
    """What was found so far, in the order of the file."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Leak] = {}
        self._more = False

    def tell(self, case: str, where: str, what: str) -> None:
        key = (case, where, what)
        if len(self._found) < _MOST:
            self._found.setdefault(key, Leak(case, where[:400], what[:400]))
        elif key not in self._found:
            self._more = True

    @contextmanager
    def block(self, case: str, where: str) -> Iterator[None]:
        """A block that can be left out: where it cannot be read, that is what is told of it."""
        try:
            yield
        except Damaged:
            self.tell(case, where, "a block that cannot be read")

    def found(self) -> list[Leak]:
        last = [Leak("L34", "the whole file", f"more than {_MOST} things; the rest is not listed")] if self._more else []
        return [*self._found.values(), *last]


def four(name: bytes) -> str:
    """A four-letter name as it may be shown; others as hexadecimal digits."""
    text = name.decode("latin-1")
    plain = all(c == "\xa9" or (c.isascii() and (c.isalnum() or c in " -_")) for c in text)
    return text.strip() if plain and text.strip() else name.hex()


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 byte`, `12,345 bytes`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
