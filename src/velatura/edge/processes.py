"""What another process has used: CPU seconds, to the nanosecond, and memory."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["cpu_s", "memory_mib"]

_SCHEDULED = 2  # of the kernel's clocks of a process: time on a processor, user and system


def cpu_s(pid: int) -> float:
    """Of all threads of a process, as long as nobody has waited for it: one that has ended still counts. Raises OSError.

    Source: `clock_getcpuclockid` of glibc: the clock's number is made of the process'.
    """
    return time.clock_gettime((~pid << 3) | _SCHEDULED)


def memory_mib(pid: int) -> tuple[float, str]:
    """(MiB, "PSS"), where pages that several processes share count once; (MiB, "RSS") where the system does not say it to us. Raises OSError."""
    try:
        return _of(pid, "smaps_rollup", "Pss:"), "PSS"
    except (OSError, ValueError):  # of a process that is not dumpable only root is told
        return _of(pid, "status", "VmRSS:"), "RSS"


def _of(pid: int, file: str, name: str) -> float:
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    found = next((line for line in lines if line.startswith(name)), None)
    if found is None:
        raise ValueError(f"{name} is not told")
    return int(found.split()[1]) / 1024
