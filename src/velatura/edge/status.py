"""What `edge run` writes of itself into its state folder, and how it is read: states with names, where the chain stands, and since when.

No picture, no count, no rate of frames: what vision has a part in (its restarts, a record's health) is as of the last tick. The file is this
machine's (0600) and is sent nowhere. Whether the process lives is asked of a lock that it holds: a process' number may be another's by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from velatura.edge.states import AREAS, State, state_of
from velatura.errors import BadInput, Missing
from velatura.files import is_there
from velatura.specs import Spec, load_spec

__all__ = ["BEAT_S", "FILE", "LOCK", "CameraStatus", "Fact", "Status", "Word", "facts", "life_of", "read_status"]

FILE, LOCK = "status.json", "status.lock"
BEAT_S = 20.0  # written anew at least so often
SILENT_S = 60.0


class Word(Spec, frozen=True):
    """A state's name, and the Unix time of its beginning."""

    word: str
    since_s: int


class CameraStatus(Spec, frozen=True):
    """One camera.

    Attributes:
        words: area ("camera", "vision", "health", "outbox") -> state.
        sinks: as shown to a person -> state.
        held, degraded: layers of vision's confinement that do and do not hold.
        seq, head: of the last event on disk (`edge audit --at-least SEQ:HEAD`); -1: none.
        error: what ended it, with its code; "": nothing did.
    """

    name: str
    words: dict[str, Word]
    sinks: dict[str, Word]
    held: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    restarts: int = 0
    seq: int = -1
    head: str = ""
    error: str = ""
    hint: str = ""


class Status(Spec, frozen=True):
    """One run. beat_s: seconds since the machine started (CLOCK_BOOTTIME) when it was written; over: it ended by itself."""

    version: str
    device: str
    began_s: int
    written_s: int
    beat_s: float
    over: bool
    host: Word
    cameras: tuple[CameraStatus, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One state as told. of: the camera's name, "" for the whole run; what: the area, and for sinks which one."""

    of: str
    what: str
    word: str
    since_s: int
    state: State


def read_status(folder: Path) -> Status:
    """Raises Missing `edge.no-status`, BadInput `edge.status`: it is there, and damaged."""
    path = folder / FILE
    for _ in range(3):  # on a full disk it is written in place
        try:
            read = load_spec(path, Status)
            list(facts(read, "running"))
            return read
        except (KeyError, BadInput):
            break
        except Exception:
            if not is_there(path):
                raise Missing(
                    "edge.no-status", f"{folder}: no `edge run` has written its state here", hint="the folder of `edge run --state`"
                ) from None
            time.sleep(0.05)
    raise BadInput("edge.status", f"{path}: is no status of ours, or damaged", hint="start `edge run` again with this --state")


def life_of(status: Status, folder: Path) -> str:
    """A state of the area "run"."""
    if status.over:
        return "ended"
    if not _is_held(folder / LOCK):
        return "died"
    return "silent" if time.clock_gettime(time.CLOCK_BOOTTIME) - status.beat_s > SILENT_S else "running"


def facts(status: Status, life: str) -> Iterator[Fact]:
    """All states. Raises KeyError: it holds a name that is none."""
    yield Fact("", "run", life, status.written_s if life != "running" else status.began_s, state_of("run", life))
    yield Fact("", "host", status.host.word, status.host.since_s, state_of("host", status.host.word))
    for camera in status.cameras:
        for area in (area for area in AREAS if area in camera.words):
            said = camera.words[area]
            yield Fact(camera.name, area, said.word, said.since_s, state_of(area, said.word))
        for name, said in camera.sinks.items():
            yield Fact(camera.name, f"sink {name}", said.word, said.since_s, state_of("sink", said.word))


def _is_held(path: Path) -> bool:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            for _ in range(3):  # somebody else may be asking
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return False
                time.sleep(0.05)
            return True
        finally:
            os.close(handle)
    return False
