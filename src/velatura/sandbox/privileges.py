"""What a process gives up for ever: its uid, its capabilities, its limits, being looked into.

The bounding set is dropped before the uid changes (PR_CAPBSET_DROP needs CAP_SETPCAP and fails silently after). An ordinary user without a user
namespace keeps a full bounding set; under no_new_privs it is of no use.
"""

from __future__ import annotations

import os
import resource
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from velatura.sandbox.linux import check, libc, prctl

__all__ = [
    "NOBODY",
    "die_with_parent",
    "drop_capabilities",
    "drop_uid",
    "limits",
    "no_new_privileges",
    "set_dumpable",
    "set_limits",
    "unreadable_for_nobody",
]

NOBODY = 65534
_PDEATHSIG, _DUMPABLE, _CAPBSET_DROP, _NO_NEW_PRIVS, _CAP_AMBIENT, _AMBIENT_CLEAR_ALL = 1, 4, 24, 38, 47, 4
_CAPABILITY_V3 = 0x20080522


def no_new_privileges() -> None:
    """Landlock and seccomp refuse an ordinary user without it."""
    check(prctl(_NO_NEW_PRIVS, 1), "no_new_privs")


def set_dumpable(*, to: bool) -> None:
    """Not dumpable: /proc/self is root's, nobody attaches. A change of uid clears it, and then /proc/self/uid_map cannot be written."""
    prctl(_DUMPABLE, int(to))


def die_with_parent(parent: int) -> None:
    """SIGKILL when `parent` ends. It counts the *thread* that forked: only for a parent that forks from the thread it lives by."""
    prctl(_PDEATHSIG, 9)
    if os.getppid() != parent:
        os._exit(1)


def drop_uid() -> None:
    """From root to nobody, without the way back. Raises OSError."""
    _drop_bounding_set()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    set_dumpable(to=True)


def drop_capabilities() -> None:
    """All sets. Raises OSError."""
    _drop_bounding_set()
    prctl(_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    check(libc().capset(struct.pack("<Ii", _CAPABILITY_V3, 0), bytes(24)), "capset")


def _drop_bounding_set() -> None:
    for capability in range(64):
        prctl(_CAPBSET_DROP, capability)


def unreadable_for_nobody(paths: Iterable[Path]) -> Path | None:
    """The first of `paths` that nobody could not reach once root has become nobody; an interpreter below a 0700 home is one."""
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        return next((path for path in paths if not os.access(path, os.R_OK, effective_ids=True)), None)
    finally:
        os.seteuid(0)
        os.setegid(0)


def limits(*, address_space: int, file_size: int, files: int) -> Mapping[str, int]:
    """Name of the limit (as in `resource`) -> value. Bytes, bytes, descriptors."""
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_FSIZE": file_size,
        "RLIMIT_NOFILE": files,
        "RLIMIT_AS": address_space,
    }


def set_limits(wanted: Mapping[str, int]) -> None:
    """Hard and soft. A lower hard limit that is there already stays. Raises OSError."""
    for name, value in wanted.items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))
