"""Where a word of the data could be seen while a job works on it, each place as what is done around the job's run.

A place is prepared, or looked at, when the data are inside and the job has not begun; and looked at when it has ended. What it found lies in
`Scene.seen` afterwards. Each is played on a plain process too, where it must find the word.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from velatura.attacks.enclave.data_canary import Leak
from velatura.audit.enclave.captures import Capture
from velatura.audit.enclave.process_memory import areas, is_secret, is_writable, page_out, pieces, read_under_its_account, stays_in_memory
from velatura.audit.enclave.swapping import contents, swap_areas, swapped_bytes
from velatura.errors import BadInput, Missing

__all__ = ["Place", "Scene", "core", "memory", "memory_as_root", "packets", "secret_area", "swap"]

PATTERN = Path("/proc/sys/kernel/core_pattern")
ENDED_S = 5.0
PAGED_S = 2.0
PIECE = 4 << 20


@dataclass(frozen=True, slots=True)
class Scene:
    """One run.

    Attributes:
        pid: of the process that has the data.
        folder: where it may write, if anything may.
        seen: place -> what lies there.
    """

    leak: Leak
    pid: int
    folder: Path
    confined: bool
    seen: dict[str, bytes] = field(default_factory=dict)


Place = Callable[[Scene], AbstractContextManager[None]]
"""Raises Missing, on entering: it cannot be looked at here."""


@contextmanager
def packets(scene: Scene) -> Iterator[None]:
    """On every interface, on their way in and out."""
    with Capture() as capture:
        yield
        scene.seen["packets"] = scene.leak.sieved(capture.packets())


@contextmanager
def memory(scene: Scene) -> Iterator[None]:
    """All that it computes with, as another process of its account reads it."""
    scene.seen["memory"] = scene.leak.sieved(read_under_its_account(scene.pid))
    yield


@contextmanager
def memory_as_root(scene: Scene) -> Iterator[None]:
    """All that it computes with, as root reads it: a confined process keeps it from others, and not from root."""
    with _as_root("another's memory"):
        scene.seen["memory"] = scene.leak.sieved(pieces(scene.pid, is_writable))
    yield


@contextmanager
def secret_area(scene: Scene) -> Iterator[None]:
    """Memory out of memfd_secret, of the job's process and of ours, which signs evidence, as root reads it. A plain process has none: all of it.

    Of a secret area nothing may come, so that any byte counts as the word, and so does one that could be swapped or dumped.
    """
    with _as_root("the areas of keys"):
        if not scene.confined:
            scene.seen["memory"] = scene.leak.sieved(pieces(scene.pid, is_writable))
        else:
            for name, pid in (("the job's key", scene.pid), ("the signing key", os.getpid())):
                if not any(map(is_secret, areas(pid))):
                    raise BadInput("attack.secret-area", f"there is no secret area that could hold {name}")
                came = any(pieces(pid, is_secret))
                scene.seen[name] = scene.leak.word if came or not stays_in_memory(pid) else b""
    yield


@contextmanager
def core(scene: Scene) -> Iterator[None]:
    """A core dump: somebody lifts its limit from outside, its code asks for one and dies. What the kernel wrote counts, wherever it lies."""
    import resource  # not on every system, and this module is read on all

    pattern = PATTERN.read_text().strip()
    if not re.fullmatch(r"[^/|]*[^/|.][^/|]*", pattern):
        told = f"core dumps of this machine go to {pattern!r}, which an audit does not fill"
        raise Missing("enclave.no-core", told, hint="sysctl -w kernel.core_pattern=core, for as long as it takes")
    with suppress(OSError, ValueError):
        resource.prlimit(scene.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    yield
    lying = [path for path in scene.folder.iterdir() if path.is_file() and path.stat().st_size > PIECE // 4]
    found = next((raw for path in lying if (raw := scene.leak.sieved(_read(path)))), b"")
    scene.seen["a core dump"] = found or (scene.leak.word if _was_dumped(scene.pid) else b"")


@contextmanager
def swap(scene: Scene) -> Iterator[None]:
    """What the kernel writes to swap when it is pressed, as root reads it there. Nothing is looked at where there is no swap."""
    found = b""
    if listed := swap_areas():
        with _as_root("swap"):
            page_out(scene.pid)
            _settled(scene.pid)
            found = next((raw for area in listed if (raw := scene.leak.sieved(contents(area)))), b"")
    scene.seen["swap"] = found
    yield


@contextmanager
def _as_root(what: str) -> Iterator[None]:
    """Root of a container may lack the power, too."""
    if os.geteuid() != 0:
        raise Missing("enclave.not-root", f"only root could read {what}, and this is not root", hint="run it as root")
    try:
        yield
    except OSError as error:
        raise Missing("enclave.not-root", f"this root may not read {what}: {error.strerror}", hint="run it as root of the host") from error


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            yield piece


def _was_dumped(pid: int) -> bool:
    """The kernel's word on a child of ours that has ended; it stays to be waited for."""
    until = time.monotonic() + ENDED_S
    while time.monotonic() < until:
        with suppress(ChildProcessError):
            told = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if told is not None:
                return told.si_code == os.CLD_DUMPED
        time.sleep(0.01)
    return False


def _settled(pid: int) -> None:
    """Pages are written after the call has returned."""
    until, before = time.monotonic() + PAGED_S, -1
    while time.monotonic() < until and (now := swapped_bytes(pid)) != before:
        before = now
        time.sleep(0.2)
