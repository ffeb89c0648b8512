"""Landlock: no file but those granted, and from ABI 4 and 6 on no TCP, no abstract socket, no signal outward.

It binds the calling thread and what it starts, for ever; a second one only narrows. It knows nothing of stat, chmod and the like: those are
seccomp's. ABI by kernel: 1 = 5.13, 2 = 5.19 (REFER), 3 = 6.2 (TRUNCATE), 4 = 6.7 (TCP), 5 = 6.10 (IOCTL_DEV), 6 = 6.12 (scopes).
Source: Documentation/userspace-api/landlock.rst.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from velatura.sandbox.linux import check, libc

__all__ = ["abi", "restrict"]

_CREATE, _ADD_RULE, _RESTRICT = (ctypes.c_long(n) for n in (444, 445, 446))  # the same on every machine
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # how many file rights an ABI knows; 16 from 5 on
_READ = 0x000C  # READ_FILE, READ_DIR
_WRITE = 0x41BE  # and WRITE_FILE, REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, TRUNCATE
_OF_A_FILE = 0x4006  # the rights that a rule about a single file may carry
_BENEATH, _PORT, _CONNECT = 1, 2, 2  # kinds of rules; the right to connect


def abi() -> int:
    """The version that the kernel speaks. Raises OSError: ENOSYS not built, EOPNOTSUPP not switched on."""
    return check(libc().syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1)), "landlock")


def restrict(*, reads: Iterable[Path] = (), writes: Iterable[Path] = (), connects: Iterable[int] = ()) -> None:
    """Read below `reads`, change files below `writes`, connect to TCP ports (ABI 4), nothing else. Needs no_new_privs. Raises OSError."""
    version = abi()
    known = (1 << _RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("<QQQ", known, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = check(libc().syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)), "landlock_create_ruleset")
    try:
        for paths, rights in ((reads, _READ), (writes, _WRITE)):
            for path in paths:
                _grant(rules, path, rights & known)
        for port in connects if version >= 4 else ():
            rule = struct.pack("<QQ", _CONNECT, port)
            check(libc().syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_PORT), rule, ctypes.c_uint32(0)), f"landlock_add_rule port {port}")
        check(libc().syscall(_RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0)), "landlock_restrict_self")
    finally:
        os.close(rules)


def _grant(rules: int, path: Path, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = rights if path.is_dir() else rights & _OF_A_FILE
        beneath = struct.pack("<Qi", allowed, place)
        check(libc().syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_BENEATH), beneath, ctypes.c_uint32(0)), f"landlock_add_rule {path}")
    finally:
        os.close(place)
