"""The filter that a locked child lives under, and its installation.

COMPUTE is what numpy, libav, onnxruntime and SEAL were seen to do once warm (strace): read, write, memory, futex, exit; plus the few that an
allocator or another machine may want. Descriptors are checked (read 0, write 1), no page becomes executable, no memory is shared.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import struct

from velatura.sandbox.bpf import Instruction, Rule, Test, assemble, pack, refuse
from velatura.sandbox.confinement import Confinement
from velatura.sandbox.linux import check, libc
from velatura.sandbox.syscalls import PLAIN, Machine

__all__ = ["INBOX", "OUTBOX", "filter_for", "install", "packed_filter"]

INBOX, OUTBOX = 0, 1
_EXEC, _SHARED, _ANONYMOUS, _FUTEX_PRIVATE, _F_GETFL = 4, 1, 0x20, 0x80, 3
_SET_MODE_FILTER, _TSYNC = 1, 1


def filter_for(may: Confinement, machine: Machine) -> tuple[Instruction, ...]:
    """The program: hottest calls first."""
    at = machine.numbers
    any_descriptor = "openat" in may.calls
    rules = [
        Rule(at["read"], () if any_descriptor else (Test(0, "equal", INBOX),)),
        Rule(at["write"], () if any_descriptor else (Test(0, "equal", OUTBOX),)),
        Rule(at["mmap"], (Test(2, "lack", _EXEC), Test(3, "have", _ANONYMOUS), Test(3, "lack", _SHARED))),
        Rule(at["mprotect"], (Test(2, "lack", _EXEC),)),
        Rule(at["futex"], (Test(1, "have", _FUTEX_PRIVATE),)),  # a shared one reaches other processes through a file
    ]
    rules += [Rule(at[name]) for name in PLAIN]
    return assemble(machine, [*rules, *(_named(name, at[name]) for name in sorted(may.calls))])


@functools.cache
def packed_filter(may: Confinement, machine: Machine) -> bytes:
    """The program as the kernel reads it; assembled once for all forks (0.3 ms of each)."""
    return pack(filter_for(may, machine))


def _named(name: str, number: int) -> Rule:
    if name == "fcntl":
        return Rule(number, (Test(1, "equal", _F_GETFL),))
    if name == "ioctl":
        return Rule(number, verdict=refuse(errno.ENOTTY))
    if name == "prlimit64":  # of itself, and no new limit: processes of the same uid could be starved with it
        return Rule(number, (Test(0, "equal", 0), Test(2, "equal", 0), Test(2, "equal", 0, high=True)))
    return Rule(number)


def install(may: Confinement, machine: Machine) -> None:
    """Bind every thread of this process, for ever. Needs no_new_privs. Raises OSError."""
    raw = packed_filter(may, machine)
    buffer = ctypes.create_string_buffer(raw, len(raw))
    head = struct.pack("<H6xQ", len(raw) // 8, ctypes.addressof(buffer))
    number = ctypes.c_long(machine.numbers["seccomp"])
    left = check(libc().syscall(number, ctypes.c_long(_SET_MODE_FILTER), ctypes.c_long(_TSYNC), head), "seccomp")
    if left:
        raise OSError(errno.EPERM, f"seccomp: thread {left} could not be bound")
