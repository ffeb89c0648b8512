"""The lock: what a fork of the warm process does before it reads its first untrusted byte.

Order: descriptors, frames, everything else closed, own folder, capabilities, a Landlock that grants nothing, rlimits, not dumpable, stderr closed,
seccomp. Landlock shows nowhere in /proc, so the child tries it: a folder that it could list before must be closed after.
"""

from __future__ import annotations

import mmap
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from velatura.sandbox import landlock, seccomp
from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.privileges import drop_capabilities, limits, set_dumpable, set_limits
from velatura.sandbox.syscalls import this_machine

__all__ = ["FILES_OPEN", "FILES_OPEN_WITH_FOLDER", "lock", "prepare", "take"]

FILES_OPEN, FILES_OPEN_WITH_FOLDER = 2, 16
"""RLIMIT_NOFILE: two stops every new descriptor, since 0 and 1 are taken."""

_kept: list[mmap.mmap] = []


def prepare(may: Confinement) -> None:
    """Do beforehand, once, what of the lock is the same for every fork."""
    machine = this_machine()
    if machine is not None:
        seccomp.packed_filter(may, machine)


def take(descriptors: Sequence[int], *, keep: int | None = None) -> memoryview | None:
    """Put inbox and outbox on 0 and 1, map the frames (a third descriptor) and close all else but `keep`, which becomes 2.

    Python's mmap holds a duplicate of its descriptor: it is closed here with the rest, and the object must never be let go, or it would close
    a stranger's number.
    """
    for number, descriptor in enumerate(descriptors[:2]):
        os.dup2(descriptor, number)
    frames = None
    if len(descriptors) > 2:
        mapping = mmap.mmap(descriptors[2], os.fstat(descriptors[2]).st_size)
        _kept.append(mapping)
        frames = memoryview(mapping)
    sys.stdin = sys.stdout = sys.stderr = None
    if keep is not None:
        os.dup2(keep, 2)
    os.closerange(3 if keep is not None else 2, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return frames


def lock(may: Confinement, outer: Mapping[Layer, str], *, address_space: int, scratch: Path | None, threads: int) -> dict[Layer, str]:
    """Take the inner layers. For each layer "" or why it is absent; `address_space` in bytes is what is mapped now."""
    held = dict(outer)
    own = _own_folder(scratch) if may.keeps_files and scratch else None
    wanted = limits(
        address_space=address_space + (may.memory_mb << 20),
        file_size=may.scratch_mb << 20 if own else 0,
        files=FILES_OPEN_WITH_FOLDER if own else FILES_OPEN,
    )
    held[Layer.CAPS] = _tried(drop_capabilities)
    held[Layer.LANDLOCK] = held.get(Layer.LANDLOCK, "") or _deny_files(own, threads)
    held[Layer.RLIMITS] = _tried(lambda: set_limits(wanted)) if address_space else "how much memory is mapped could not be read from /proc"
    set_dumpable(to=False)
    machine = this_machine()
    if machine is not None and not held.get(Layer.SECCOMP):
        held[Layer.SECCOMP] = _tried(lambda: seccomp.install(may, machine))
    return held


def _own_folder(scratch: Path) -> Path:
    own = scratch / str(os.getpid())
    own.mkdir(mode=0o700)
    os.chdir(own)
    return own


def _deny_files(own: Path | None, threads: int) -> str:
    if threads > 1:
        return f"a Landlock that denies all binds one thread of {threads}; the others keep the one they were warmed under"
    witness = os.path.dirname(__file__)  # noqa: PTH120 - no import, no object: every call counts here
    try:
        os.listdir(witness)  # noqa: PTH208
    except OSError as error:
        return f"cannot be tried: {error}"
    refusal = _tried(lambda: landlock.restrict(writes=[own] if own else []))
    if refusal:
        return refusal
    try:
        os.listdir(witness)  # noqa: PTH208
    except PermissionError:
        return ""
    return "it was accepted and denies nothing"


def _tried(step: Callable[[], None]) -> str:
    try:
        step()
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""
