"""HTTP/1.1 whose heads come in time: uvicorn waits for the rest of one for ever, so that a few hundred peers without a token could take every place.

Limit: whoever opens connections faster than they are closed still takes places; a proxy in front counts addresses.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEAD_S", "HurriedProtocol"]

HEAD_S = 5.0
"""Seconds in which a request's line and headers have to arrive, from the connection's beginning or the first byte of a later request."""


class HurriedProtocol(H11Protocol):
    """A connection that ends where a request's head is not whole in time."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """The time runs while there is no whole head; further pieces of one do not begin it anew."""
        if self.conn.their_state is not h11.IDLE:
            self._rest()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self._late)

    def _late(self) -> None:
        self._deadline = None
        if self.conn.their_state is h11.IDLE:
            self.transport.abort()

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
