"""The layers that a guest is warmed under: other namespaces, another uid, Landlock for what an import may read.

Each step answers "" or why it is absent; who requires which is the parent's to judge (`velatura.sandbox.warm`), before anything is imported.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from velatura.sandbox import landlock, namespaces
from velatura.sandbox.bpf import refuse
from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.linux import check, libc
from velatura.sandbox.privileges import NOBODY, drop_capabilities, drop_uid, no_new_privileges, unreadable_for_nobody
from velatura.sandbox.required import INTERPRETER_UNREADABLE
from velatura.sandbox.syscalls import this_machine

__all__ = ["close_files", "code_paths", "leave_host", "use_scratch"]


_SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/proc/cpuinfo", "/sys/devices/system/cpu", "/dev/urandom")
_GET_ACTION_AVAILABLE = 2


def code_paths() -> list[Path]:
    """What every import may need: the interpreter, its packages, the system's libraries; absolute, and there."""
    found = [*sys.path, *(f"{prefix}/{lib}" for prefix in (sys.base_prefix, sys.prefix) for lib in ("lib", sys.platlibdir)), *_SYSTEM]
    return namespaces.outermost(Path(path).absolute() for path in found if path)


def leave_host(may: Confinement, reads: Sequence[Path]) -> dict[Layer, str]:
    """Namespaces and uid. Root makes namespaces before it gives up its uid; where it may not, it goes as far as it can as an ordinary user."""
    no_new_privileges()
    absent = _seccomp_absent()
    held = {Layer.SECCOMP: absent} if absent else {}
    if os.getuid() != 0:
        return {**held, Layer.UID: "", Layer.NAMESPACES: namespaces.attempt(reads, scratch_mb=may.scratch_mb, user=True)}
    if not namespaces.attempt(reads, scratch_mb=may.scratch_mb, user=False):
        return {**held, Layer.UID: _become_nobody(), Layer.NAMESPACES: ""}
    # Without a root of our own, nobody reads the interpreter through the host's folders, and a home of mode 0700 is in the way.
    closed = unreadable_for_nobody(reads)
    uid = _become_nobody() if closed is None else f"{INTERPRETER_UNREADABLE}: uid {NOBODY} may not read {closed}"
    return {**held, Layer.UID: uid, Layer.NAMESPACES: namespaces.attempt(reads, scratch_mb=may.scratch_mb, user=True)}


def close_files(reads: Sequence[Path], scratch: Path | None) -> str:
    """Landlock for the time of warming; and what capabilities a user namespace brought go now, since threads that start later keep theirs."""
    try:
        if os.getuid() != 0:  # root that could not give up its uid reads an interpreter in another's home by them
            drop_capabilities()
        landlock.restrict(reads=reads, writes=[scratch] if scratch else [])
    except OSError as error:
        return str(error)
    return ""


def use_scratch(scratch: Path) -> None:
    """Send to `scratch` what libraries write while they are imported (torch: tempfile, inductor's cache)."""
    for name in ("TMPDIR", "HOME", "TORCHINDUCTOR_CACHE_DIR"):
        os.environ[name] = str(scratch)
    tempfile.tempdir = str(scratch)


def _become_nobody() -> str:
    try:
        drop_uid()
    except OSError as error:
        return str(error)
    return ""


def _seccomp_absent() -> str:
    machine = this_machine()
    if machine is None:
        return f"no table of system calls for {os.uname().machine}"
    action = struct.pack("<I", refuse(errno.EPERM) & 0x7FFF0000)
    try:
        check(libc().syscall(ctypes.c_long(machine.numbers["seccomp"]), ctypes.c_long(_GET_ACTION_AVAILABLE), ctypes.c_long(0), action), "seccomp")
    except OSError as error:
        return str(error)
    return ""
