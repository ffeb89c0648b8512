"""A range of a file that cannot be left: every read is checked against it, and all ranges of one file share one budget.

A file may nest and repeat without end; the budget counts reads and refuses what takes more of them than any honest file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal

from velatura.errors import BadInput

__all__ = ["Damaged", "Order", "Span", "whole"]

Order = Literal["big", "little"]

_CHUNK = 256 << 10
_MOST_AT_ONCE = 16 << 20
_MOST_READS = 2_500_000  # a film of two hours needs 30,000, a two-hour recording of a browser a million; all of them take some seconds
_MOST_BYTES, _MOST_TIMES = 256 << 20, 8  # so many bytes, and so many times the file's size, may be read in all


class Damaged(BadInput):
    """The bytes are not what their place says. Inside a block that can be left out, a reader tells of the block and goes on."""


class _Budget:
    """Reads and bytes left, for all ranges of one file."""

    def __init__(self, reads: int, count: int) -> None:
        self._reads, self._bytes = reads, count

    def take(self, count: int) -> None:
        self._reads -= 1
        self._bytes -= count
        if self._reads < 0 or self._bytes < 0:
            raise BadInput("media.too-large", "the file has more parts than any honest one")


class Span:
    """Bytes `start` to `end` of a file; places are counted from `start`."""

    __slots__ = ("_budget", "_file", "end", "start")

    def __init__(self, file: BinaryIO, start: int, end: int, budget: _Budget) -> None:
        self._file, self.start, self.end, self._budget = file, start, max(start, end), budget

    def __len__(self) -> int:
        return self.end - self.start

    def read(self, at: int, count: int) -> bytes:
        """Exactly `count` bytes. Raises Damaged where they reach over the end."""
        if at < 0 or count < 0 or at + count > len(self):
            raise Damaged("media.truncated", "a part reaches over the end of what holds it")
        if count > _MOST_AT_ONCE:
            raise BadInput("media.too-large", "a part is larger than the limit allows")
        self._budget.take(count)
        self._file.seek(self.start + at)
        raw = self._file.read(count)
        if len(raw) != count:
            raise Damaged("media.truncated", "the file ends too early")
        return raw

    def some(self, at: int, count: int) -> bytes:
        """At most `count` bytes, fewer or none at the end."""
        return self.read(at, max(0, min(count, len(self) - at))) if 0 <= at < len(self) else b""

    def number(self, at: int, size: int, order: Order = "big") -> int:
        return int.from_bytes(self.read(at, size), order)

    def part(self, at: int, count: int | None = None) -> Span:
        """A range within this one. Raises Damaged where it reaches over the end."""
        end = len(self) if count is None else at + count
        if not 0 <= at <= end <= len(self):
            raise Damaged("media.truncated", "a part reaches over the end of what holds it")
        return Span(self._file, self.start + at, self.start + end, self._budget)

    def clipped(self, at: int, count: int) -> Span:
        """A range within this one, cut where this one ends."""
        at = max(0, min(at, len(self)))
        return self.part(at, max(0, min(count, len(self) - at)))

    def chunks(self, at: int = 0) -> Iterator[bytes]:
        """All bytes from `at` on, some at a time."""
        while at < len(self):
            chunk = self.some(at, _CHUNK)
            yield chunk
            at += len(chunk)

    def find(self, needle: bytes, at: int = 0, *, within: int | None = None) -> int:
        """Where `needle` begins, -1 where it does not; `within`: look at so many bytes only."""
        tail, place = b"", at
        for chunk in self.clipped(at, len(self) if within is None else within).chunks():
            found = (tail + chunk).find(needle)
            if found >= 0:
                return place - len(tail) + found
            place += len(chunk)
            tail = (tail + chunk)[-(len(needle) - 1) :] if len(needle) > 1 else b""
        return -1

    def is_filler(self) -> bool:
        """Nothing but one of the bytes that writers pad with."""
        first = self.some(0, 1)
        return not first or (first in (b"\0", b"\xff", b" ") and not any(chunk.strip(first) for chunk in self.chunks()))


def whole(file: BinaryIO, size: int, *, reads: int = _MOST_READS) -> Span:
    """The whole of a file of `size` bytes."""
    return Span(file, 0, size, _Budget(reads, _MOST_BYTES + _MOST_TIMES * size))
