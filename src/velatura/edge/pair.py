"""The two processes behind one camera: vision, locked before anything is read, and ingest, which writes into its inbox.

The encoded video flows through a pipe without a name, from one to the other; this process holds no end of it. What ingest says is a word of
`ingest.STATES` and counts; what vision says is taken as bytes. Neither's words are printed.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from velatura.edge.confinement import vision_confinement
from velatura.edge.ingest import STATES
from velatura.edge.network import Network
from velatura.edge.policy import Camera
from velatura.edge.refused import named
from velatura.edge.remarks import FAULTS, Fault
from velatura.edge.sources import Source
from velatura.errors import BadInput, Missing
from velatura.sandbox.control import Control
from velatura.sandbox.warm import Warm

__all__ = ["Ingest", "Pair", "Seeing", "settings_of"]

GATHER_S = 0.05  # of a file several messages are read at a time: waking for each costs as much as reading ten
SILENT_S = 8.0  # an ingest without a word for so long hangs: its own watchdog is quicker
HANGS_S = 15.0  # a vision that takes no byte for so long, while there are some, hangs: a look takes milliseconds
SURE_S = 3.0  # and still does so long after: who was stopped and goes on (Ctrl-Z, a frozen container) has a stale word of ingest
LAST_S = 60.0  # ... or says nothing for so long after the last byte of a file
COUNTS = ("packets", "dropped", "malformed", "gaps", "left_out_s")


@dataclass(frozen=True, slots=True)
class Seeing:
    """What vision is made of. model: the network's file; guest: the class that runs, locked; the rest as of `vision.Vision`.

    sha256: of the file as it was checked; "": of the file as it is.
    """

    model: Path
    network: Network
    looks_per_s: float = 0.0
    fast: bool = False
    degraded: Collection[str] = ()
    guest: str = "velatura.edge.vision:Vision"
    sha256: str = ""
    bundle: bool = False


class Ingest:
    """The process, and its last word. It starts at once, beside vision, and reads nothing before `begin`.

    Raises BadInput: `edge.no-clips`.
    """

    def __init__(self, source: Source) -> None:
        self._clips = source.clips() if source.kind in ("file", "folder") else []
        self._faults = dict[int, list[str]]()
        self.state, self.counts, self.seconds, self.unread_s = "connecting", dict[str, int](), 0.0, 0.0
        self.reason = "connecting"  # its last word but for "connecting", which comes right after the reason of a loss
        self._source, self._heard_s = source, time.monotonic()
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._control = Control(mine)
        command = [sys.executable, "-B", "-m", "velatura.edge.ingest"]
        self._process = subprocess.Popen(command, stdin=its.fileno(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        its.close()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def begin(self, inbox: int) -> None:
        """Vision is locked: hand over its inbox, which is closed here, and what to read."""
        source = self._source
        settings: dict[str, Any] = {"kind": source.kind, "word": source.word, "live": source.live, "ca": source.ca}
        if self._clips:
            settings["clips"] = [str(path) for path in self._clips]
        if source.login is not None:
            settings["login"] = [source.login.user, source.login.password]
        with suppress(OSError):  # it has ended; vision reads the end of its inbox
            self._control.send(settings, [inbox])
        self._control.close()
        os.close(inbox)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def faults(self) -> list[Fault]:
        """What was amiss with clips, in their order."""
        return [(self._clips[number], word) for number, words in sorted(self._faults.items()) for word in words]

    @property
    def hangs(self) -> bool:
        return time.monotonic() - self._heard_s > SILENT_S and self.state == "streaming"

    def close(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._listener.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def finish(self) -> None:
        """Wait for its last word: the source has ended."""
        self._process.wait()
        self._listener.join(5)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = _word(line)
            self._heard_s = time.monotonic()
            if said is not None:
                self.state, self.seconds, self.unread_s = said["state"], _seconds(said.get("seconds")), _seconds(said.get("unread_s"))
                self.reason = self.state if self.state != "connecting" else self.reason
                self.counts = {name: said[name] for name in COUNTS if isinstance(said.get(name), int)}
                self._hear_of_clip(said)

    def _hear_of_clip(self, said: Mapping[str, Any]) -> None:
        number, faults = said.get("clip"), said.get("faults")
        if isinstance(number, int) and 0 <= number < len(self._clips) and isinstance(faults, list):
            self._faults[number] = [word for word in FAULTS if word in faults]


def _word(line: bytes) -> Mapping[str, Any] | None:
    """What ingest may say; it reads the network, and is not believed beyond that."""
    try:
        said = json.loads(line[:4096])
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.get("state") in STATES else None


def _seconds(said: Any) -> float:
    return float(said) if isinstance(said, int | float) and 0 <= said < 1e12 else 0.0  # NaN neither


def settings_of(camera: Camera, seeing: Seeing, *, live: bool) -> dict[str, Any]:
    """What vision's constructor takes, as JSON; nothing of how the camera is reached."""
    return {
        "model": str(seeing.model.resolve()),
        "sha256": seeing.sha256 or hashlib.sha256(seeing.model.read_bytes()).hexdigest(),
        "network": msgspec.to_builtins(seeing.network),
        "camera": msgspec.to_builtins(msgspec.structs.replace(camera, source="", login="", ca="")),
        "live": live,
        "looks_per_s": seeing.looks_per_s,
        "fast": seeing.fast,
        **({"bundle": True} if seeing.bundle else {}),
    }


