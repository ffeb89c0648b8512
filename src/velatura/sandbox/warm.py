"""A warmed guest that never reads an untrusted byte; its forks do.

The interpreter starts under the outer layers, imports and runs the guest once, and waits. `fork` makes a locked child of it in milliseconds; `lock`
locks the warm process itself. A layer that is required and known to be absent is refused before anything is imported.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from velatura.errors import BadInput, BadSpec, Missing
from velatura.sandbox.child import Child, open_pipes
from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.frames import SharedFrames
from velatura.sandbox.held import Held, own_namespaces, read_back, threads_of
from velatura.sandbox.launch import Json, launch, shake_hands
from velatura.sandbox.required import refuse_absent
from velatura.sandbox.scratch import Scratch

__all__ = ["Child", "Held", "Warm", "greeting"]

_DEADLINE_S = 30.0  # of a fork and its first word: 4 to 18 ms on a quiet machine
_GREETING_LIMIT = 1 << 16
_ON_DISK = "; its scratch folder lies on this machine's disk"
_STAT = "; it can ask for size and times of files by name"


class Warm:
    """A warmed guest. Safe to use from several threads; `with` it, or close it.

    Args:
        guest: "module:Class".
        settings: what its constructor takes; JSON.
        may: what its locked children may do.
        warm_deadline_s: seconds for each step of its start.
        path: folders that its modules are found in, beside velatura and what is installed.

    Raises:
        BadSpec: `sandbox.reads`.
        Missing: `sandbox.no-<layer>`, `sandbox.interpreter-unreadable`, `sandbox.warm-failed`, `sandbox.warm-hung`, `sandbox.threads`.
    """

    def __init__(self, guest: str, settings: Json, may: Confinement, *, warm_deadline_s: float = 60.0, path: Sequence[Path] = ()) -> None:
        for missing in (p for p in may.reads if not p.exists()):
            raise BadSpec("sandbox.reads", f"{missing} is not there, so it cannot be read by {guest}")
        self._guest, self._may = guest, may
        self._turn = threading.Lock()
        self._scratch: Scratch | None = None
        self._namespaces: bool | None = None
        self._process, self._control = launch(guest, settings, may, confined=True, path=path)
        self._open = True
        try:
            self._follow(warm_deadline_s)
        except BaseException:
            self.close()
            raise

    def fork(self, frames: SharedFrames | None = None) -> tuple[Child, Held]:
        """A locked child. `frames`: for this child alone.

        Raises:
            Missing: `sandbox.lock-failed`, `sandbox.warm-ended`, `sandbox.no-<layer>`, `sandbox.threads`.
        """
        return self._child("fork", frames)

    def lock(self, frames: SharedFrames | None = None) -> tuple[Child, Held]:
        """Lock the warm process itself: the one child that it will ever have. Raises as `fork`."""
        return self._child("lock", frames)

    def close(self) -> None:
        """End the warm process and, with it, every child."""
        with self._turn:
            self._open = False
            self._control.close()
            self._process.kill()
            self._process.wait()
            if self._scratch is not None:
                self._scratch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _follow(self, deadline_s: float) -> None:
        """The parent's half of the start; see `velatura.sandbox.inside`."""
        held = self._hear(deadline_s)
        self._namespaces = own_namespaces(self._process.pid)
        if self._may.scratch_mb and held[Layer.NAMESPACES]:
            self._scratch = Scratch(for_nobody=os.getuid() == 0 and not held[Layer.UID])
        self._control.send({"scratch": str(self._scratch.path) if self._scratch else ""})
        self._hear(deadline_s)
        self._control.send({"go": True})
        threads = shake_hands(self._control, deadline_s=deadline_s, guest=self._guest)["threads"]
        self._count(threads)

    def _hear(self, deadline_s: float) -> dict[Layer, str]:
        held = _layers(shake_hands(self._control, deadline_s=deadline_s, guest=self._guest)["held"])
        refuse_absent({layer: word for layer, word in held.items() if word}, self._may)
        return held

    def _count(self, threads: int) -> None:
        if threads > self._may.threads:
            raise Missing("sandbox.threads", f"{self._guest} runs {threads} threads once warm; {self._may.threads} are granted")

    def _child(self, how: str, frames: SharedFrames | None) -> tuple[Child, Held]:
        its, ours = open_pipes()
        try:
            pid = self._order(how, [*its, *([frames.descriptor] if frames else [])])
        except BaseException:
            for end in ours:
                os.close(end)
            raise
        finally:
            for end in its:
                os.close(end)
        child = Child(pid, *ours, (lambda: self._reap(pid)) if how == "fork" else self._end_locked)
        try:
            return child, self._held(child)
        except BaseException:
            child.close()
            raise

    def _order(self, how: str, descriptors: Sequence[int]) -> int:
        """The pid of the new child."""
        with self._turn:
            try:
                self._control.send({"do": how}, descriptors)
                return int(self._control.receive(deadline_s=_DEADLINE_S)[0]["pid"]) if how == "fork" else self._process.pid
            except (EOFError, OSError, ValueError) as error:  # ValueError: a closed socket has no descriptor
                raise Missing("sandbox.warm-ended", f"the confined process for {self._guest} is no more", hint="start it again") from error

    def _held(self, child: Child) -> Held:
        said = greeting(child, self._guest)
        layers = read_back(child.pid, said, self._may, namespaces=self._namespaces)
        self._count(threads_of(child.pid) or 1)
        if layers[Layer.NAMESPACES] not in ("kernel", "self") and self._may.keeps_files:
            layers[Layer.NAMESPACES] += _STAT + _ON_DISK
        held = Held(layers, self._may.required)
        refuse_absent(held.absent, self._may)
        return held

    def _reap(self, pid: int) -> int:
        with self._turn:
            if not self._open:
                return signal.SIGKILL
            try:
                self._control.send({"do": "reap", "pid": pid})
                return int(self._control.receive(deadline_s=_DEADLINE_S)[0]["status"])
            except (EOFError, OSError):
                return signal.SIGKILL  # the warm process is gone, and its children with it

    def _end_locked(self) -> int:
        self._process.kill()
        code = self._process.wait()
        return -code if code < 0 else code << 8


def greeting(child: Child, guest: str) -> dict[Layer, str]:
    """The child's first message: layer -> "" or why it is absent. Raises Missing `sandbox.lock-failed`."""
    try:
        message: Mapping[str, Any] = json.loads(child.receive(deadline_s=_DEADLINE_S, limit=_GREETING_LIMIT))
        return _layers(message["held"])
    except (BadInput, ValueError, KeyError) as error:
        raise Missing("sandbox.lock-failed", f"a confined process for {guest} could not be locked: {error}") from error


def _layers(raw: Mapping[str, str]) -> dict[Layer, str]:
    return {Layer(name): word for name, word in raw.items()}
