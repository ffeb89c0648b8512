"""Starts the interpreter that becomes a warm process: isolated, in a session of its own, with an environment of its own.

`-I` keeps PYTHON* variables and the working directory out, `-B` writes no bytecode, the environment holds a locale and thread counts and no PATH.
A session of its own keeps Ctrl-C for the parent, which ends its children in order. Nothing of ours is inherited but one socket.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from velatura.errors import Missing
from velatura.sandbox.confinement import Confinement
from velatura.sandbox.control import Control

__all__ = ["Json", "launch", "shake_hands"]

Json = Mapping[str, Any]
"""A plain mapping that JSON can carry."""

_OURS = str(Path(__file__).resolve().parents[2])
# An editable or source tree is not on the path of an isolated interpreter; an installed wheel is, and then nothing is added before it.
_BOOT = (
    "import sys; sys.path[:0] = [p for p in sys.argv[2:3] if p not in sys.path]; sys.path += sys.argv[3:]; "
    "from velatura.sandbox.inside import main; main(int(sys.argv[1]))"
)
_HINT = "velatura doctor"
_THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def launch(guest: str, settings: Json, may: Confinement, *, confined: bool, path: Sequence[Path]) -> tuple[subprocess.Popen[bytes], Control]:
    """The process and our end of its socket; the order is on its way."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    environment = dict.fromkeys(_THREAD_COUNTS, str(may.threads)) | {"LC_ALL": "C.UTF-8", "HOME": "/", "PATH": ""}
    process = subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", _BOOT, str(its.fileno()), _OURS, *map(str, path)],
        pass_fds=[its.fileno()],
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    its.close()
    control = Control(mine)
    control.send({"guest": guest, "settings": dict(settings), "may": may.to_json(), "confined": confined})
    return process, control


def shake_hands(control: Control, *, deadline_s: float, guest: str) -> dict[str, Any]:
    """The next word of the warm process. Raises Missing: `sandbox.warm-hung`, `sandbox.warm-failed`."""
    try:
        message = control.receive(deadline_s=deadline_s)[0]
    except TimeoutError:
        raise Missing("sandbox.warm-hung", f"the confined process for {guest} was not ready within {deadline_s:g} s") from None
    except (EOFError, OSError):
        raise Missing("sandbox.warm-failed", f"the confined process for {guest} ended before it was ready", hint=_HINT) from None
    if message.get("error"):
        raise Missing("sandbox.warm-failed", f"the confined process for {guest} could not be made ready: {message['error']}", hint=_HINT)
    return message
