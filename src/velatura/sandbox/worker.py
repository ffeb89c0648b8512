"""Request and answer over a warm guest: a fresh child after so many requests, a crash or a missed deadline.

A worker belongs to one owner (a client's session, a person's file). A child that was taken over by one request sees the next ones, so `reuse` never
reaches from one owner to another: close the worker and make another. A request that fails is not tried again here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from velatura.errors import BadInput
from velatura.sandbox.child import Child
from velatura.sandbox.confinement import Confinement
from velatura.sandbox.held import Held
from velatura.sandbox.launch import Json
from velatura.sandbox.starting import start

__all__ = ["Worker"]


class Worker:
    """`with` it, or close it.

    Args:
        guest, settings, may, path: as of `velatura.sandbox.Warm`.
        reuse: requests that one child answers.
        setup: requests that each fresh child is given first (keys: hostile bytes, which may not go into `warm`); answers are dropped.

    Raises:
        BadSpec, Missing: as `velatura.sandbox.Warm`.
    """

    def __init__(self, guest: str, settings: Json, may: Confinement, *, reuse: int, setup: Sequence[bytes] = (), path: Sequence[Path] = ()) -> None:
        assert reuse > 0, "a child that answers nothing is of no use"
        self._warm = start(guest, settings, may, path=path)
        self._reuse, self._setup = reuse, tuple(setup)
        self._child: Child | None = None
        self.held: Held | None = None

    def ask(self, request: bytes | bytearray | memoryview, *, deadline_s: float, limit: int) -> bytes:
        """The answer, of at most `limit` bytes; hostile.

        Raises:
            BadInput: `sandbox.crashed`, `sandbox.hung`, `sandbox.too-large`. The child is gone then, with what it knew.
            Missing: as `Warm.fork`.
        """
        if self._child is not None and self._child.served >= self._reuse + len(self._setup):
            self._drop()
        try:
            child = self._child or self._fresh(deadline_s, limit)
            return child.ask(request, deadline_s=deadline_s, limit=limit)
        except BadInput:
            self._drop()
            raise

    def close(self) -> None:
        self._drop()
        self._warm.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _fresh(self, deadline_s: float, limit: int) -> Child:
        self._child, self.held = self._warm.fork()
        for request in self._setup:
            self._child.ask(request, deadline_s=deadline_s, limit=limit)
        return self._child

    def _drop(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None
