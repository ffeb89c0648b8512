"""What parent and warm process say to each other: JSON with descriptors, each a length and its bytes, in strict turns over a socket pair.

The warm process never reads an untrusted byte, so both ends trust each other; the bound on a message only keeps a mistake from taking memory.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Control"]

_HEAD = struct.Struct("<I")
_MOST_BYTES = 16 << 20
_MOST_DESCRIPTORS = 4


class Control:
    """One end of the socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    def send(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Raises OSError where the other end has gone."""
        raw = json.dumps(message).encode()
        if descriptors:
            socket.send_fds(self.end, [_HEAD.pack(len(raw))], descriptors)
        else:
            self.end.sendall(_HEAD.pack(len(raw)))
        self.end.sendall(raw)

    def receive(self, *, deadline_s: float | None = None) -> tuple[dict[str, Any], list[int]]:
        """The next message and its descriptors. Raises EOFError, TimeoutError."""
        until = None if deadline_s is None else time.monotonic() + deadline_s
        self._wait(until)
        head, descriptors, _, _ = socket.recv_fds(self.end, _HEAD.size, _MOST_DESCRIPTORS)
        head += self._exactly(_HEAD.size - len(head), until) if head else b""
        if not head:
            raise EOFError("the other end has gone")
        (size,) = _HEAD.unpack(head)
        if size > _MOST_BYTES:
            raise EOFError("a message longer than any that is sent")
        body: dict[str, Any] = json.loads(self._exactly(size, until))
        return body, list(descriptors)

    def close(self) -> None:
        self.end.close()

    def _exactly(self, size: int, until: float | None) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._wait(until)
            part = self.end.recv(size - len(parts))
            if not part:
                raise EOFError("the other end has gone")
            parts += part
        return bytes(parts)

    def _wait(self, until: float | None) -> None:
        """Bound the next call on the socket."""
        if until is None:
            self.end.settimeout(None)
            return
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.end.settimeout(left)
