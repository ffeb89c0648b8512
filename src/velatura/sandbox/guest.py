"""What runs inside: the protocol of a guest, and the two ends of its pipes.

A guest is named "module:Class" and built from JSON in a fresh interpreter: `Class(**settings)`. Nothing is pickled.
Its forks share the state of every generator of random numbers that was seeded while warming; one that draws must be given its seed.
"""

from __future__ import annotations

import os
import struct
from typing import Protocol

from velatura.sandbox.seccomp import INBOX, OUTBOX

__all__ = ["Guest", "Inbox", "Outbox"]

_HEAD = struct.Struct("<I")
_PART = 1 << 20


class Guest(Protocol):
    """The code inside; its answers are hostile bytes from its first request on."""

    def warm(self) -> None:
        """Import, load, run once **every shape, codec and format that will come**: after the lock nothing can be loaded, compiled or started."""
        ...

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        """Locked. Until `inbox` ends. `frames`: one writable shared mapping, made before the lock; the parent reads it as hostile bytes."""
        ...


class Inbox:
    """Messages from the parent: 4 bytes of length (little-endian), then the bytes.

    Not a BinaryIO: a file object of Python buffers, asks fstat and ioctl, and seeks; after the lock `read` on this one descriptor is all there
    is. And a guest that had to frame its own messages would do it in as many ways as there are guests.
    """

    def __init__(self, descriptor: int = INBOX) -> None:
        self._descriptor = descriptor

    def get(self) -> bytes | None:
        """The next message; None when the parent has closed the pipe."""
        head = self._exactly(_HEAD.size)
        return None if head is None else self._exactly(_HEAD.unpack(head)[0])

    def _exactly(self, size: int) -> bytes | None:
        first = os.read(self._descriptor, min(size, _PART)) if size else b""
        if len(first) == size:
            return first
        parts = bytearray(first)
        while len(parts) < size:
            part = os.read(self._descriptor, min(size - len(parts), _PART))
            if not part:
                return None
            parts += part
        return bytes(parts)


class Outbox:
    """Messages to the parent, framed as in `Inbox`. Blocks while the pipe is full."""

    def __init__(self, descriptor: int = OUTBOX) -> None:
        self._descriptor = descriptor

    def put(self, message: bytes | bytearray | memoryview) -> None:
        """Raises BrokenPipeError where the parent has gone."""
        raw = memoryview(message).cast("B")
        self._write(_HEAD.pack(raw.nbytes) + raw[:_PART])
        self._write(raw[_PART:])

    def _write(self, raw: bytes | memoryview) -> None:
        left = memoryview(raw)
        while left:
            left = left[os.write(self._descriptor, left) :]
