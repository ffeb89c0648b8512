"""Probes of memory, of descriptors that are there, and of what a child may use up."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct

from velatura.sandbox.escapes.probe import Probe, buffer, by_number, invoke
from velatura.sandbox.escapes.targets import Targets

__all__ = ["probes"]

_PRIVATE_ANONYMOUS = 0x22
_NO_RESERVE = 0x4000
_MOST_DESCRIPTORS = 1024


def probes(at: Targets) -> list[Probe]:
    """15 of memory, 18 of descriptors, 2 of limits."""
    return [*_new_objects(), *_pages(at), *_descriptors(), *_channels(at), *_limits(at)]


def _new_objects() -> list[Probe]:
    return [
        *by_number("mem", "memfd_create", "memfd_create", buffer(b"x"), 0),
        *by_number("mem", "memfd_secret", "memfd_secret", 0),
        *by_number("mem", "pipe2", "pipe2", buffer(bytes(8)), 0),
        *by_number("mem", "eventfd", "eventfd2", 0, 0),
        *by_number("mem", "signalfd", "signalfd4", -1, buffer(bytes(8)), 8, 0),
        *by_number("mem", "timerfd", "timerfd_create", 1, 0),
        *by_number("mem", "epoll", "epoll_create1", 0),
    ]


def _pages(at: Targets) -> list[Probe]:
    secret = os.path.join(at.folder, "secret")  # noqa: PTH118
    word = buffer(bytes(4096))
    return [
        Probe("mem", "mmap exec", lambda: mmap.mmap(-1, 4096, prot=7)),
        Probe("mem", "mmap shared", lambda: mmap.mmap(-1, 4096, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)),
        Probe("mem", "mprotect exec", lambda: invoke("mprotect", _page(), 4096, 7)),
        Probe("mem", "pkey_mprotect exec", lambda: invoke("pkey_mprotect", _page(), 4096, 7, -1)),
        Probe("mem", "mmap a file", lambda: invoke("mmap", 0, 4096, 1, 2, os.open(secret, os.O_RDONLY), 0)),
        Probe("mem", "READ_IMPLIES_EXEC", lambda: invoke("personality", 0x400000)),
        *by_number("mem", "mlock", "mlock", ctypes.addressof(word) & -4096, 4096),
        *by_number("mem", "futex shared", "futex", buffer(bytes(8)), 1, 1, 0, 0, 0),
    ]


def _descriptors() -> list[Probe]:
    return [
        Probe("fd", "stderr", lambda: os.write(2, b"")),
        Probe("fd", "write fd 0", lambda: os.write(0, b"")),
        Probe("fd", "read fd 1", lambda: os.read(1, 0)),
        Probe("fd", "any other descriptor", _inherited),
        *by_number("fd", "dup", "dup", 1),
        *by_number("fd", "dup2", "dup2", 1, 9),
        *by_number("fd", "fcntl F_GETFL", "fcntl", 1, 3, 0),
    ]


def _channels(at: Targets) -> list[Probe]:
    """Other ways to say something through a descriptor that one may write to."""
    byte = buffer(bytes(16))
    vector = buffer(struct.pack("QQ", ctypes.addressof(byte), 13))
    _kept.extend((byte, vector))
    return [
        *by_number("fd", "pwrite", "pwrite64", 1, byte, 0, 0),
        *by_number("fd", "pwritev2", "pwritev2", 1, vector, 1, 0, 0),
        *by_number("fd", "fcntl F_SETOWN", "fcntl", 1, 8, at.victim),
        *by_number("fd", "fcntl F_SETPIPE_SZ", "fcntl", 1, 1031, 8192),
        *by_number("fd", "ioctl FIONREAD", "ioctl", 1, 0x541B, buffer(bytes(8))),
        *by_number("fd", "sendfile", "sendfile", 1, 0, 0, 0),
        *by_number("fd", "splice", "splice", 0, 0, 1, 0, 0, 0),
        *by_number("fd", "tee", "tee", 0, 1, 0, 0),
        *by_number("fd", "vmsplice", "vmsplice", 1, vector, 1, 0),
        *by_number("fd", "fsync", "fsync", 1),
        *by_number("fd", "flock", "flock", 1, 8),
    ]


def _limits(at: Targets) -> list[Probe]:
    size = 2 * at.memory_mb << 20
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
    return [
        Probe("limit", "twice the granted memory", lambda: mmap.mmap(-1, size, flags=flags)),
        Probe("limit", "file of 1 GiB", _large_file),
    ]


def _page() -> int:
    return invoke("mmap", 0, 4096, 3, _PRIVATE_ANONYMOUS, -1, 0)


def _inherited() -> None:
    """Read or write nothing at all, on each number."""
    for number in range(3, _MOST_DESCRIPTORS):
        for act in (lambda n: os.read(n, 0), lambda n: os.write(n, b"")):
            try:
                act(number)
            except OSError:
                continue
            return
    raise OSError(errno.EBADF, "no descriptor beyond the three")


def _large_file() -> None:
    """Sparse: one byte at its end."""
    descriptor = os.open("big", os.O_CREAT | os.O_WRONLY)
    os.lseek(descriptor, 1 << 30, os.SEEK_SET)
    os.write(descriptor, b"x")


_kept: list[ctypes.Array[ctypes.c_char]] = []  # memory that other memory points to
