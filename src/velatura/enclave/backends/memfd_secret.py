"""Memory that nobody else can read, root neither: pages that memfd_secret(2) takes out of the kernel's own map.

Read through /proc/PID/mem it is EIO, through process_vm_readv EFAULT, and it is never swapped nor dumped. It is made before the lock, which forbids
the call, and filled after, straight from the kernel's generator: no copy of what is drawn lies anywhere else until it is used.

Limits: root can load a module or boot another kernel and read it all the same; who runs inside can write it to the outbox; `reveal` hands out a copy
in ordinary memory, and so does every library that computes with it: use it late, let go of it at once.
Source: memfd_secret(2); Linux 5.14, CONFIG_SECRETMEM, before 6.5 also `secretmem.enable=1` at boot.
"""

from __future__ import annotations

import ctypes
import os
import sys

from velatura.sandbox.linux import check, libc

__all__ = ["SecretMemory", "why_absent"]

_MEMFD_SECRET = 447  # the same on x86-64 and aarch64
_READ_WRITE, _SHARED, _CLOEXEC = 3, 1, 0o2000000
_FAILED = ctypes.c_void_p(-1).value


class SecretMemory:
    """`size` bytes, at most a page, zero at first. It lives as long as the process, or until `close`.

    Raises:
        OSError: the kernel has no such memory, or locks no more of it.
    """

    def __init__(self, size: int) -> None:
        assert 0 < size <= os.sysconf("SC_PAGESIZE"), "a key, not a data set"
        self._size = size
        descriptor = check(libc().syscall(ctypes.c_long(_MEMFD_SECRET), ctypes.c_long(_CLOEXEC)), "memfd_secret")
        try:
            os.ftruncate(descriptor, size)
            self._at = _mapped(descriptor, size)
        finally:
            os.close(descriptor)

    def draw(self) -> None:
        """Fill it from the kernel's generator. After the lock it needs the call `getrandom`. Raises OSError."""
        drawn = check(libc().getrandom(ctypes.c_void_p(self._at), ctypes.c_size_t(self._size), ctypes.c_uint(0)), "getrandom")
        if drawn != self._size:
            raise OSError(f"getrandom gave {drawn} of {self._size} bytes")

    def reveal(self) -> bytes:
        """A copy, in ordinary memory."""
        return ctypes.string_at(self._at, self._size)

    def close(self) -> None:
        """Overwrite it and let go of it. Once."""
        ctypes.memset(self._at, 0, self._size)
        libc().munmap(ctypes.c_void_p(self._at), ctypes.c_size_t(self._size))

    @property
    def address(self) -> int:
        """Where it lies, for who tries to read it from outside."""
        return self._at


def why_absent() -> str:
    """Nothing ("") where this kernel has such memory; else why not. Keeps none."""
    if sys.platform != "linux":
        return "no such memory on this system"
    try:
        descriptor = check(libc().syscall(ctypes.c_long(_MEMFD_SECRET), ctypes.c_long(_CLOEXEC)), "memfd_secret")
    except OSError as error:
        return str(error)
    try:
        os.ftruncate(descriptor, 1)
        at = _mapped(descriptor, 1)
        libc().munmap(ctypes.c_void_p(at), ctypes.c_size_t(1))
    except OSError as error:
        return str(error)
    finally:
        os.close(descriptor)
    return ""


def _mapped(descriptor: int, size: int) -> int:
    """Address of the mapping. The descriptor may be closed after."""
    mmap = libc().mmap
    mmap.restype = ctypes.c_void_p
    at = mmap(None, ctypes.c_size_t(size), _READ_WRITE, _SHARED, ctypes.c_int(descriptor), ctypes.c_long(0))
    if at is None or at == _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, f"memfd_secret cannot be mapped: {os.strerror(number)}")
    return int(at)
