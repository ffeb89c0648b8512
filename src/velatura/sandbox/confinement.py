"""What a locked child may still do, as one value that crosses to the child as JSON.

The default is nothing beyond COMPUTE (`velatura.sandbox.syscalls`): read its inbox, write its outbox, take private memory. Whatever is granted
beyond that is a name here, and names that make a process, a socket or code do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from velatura.errors import BadSpec, nearest

__all__ = ["ALL_LAYERS", "FILES", "NAMEABLE", "Confinement", "Layer"]


class Layer(StrEnum):
    """One lock; each stops something that the others let through."""

    UID = "uid"
    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    CAPS = "caps"
    RLIMITS = "rlimits"
    SECCOMP = "seccomp"


ALL_LAYERS = frozenset(Layer)

FILES = frozenset({"openat", "close", "newfstatat", "lseek", "unlink", "writev"})
"""What a library that can only load from and save to file names needs (measured on SEAL). Whole or not at all."""

NAMEABLE = FILES | {
    "clock_nanosleep",
    "fcntl",  # F_GETFL alone
    "fstat",
    "getcpu",
    "getpid",
    "getrandom",
    "getrusage",
    "gettid",
    "ioctl",  # is answered ENOTTY: open() asks whether a file is a terminal
    "poll",
    "ppoll",
    "prlimit64",  # asks for limits of its own, changes none
    "rt_sigaction",
    "rt_sigprocmask",
    "sched_getaffinity",
    "sched_yield",
    "sysinfo",
    "uname",
}
"""Calls that a `Confinement` may name."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a locked child may still do.

    Args:
        reads: files and folders bound read-only while warming, beside what is always bound: the interpreter, its packages, system libraries,
            /dev/urandom, /proc/cpuinfo, /sys/devices/system/cpu. Once locked, nothing can be opened.
        scratch_mb: MiB of a private tmpfs while warming. After the lock it is there only if FILES <= calls, and then each child has a folder of its
            own in it, which is its working directory and is wiped when it ends. Without namespaces the folder lies on the parent's disk (0700).
        calls: beyond COMPUTE, from NAMEABLE. Naming `openat` lifts the check of descriptors in read and write.
        memory_mb: MiB of address space above the warm state and the frames.
        threads: at most so many, counted when locking; more than one only with `Warm.lock`.
        required: layers without which the guest does not start (`Missing`, `sandbox.no-<layer>`), before anything is imported where that is known.

    Raises:
        BadSpec: `sandbox.call`, `sandbox.files`, `sandbox.size`.
    """

    reads: tuple[Path, ...] = ()
    scratch_mb: int = 0
    calls: frozenset[str] = frozenset()
    memory_mb: int = 1024
    threads: int = 1
    required: frozenset[Layer] = ALL_LAYERS

    def __post_init__(self) -> None:
        for name in sorted(self.calls - NAMEABLE):
            raise BadSpec("sandbox.call", f"a confined child may not be given the call {name!r}", hint=nearest(name, NAMEABLE))
        if "openat" in self.calls and not (self.calls >= FILES and self.scratch_mb > 0):
            raise BadSpec("sandbox.files", "'openat' is granted with all of FILES and a scratch folder, or not at all")
        if min(self.scratch_mb, self.memory_mb - 1, self.threads - 1) < 0:
            raise BadSpec("sandbox.size", "scratch_mb is at least 0, memory_mb and threads at least 1")

    @property
    def keeps_files(self) -> bool:
        """The locked child has a folder of its own."""
        return self.calls >= FILES

    def to_json(self) -> dict[str, Any]:
        return {
            "reads": [str(path) for path in self.reads],
            "scratch_mb": self.scratch_mb,
            "calls": sorted(self.calls),
            "memory_mb": self.memory_mb,
            "threads": self.threads,
            "required": sorted(self.required),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Confinement:
        return cls(
            reads=tuple(Path(path) for path in raw["reads"]),
            scratch_mb=raw["scratch_mb"],
            calls=frozenset(raw["calls"]),
            memory_mb=raw["memory_mb"],
            threads=raw["threads"],
            required=frozenset(Layer(name) for name in raw["required"]),
        )
