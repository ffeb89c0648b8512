"""Swap areas of this machine: where they are, and what lies in them. Only root reads them.

Limit: of each area the first gibibytes are read (`MOST_BYTES`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MOST_BYTES", "contents", "swap_areas", "swapped_bytes"]

MOST_BYTES = 4 << 30
PIECE = 4 << 20
_ESCAPED = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


def swap_areas(listed: Path = Path("/proc/swaps")) -> tuple[Path, ...]:
    """Files and devices; () where there is none, or no such list."""
    try:
        lines = listed.read_text("utf-8", "replace").splitlines()[1:]
    except OSError:
        return ()
    found = []
    for name in (line.split()[0] for line in lines if line.split()):
        for escaped, letter in _ESCAPED.items():
            name = name.replace(escaped, letter)
        found.append(Path(name))
    return tuple(found)


def contents(area: Path) -> Iterator[bytes]:
    """What lies in it now, not what a cache of it held before. Raises OSError."""
    with area.open("rb", buffering=0) as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        left = MOST_BYTES
        while left and (piece := stream.read(min(PIECE, left))):
            left -= len(piece)
            yield piece


def swapped_bytes(pid: int) -> int:
    """Of a process. Raises OSError."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmSwap:")), 0)