class Pair:
    """Both, from start to end. `with` it.

    Raises:
        Missing: `sandbox.no-<layer>` and what else keeps vision from being locked.
        BadInput: `edge.no-source`.
        VelaturaError: why the network cannot be used, see `refused`.
    """

    def __init__(self, camera: Camera, source: Source, seeing: Seeing) -> None:
        self._live, self._gathers, self._said_s = source.live, False, time.monotonic()
        self._doubted_s: float | None = None
        may = vision_confinement(model=seeing.model, degraded=seeing.degraded)
        self.ingest = Ingest(source)
        try:
            self._warm = Warm(seeing.guest, settings_of(camera, seeing, live=source.live), may)
        except BaseException as error:
            self.ingest.close()
            raise (named(error) if isinstance(error, Missing) else error) from error
        try:
            self._vision, self.held = self._warm.lock()
            self.ingest.begin(self._vision.hand_over_inbox())
        except BaseException:
            self.ingest.close()
            self._warm.close()
            raise

    @property
    def degraded(self) -> tuple[str, ...]:
        """Layers that do not hold."""
        return tuple(sorted(layer.value for layer in self.held.absent))

    @property
    def vision_pid(self) -> int:
        """The locked process."""
        return self._vision.pid

    def hear(self, *, within_s: float, limit: int) -> bytes | None:
        """The next message of vision; None: nothing came.

        Raises:
            BadInput: `sandbox.crashed`: it has ended; `sandbox.hung`, `sandbox.too-large`: it wrote something else than messages;
                `edge.ingest-hangs`; `edge.vision-hangs`: there is something to read, and it reads nothing.
        """
        if self._live and self.ingest.hangs:
            raise BadInput("edge.ingest-hangs", "ingest says nothing")
        if self._gathers and not self._vision.has_come(within_s=0.0):
            time.sleep(GATHER_S)
        if not self._vision.has_come(within_s=within_s):
            self._refuse_hanging()
            return None
        self._gathers, self._said_s, self._doubted_s = not self._live, time.monotonic(), None
        return self._vision.receive(deadline_s=5.0, limit=limit)

    def _refuse_hanging(self) -> None:
        """Vision was stopped, or never comes back from a frame: ingest sees that its pipe is not read."""
        now_s = time.monotonic()
        over = self.ingest.state == "ended" and now_s - self._said_s > LAST_S
        if self.ingest.unread_s <= HANGS_S and not over:
            self._doubted_s = None
        elif self._doubted_s is None:
            self._doubted_s = now_s
        elif now_s - self._doubted_s > SURE_S:
            raise BadInput("edge.vision-hangs", "vision takes nothing in", hint="velatura doctor; another model, a smaller stream")

    def close(self) -> bool:
        """End both; whether vision had ended well by itself."""
        self.ingest.close()
        status = self._vision.close()
        self._warm.close()
        return status == 0

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ended(error: BadInput) -> bool:
    """Whether an error of `hear` only says that vision has ended."""
    return error.code == "sandbox.crashed"
