"""A plain child process, for systems that we cannot confine on: a crash or a hang is still an error for one input only, and that is all.

The same interface as `velatura.sandbox.warm`. Such systems do not fork safely once libraries are loaded, so each child is an interpreter of its own;
one warm spare is kept, and the next is started when it is taken.
"""

from __future__ import annotations

import os
import platform
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from velatura.errors import Missing
from velatura.sandbox.child import Child, open_pipes
from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.control import Control
from velatura.sandbox.frames import SharedFrames
from velatura.sandbox.held import Held
from velatura.sandbox.launch import Json, launch, shake_hands
from velatura.sandbox.required import refuse_absent
from velatura.sandbox.warm import greeting

__all__ = ["PlainWarm"]

_Spare = tuple[subprocess.Popen[bytes], Control]


class PlainWarm:
    """See `velatura.sandbox.warm.Warm`, whose signatures these are. Raises Missing for every required layer."""

    def __init__(self, guest: str, settings: Json, may: Confinement, *, warm_deadline_s: float = 60.0, path: Sequence[Path] = ()) -> None:
        self._absent = dict.fromkeys(Layer, f"no confinement on this system ({platform.system()})")
        refuse_absent(self._absent, may)
        self._guest, self._settings, self._may, self._path, self._deadline_s = guest, settings, may, path, warm_deadline_s
        self._turn = threading.Lock()
        self._closed = False
        self._running: set[subprocess.Popen[bytes]] = set()
        self._spare: _Spare | None = self._launch()
        try:
            self._hear(self._spare)
        except BaseException:
            self.close()
            raise
        self._heard = True

    def fork(self, frames: SharedFrames | None = None) -> tuple[Child, Held]:
        """A child. Raises Missing: `sandbox.lock-failed`, `sandbox.warm-ended`, `sandbox.warm-failed`, `sandbox.warm-hung`."""
        return self._child(frames, another=True)

    def lock(self, frames: SharedFrames | None = None) -> tuple[Child, Held]:
        """The last child: no spare is started after it. Raises as `fork`."""
        return self._child(frames, another=False)

    def close(self) -> None:
        """End every child."""
        with self._turn:
            self._closed = True
            if self._spare is not None:
                self._spare[1].close()
            for process in list(self._running):
                process.kill()
                process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _launch(self) -> _Spare:
        self._heard = False
        process, control = launch(self._guest, self._settings, self._may, confined=False, path=self._path)
        self._running.add(process)
        return process, control

    def _hear(self, spare: _Spare) -> None:
        shake_hands(spare[1], deadline_s=self._deadline_s, guest=self._guest)

    def _child(self, frames: SharedFrames | None, *, another: bool) -> tuple[Child, Held]:
        process, control = self._take(another=another)
        its, ours = open_pipes()
        try:
            control.send({"do": "lock"}, [*its, *([frames.descriptor] if frames else [])])
        except OSError as error:
            for end in ours:
                os.close(end)
            raise Missing("sandbox.warm-ended", f"the process for {self._guest} is no more", hint="start it again") from error
        finally:
            for end in its:
                os.close(end)
        child = Child(process.pid, *ours, lambda: self._end(process, control))
        try:
            greeting(child, self._guest)
        except BaseException:
            child.close()
            raise
        return child, Held(self._absent, self._may.required)

    def _take(self, *, another: bool) -> _Spare:
        with self._turn:
            if self._closed or self._spare is None:
                raise Missing("sandbox.warm-ended", f"the process for {self._guest} is no more", hint="start it again")
            spare = self._spare
            if not self._heard:
                self._hear(spare)
            self._spare = self._launch() if another else None
        return spare

    def _end(self, process: subprocess.Popen[bytes], control: Control) -> int:
        process.kill()
        code = process.wait()
        control.close()
        self._running.discard(process)
        return -code if code < 0 else code << 8
