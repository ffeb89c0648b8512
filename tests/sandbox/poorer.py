"""A machine that is poorer than this one: a filter of our own over this process and all that it starts, as a container's profile or an old kernel is.

python poorer.py WITHOUT PROGRAM [ARGUMENT ...]      WITHOUT: comma-separated, of user, namespaces, landlock, seccomp, secretmem
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from velatura.sandbox.bpf import ALLOW, Instruction, pack, refuse
from velatura.sandbox.linux import check, libc, prctl
from velatura.sandbox.syscalls import X86_64, this_machine

__all__ = ["take_away"]

LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06


def take_away(names: str) -> None:
    """For ever. A call that is gone answers as a kernel without it, or as a profile that forbids it."""
    x86 = this_machine() is X86_64
    unshare, seccomp = (272, 317) if x86 else (97, 277)
    program = [Instruction(LOAD, 0)]
    if "namespaces" in names:
        program += [Instruction(EQUAL, unshare, 0, 1), Instruction(RETURN, refuse())]
    if "landlock" in names:
        program += [Instruction(EQUAL, 444, 0, 1), Instruction(RETURN, refuse(errno.ENOSYS))]
    if "secretmem" in names:
        program += [Instruction(EQUAL, 447, 0, 1), Instruction(RETURN, refuse(errno.ENOSYS))]
    if "user" in names:  # unshare with CLONE_NEWUSER
        program += [Instruction(EQUAL, unshare, 0, 3), Instruction(LOAD, 16), Instruction(ANY_BIT, 0x10000000, 0, 1), Instruction(RETURN, refuse())]
        program += [Instruction(LOAD, 0)]
    if "seccomp" in names:
        program += [Instruction(EQUAL, seccomp, 0, 1), Instruction(RETURN, refuse(errno.ENOSYS))]
    raw = pack([*program, Instruction(RETURN, ALLOW)])
    buffer = ctypes.create_string_buffer(raw, len(raw))
    check(prctl(38, 1), "no_new_privs")
    head = struct.pack("<H6xQ", len(raw) // 8, ctypes.addressof(buffer))
    check(libc().syscall(ctypes.c_long(seccomp), ctypes.c_long(1), ctypes.c_long(0), head), "seccomp")


if __name__ == "__main__":
    take_away(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
