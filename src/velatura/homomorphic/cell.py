"""What a process that holds SEAL may do, on either side."""

from __future__ import annotations

import sys

from velatura.sandbox.confinement import FILES, Confinement, Layer

__all__ = ["confinement"]

_MIB = 1 << 20
_SPARE_MIB = 512
"""For SEAL's tables and its pool."""


def confinement(memory: int, *, scratch: int) -> Confinement:
    """Compute, and pass objects through files of its own, which lie in memory (on the disk where the machine allows no namespaces).

    Args:
        memory: bytes that its work takes.
        scratch: bytes of the largest object that is passed.
    """
    required = frozenset({Layer.SECCOMP, Layer.RLIMITS}) if sys.platform == "linux" else frozenset()
    return Confinement(scratch_mb=scratch // _MIB + 16, calls=FILES, memory_mb=memory // _MIB + _SPARE_MIB, required=required)
