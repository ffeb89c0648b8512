"""A probe: one whole attempt to reach out of the cell, and how its outcome is read.

A probe does no harm when it succeeds: what it touches is a folder, a process and sockets made for it, or it puts back what was there; it renames,
mounts over, changes and deletes nothing else. A denial proves nothing unless the same attempt works outside (`velatura.sandbox.escapes.control`).
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable
from dataclasses import dataclass

from velatura.sandbox.escapes.numbers import NUMBERS, number
from velatura.sandbox.linux import check, libc

__all__ = ["OPEN", "Argument", "Probe", "attempt", "buffer", "by_number", "invoke"]

OPEN = "OPEN"
Argument = int | None | ctypes.Array[ctypes.c_char]
_DENIED = ("EPERM", "EACCES", "ENOSYS")


@dataclass(frozen=True, slots=True)
class Probe:
    """`reach`: an errno other than EPERM, EACCES and ENOSYS counts as open, so that a wrong argument cannot pass for a denial."""

    group: str
    name: str
    act: Callable[[], object]
    reach: bool = False


def attempt(probe: Probe) -> str:
    """OPEN, or the word of the denial: an errno's name or an exception's."""
    try:
        probe.act()
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "OSError")
        return OPEN if probe.reach and name not in _DENIED else name
    except BaseException as error:  # a denial may take any form; what it is stands in the table
        return type(error).__name__
    return OPEN


def buffer(raw: bytes) -> ctypes.Array[ctypes.c_char]:
    """Memory that a call may read and write."""
    return ctypes.create_string_buffer(raw)


def invoke(name: str, *arguments: Argument) -> int:
    """The system call itself, past every wrapper of the C library. Raises OSError."""
    found = number(name)
    if found is None:
        raise OSError(errno.ENOSYS, f"{name}: not on this machine")
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return check(libc().syscall(ctypes.c_long(found), *words), name)


def by_number(group: str, name: str, call: str, *arguments: Argument, reach: bool = True) -> list[Probe]:
    """A probe that is one call; none on a machine that has no such call."""
    assert call in NUMBERS, "the table knows every call that a probe makes"
    return [Probe(group, name, lambda: invoke(call, *arguments), reach)] if number(call) is not None else []
