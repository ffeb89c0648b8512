"""Evaluation keys that a service holds for its owners: each with an expiry, all together within a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from velatura.errors import Missing

__all__ = ["Kept", "KeyShelf"]


@dataclass(slots=True)
class Kept:
    """`program`: the id of the program that the keys are for. `until_s`: on the shelf's clock."""

    program: bytes
    size: int
    until_s: float


class KeyShelf:
    """Safe to use from several threads.

    Args:
        most: bytes of all keys together.
        expire_s: seconds after their last use.
        clock: seconds, never going back.
        forget: is told (program, key) when keys go.
    """

    def __init__(self, *, most: int, expire_s: float, clock: Callable[[], float], forget: Callable[[bytes, bytes], None]) -> None:
        self._most, self._expire_s, self._clock, self._forget = most, expire_s, clock, forget
        self._kept: dict[bytes, Kept] = {}
        self._turn = threading.Lock()

    def reserve(self, key: bytes, program: bytes, size: int) -> None:
        """Room for keys that are about to be taken; earlier ones of that id make place.

        Raises:
            Missing: `he.full`: others' keys fill the shelf, and none of them has expired.
        """
        self.sweep()
        if (old := self._kept.get(key)) is not None and old.program != program:
            self.drop(key)
        with self._turn:
            taken = sum(one.size for other, one in self._kept.items() if other != key)
            if taken + size > self._most:
                raise Missing("he.full", "there is no room for more evaluation keys now", hint="ask again later, or ask the operator for more room")
            self._kept[key] = Kept(program, size, self._clock() + self._expire_s)

    def use(self, key: bytes) -> None:
        """Their time begins anew."""
        with self._turn:
            if key in self._kept:
                self._kept[key].until_s = self._clock() + self._expire_s

    def drop(self, key: bytes) -> bool:
        """Whether they were there."""
        with self._turn:
            kept = self._kept.pop(key, None)
        if kept is not None:
            self._forget(kept.program, key)
        return kept is not None

    def sweep(self) -> None:
        """Drop what has expired."""
        now = self._clock()
        with self._turn:
            gone = [key for key, one in self._kept.items() if one.until_s <= now]
        for key in gone:
            self.drop(key)

    def __len__(self) -> int:
        return len(self._kept)
