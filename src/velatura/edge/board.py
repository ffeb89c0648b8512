"""Keeps `status.json` of a state folder as things are, from a thread of its own: written when a state changes, and at least every `BEAT_S` seconds.

It appears whole; on a full disk it is written over in place, for which it is always a page longer than it needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from velatura import __version__
from velatura.edge.clocks import Clocks, Readings, now
from velatura.edge.status import BEAT_S, FILE, LOCK, CameraStatus, Status, Word
from velatura.errors import VelaturaError
from velatura.files import private_output

__all__ = ["Board", "CameraStates"]

LOOK_S = 0.5
_PAGE = 4096


class CameraStates(msgspec.Struct, frozen=True):
    """As a camera's watch sees itself now; see `status.CameraStatus`. host: a layer that is missing here, as a state of "host"; "": none."""

    name: str
    words: dict[str, str]
    sinks: dict[str, str]
    held: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    restarts: int = 0
    seq: int = -1
    head: str = ""
    error: str = ""
    hint: str = ""
    host: str = ""


class Board:
    """With it: written at the start, kept, and at the end written with the last word.

    Args:
        folder: of the state.
        states: asked each half second.

    Raises:
        VelaturaError: `edge.state`: nothing can be made in the folder.
    """

    def __init__(self, folder: Path, device: str, states: Callable[[], Sequence[CameraStates]], *, clock: Callable[[], Readings] = now) -> None:
        self._path, self._device, self._states, self._clock = folder / FILE, device, states, clock
        self._clocks, self._began_s, self._over = Clocks(), int(clock().wall_s), False
        self._since: dict[tuple[str, str], Word] = {}
        self._last: Status | None = None
        self._ending = threading.Event()
        try:
            self._lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise VelaturaError("edge.state", f"{folder}: cannot be used: {error.strerror}", hint="choose another --state folder") from error
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        self._thread = threading.Thread(target=self._keep, name="status", daemon=True)

    def __enter__(self) -> Board:
        self.look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._over = True
        self.look()
        os.close(self._lock)

    def look(self) -> None:
        """Ask for all states; write them where one has changed, or the beat is due."""
        at = self._clock()
        status = self._status(at)
        last = self._last
        if (
            last is not None
            and at.up_s - last.beat_s < BEAT_S
            and status == msgspec.structs.replace(last, beat_s=status.beat_s, written_s=status.written_s)
        ):
            return
        with contextlib.suppress(VelaturaError, OSError):  # a disk that takes nothing must stop nobody; whoever reads sees an old beat
            _write(self._path, msgspec.json.encode(status))
            self._last = status

    def _keep(self) -> None:
        while not self._ending.wait(LOOK_S):
            self.look()

    def _status(self, at: Readings) -> Status:
        wall_s = int(at.wall_s)
        states = self._states()
        missing = next((one.host for one in states if one.host), "")
        clocks = self._clocks.look(at)
        cameras = tuple(self._camera(one, wall_s) for one in states)
        host = self._word("", "host", missing or clocks, wall_s)
        return Status(__version__, self._device, self._began_s, wall_s, at.up_s, self._over, host, cameras)

    def _camera(self, one: CameraStates, wall_s: int) -> CameraStatus:
        words = {area: self._word(one.name, area, word, wall_s) for area, word in one.words.items()}
        sinks = {name: self._word(one.name, f"sink {name}", word, wall_s) for name, word in one.sinks.items()}
        return CameraStatus(one.name, words, sinks, one.held, one.degraded, one.restarts, one.seq, one.head, one.error, one.hint)

    def _word(self, of: str, what: str, word: str, wall_s: int) -> Word:
        """With the time since when it is so."""
        known = self._since.get((of, what))
        if known is None or known.word != word:
            known = self._since[of, what] = Word(word, wall_s)
        return known


def _write(path: Path, raw: bytes) -> None:
    padded = raw + b" " * (2 * _PAGE - len(raw) % _PAGE - 1) + b"\n"
    try:
        with private_output(path, force=True) as part:
            part.write_bytes(padded)
    except (VelaturaError, OSError):
        size = path.stat().st_size
        if len(raw) >= size:
            raise
        with path.open("rb+") as stream:
            stream.write(raw.ljust(size - 1) + b"\n")
            os.fsync(stream.fileno())
