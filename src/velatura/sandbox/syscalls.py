"""Numbers of the system calls that a filter names, on the two machines that we know.

x86-64: arch/x86/entry/syscalls/syscall_64.tbl. aarch64: <asm-generic/unistd.h>; it has no `poll` and no `unlink`, glibc makes `ppoll` and `unlinkat`
of them. A test compares both tables with the headers of the C library where those are installed. aarch64 has been run through the evaluator of
filters only, not on a processor.
"""

from __future__ import annotations

import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from velatura.sandbox.confinement import NAMEABLE

__all__ = ["AARCH64", "PLAIN", "X86_64", "Machine", "this_machine"]

PLAIN = ("brk", "munmap", "mremap", "madvise", "clock_gettime", "rt_sigreturn", "restart_syscall", "exit", "exit_group")
"""Of COMPUTE, those that are allowed whatever their arguments are; read, write, mmap, mprotect and futex are looked at."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One processor family as seccomp sees it: `audit` is AUDIT_ARCH_*, `foreign_from` the first number of another ABI (x32), if there is one."""

    name: str
    audit: int
    numbers: Mapping[str, int] = field(hash=False)
    foreign_from: int | None = None


def _table(common: dict[str, int]) -> Mapping[str, int]:
    assert {*NAMEABLE, *PLAIN, "read", "write", "mmap", "mprotect", "futex", "seccomp"} == set(common), "a table knows every name and no other"
    return MappingProxyType(common)


# fmt: off
X86_64 = Machine("x86_64", 0xC000003E, _table({
    "read": 0, "write": 1, "mmap": 9, "mprotect": 10, "futex": 202, "seccomp": 317,
    "brk": 12, "munmap": 11, "mremap": 25, "madvise": 28, "clock_gettime": 228, "rt_sigreturn": 15, "restart_syscall": 219, "exit": 60,
    "exit_group": 231,
    "openat": 257, "close": 3, "newfstatat": 262, "lseek": 8, "unlink": 87, "writev": 20,
    "clock_nanosleep": 230, "fcntl": 72, "fstat": 5, "getcpu": 309, "getpid": 39, "getrandom": 318, "getrusage": 98, "gettid": 186, "ioctl": 16,
    "poll": 7, "ppoll": 271, "prlimit64": 302, "rt_sigaction": 13, "rt_sigprocmask": 14, "sched_getaffinity": 204, "sched_yield": 24,
    "sysinfo": 99, "uname": 63,
}), foreign_from=0x40000000)

AARCH64 = Machine("aarch64", 0xC00000B7, _table({
    "read": 63, "write": 64, "mmap": 222, "mprotect": 226, "futex": 98, "seccomp": 277,
    "brk": 214, "munmap": 215, "mremap": 216, "madvise": 233, "clock_gettime": 113, "rt_sigreturn": 139, "restart_syscall": 128, "exit": 93,
    "exit_group": 94,
    "openat": 56, "close": 57, "newfstatat": 79, "lseek": 62, "unlink": 35, "writev": 66,
    "clock_nanosleep": 115, "fcntl": 25, "fstat": 80, "getcpu": 168, "getpid": 172, "getrandom": 278, "getrusage": 165, "gettid": 178, "ioctl": 29,
    "poll": 73, "ppoll": 73, "prlimit64": 261, "rt_sigaction": 134, "rt_sigprocmask": 135, "sched_getaffinity": 123, "sched_yield": 124,
    "sysinfo": 179, "uname": 160,
}))
# fmt: on


def this_machine() -> Machine | None:
    """The table for this interpreter; None where there is none (another processor, a 32-bit interpreter, not Linux)."""
    if sys.platform != "linux" or struct.calcsize("P") != 8 or sys.byteorder != "little":
        return None
    return {"x86_64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}.get(platform.machine())
