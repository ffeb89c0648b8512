"""Which files the code of this process came from: what Python imported, and what the dynamic linker mapped. Asked before the lock, from inside.

There is no /proc inside, so the linker itself is asked (dl_iterate_phdr). Of a module whose compiled form lies beside it both are named: either may
be what ran. Limit: code that hides itself from `sys.modules` is not seen; what is imported is what a job names, and the job is in the evidence.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from velatura.sandbox.linux import libc

__all__ = ["loaded_files"]


class _Info(ctypes.Structure):
    """The beginning of struct dl_phdr_info."""

    _fields_ = (("address", ctypes.c_void_p), ("name", ctypes.c_char_p))


def loaded_files() -> list[str]:
    """Absolute paths, sorted, each once."""
    return sorted({*_modules(), *_libraries()})


def _modules() -> set[str]:
    found = set()
    for module in list(sys.modules.values()):
        spec = getattr(module, "__spec__", None)
        paths = (getattr(module, "__file__", None), getattr(spec, "origin", None), getattr(spec, "cached", None))
        found |= {path for path in paths if isinstance(path, str) and Path(path).is_absolute() and Path(path).is_file()}
    return found


def _libraries() -> set[str]:
    if sys.platform != "linux":  # a simulated enclave elsewhere: what Python imported is all that is told
        return set()
    found = set()

    def look(info: ctypes._Pointer[_Info], size: int, data: int) -> int:
        name = info.contents.name
        if name and name.startswith(b"/"):
            found.add(name.decode("utf-8", "surrogateescape"))
        return 0

    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Info), ctypes.c_size_t, ctypes.c_void_p)
    libc().dl_iterate_phdr(kind(look), None)
    return found
