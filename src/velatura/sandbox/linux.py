"""The C library through ctypes: the calls that Python has no name for. No wheel for Landlock or seccomp is worth its risk for forty lines."""

from __future__ import annotations

import ctypes
import functools
import os

__all__ = ["check", "libc", "prctl", "trim_memory"]


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library of this process; `syscall` answers a long."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def check(result: int, what: str) -> int:
    """`result` if it is none of failure; else OSError with the call's name."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, *arguments: int) -> int:
    """prctl(2); -1 where it failed."""
    words = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    return int(libc().prctl(ctypes.c_int(option), *words))


def trim_memory() -> None:
    """Hand what the allocator keeps free back to the kernel; not every C library can."""
    trim = getattr(libc(), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
