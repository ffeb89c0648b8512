"""Memory of a process on this machine, as somebody else reads it: under the process's own account, or as root.

Source: proc(5), `maps` and `mem`; ptrace(2), "Ptrace access mode checking"; process_madvise(2).
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from velatura.sandbox.linux import libc

__all__ = ["READY", "Area", "areas", "is_secret", "is_writable", "owner", "page_out", "pieces", "read_under_its_account", "stays_in_memory"]

PIECE = 4 << 20
_PROCESS_MADVISE, _PAGEOUT = 440, 21  # the numbers are the same on x86-64 and aarch64
_MOST_SPANS = 1024


READY = b"reading\n"
"""What the reader says once it has taken on the account: silence after it is a refusal, silence instead of it is none."""


class Area(NamedTuple):
    """A line of `maps`: addresses, what may be done with it, what is mapped."""

    start: int
    stop: int
    may: str
    name: str


def areas(pid: int) -> list[Area]:
    """Raises OSError: it may not be looked at, or is no more."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text("utf-8", "replace").splitlines():
        place, may, _, _, _, *named = line.split(maxsplit=5)
        start, _, stop = place.partition("-")
        found.append(Area(int(start, 16), int(stop, 16), may, named[0] if named else ""))
    return found


def is_secret(area: Area) -> bool:
    """Made by memfd_secret."""
    return area.name.startswith("/secretmem")


def is_writable(area: Area) -> bool:
    """What it computes with; neither libraries nor secret areas, where every read fails."""
    return area.may.startswith("rw") and not is_secret(area)


def pieces(pid: int, chosen: Callable[[Area], bool]) -> Iterator[bytes]:
    """The bytes of the areas that are chosen; those that the kernel does not read for us are left out. Raises OSError as `areas`."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, stop, *_ in filter(chosen, areas(pid)):
            for at in range(start, stop, PIECE):
                try:
                    yield os.pread(memory.fileno(), min(PIECE, stop - at), at)
                except OSError:
                    break


def stays_in_memory(pid: int) -> bool:
    """Whether every secret area is locked (never swapped) and left out of core dumps, by the kernel's word. Raises OSError as `areas`."""
    told = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{pid}/smaps").read_text("utf-8", "replace"), flags=re.MULTILINE)
    flags = [one.rpartition("VmFlags:")[2].split() for one in told if "/secretmem" in one.partition("\n")[0]]
    return all({"lo", "dd"} <= set(one) for one in flags)


def owner(pid: int) -> tuple[int, int]:
    """The uid and gid under which it runs. Raises OSError."""
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(told["Uid"].split()[0]), int(told["Gid"].split()[0])


def read_under_its_account(pid: int) -> Iterator[bytes]:
    """What another process of the same account reads of it: b"" where the kernel refuses.

    Where that account is not ours (we are root) a process of its own takes it on, which has none of root's powers then.
    """
    uid, gid = owner(pid)
    if uid == os.getuid():
        yield from _as_far_as_it_may(pid)
        return
    command = [sys.executable, "-m", "velatura.audit.enclave.process_memory"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reader:
        assert reader.stdin is not None and reader.stdout is not None, "pipes were asked for"
        with suppress(BrokenPipeError):  # it did not start, which is told below
            reader.stdin.write(f"{pid} {uid} {gid}\n".encode())
            reader.stdin.close()
        told = reader.stdout.read(len(READY))
        while piece := reader.stdout.read(PIECE):
            yield piece
    if told != READY:
        raise OSError("the process that was to read the memory did not start")


def _as_far_as_it_may(pid: int) -> Iterator[bytes]:
    try:
        yield from pieces(pid, is_writable)
    except OSError:
        return


def page_out(pid: int) -> None:
    """Ask the kernel to write the process's memory to swap now. Root's; raises OSError."""
    spans = [(start, stop - start) for start, stop, *_ in filter(is_writable, areas(pid))]
    descriptor = os.pidfd_open(pid)
    try:
        for at in range(0, len(spans), _MOST_SPANS):
            some = spans[at : at + _MOST_SPANS]
            packed = b"".join(struct.pack("PN", *span) for span in some)
            words = (ctypes.c_int(descriptor), packed, ctypes.c_size_t(len(some)), ctypes.c_int(_PAGEOUT), ctypes.c_uint(0))
            if libc().syscall(ctypes.c_long(_PROCESS_MADVISE), *words) < 0:
                number = ctypes.get_errno()
                raise OSError(number, f"process_madvise: {os.strerror(number)}")
    finally:
        os.close(descriptor)


def main() -> None:
    """Entry point of the reader: a line `PID UID GID` on its input. What it reads goes to its output."""
    pid, uid, gid = map(int, sys.stdin.readline().split())
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    sys.stdout.buffer.write(READY)
    for piece in _as_far_as_it_may(pid):
        sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    main()
