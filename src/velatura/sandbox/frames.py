"""Memory that a child writes and its parent reads: one sealed mapping a child.

On Linux a memfd, sealed so that neither side can shrink it under the other's feet (SIGBUS) nor let it grow; sparse, so that its size is a bound and
not a price. Elsewhere a file without a name. What lies in it is the child's: hostile, and changing while it is read. Copy first, then check.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import tempfile
from types import TracebackType
from typing import Self

from velatura.errors import BadSpec

__all__ = ["SharedFrames"]

_ALLOW_SEALING, _CLOEXEC, _NOEXEC_SEAL = 2, 1, 8
_ADD_SEALS, _SEALS = 1033, 0x1 | 0x2 | 0x4  # SEAL, SHRINK, GROW


class SharedFrames:
    """`size` bytes, zero at first. For one child: two that shared a mapping would see each other's pictures.

    Attributes:
        view: the parent's side, writable.
        descriptor: what is passed to the child.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise BadSpec("sandbox.size", "frames of no bytes")
        self.descriptor = _sealed(size) if sys.platform == "linux" else _nameless(size)
        self._mapping = mmap.mmap(self.descriptor, size)
        self.view = memoryview(self._mapping)

    def close(self) -> None:
        """Let go of the memory; arrays that still look into it keep it until they go."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        with contextlib.suppress(BufferError):
            self.view.release()
            self._mapping.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _sealed(size: int) -> int:
    import fcntl

    try:
        descriptor = os.memfd_create("velatura-frames", _CLOEXEC | _ALLOW_SEALING | _NOEXEC_SEAL)
    except OSError:  # before Linux 6.3
        descriptor = os.memfd_create("velatura-frames", _CLOEXEC | _ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, _ADD_SEALS, _SEALS)
    return descriptor


def _nameless(size: int) -> int:
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        return os.dup(file.fileno())
