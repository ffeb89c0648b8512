"""The folder of `edge run --state`: the device's key, and the lock that makes it one run's alone.

Two runs with one folder would write over each other's status and take turns in one outbox. The lock is the kernel's (flock): it ends with the
process, however that ends. The number in the file is for a person's eyes; nothing is decided by it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from velatura.crypto.keyfile import load_signer, save_private
from velatura.crypto.keys import Signer
from velatura.errors import BadSpec, VelaturaError

__all__ = ["KEY", "LOCK", "held"]

KEY, LOCK = "signer.key", "run.lock"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Signer]:
    """The folder, made where it is missing (0700), and nobody else's until the end; its key, made at the first start.

    Raises:
        BadSpec: `edge.state-busy`: another run has it.
        VelaturaError: `edge.state`: nothing can be made in it; what `load_signer` raises.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        _take(lock, folder)
        yield _signer(folder)
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except BlockingIOError as error:
        number = os.pread(lock, 20, 0).strip().decode("ascii", "replace")
        who = f"process {number}" if number.isdecimal() else "another process"
        raise BadSpec("edge.state-busy", f"--state {folder}: {who} runs with this folder", hint="end it, or another --state folder") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):  # a full disk takes no number, and the lock holds: a run goes on without room
            raise _unusable(folder, error) from error


def _signer(folder: Path) -> Signer:
    try:
        if not (folder / KEY).exists():
            save_private(Signer.new(os.urandom), folder / KEY)
    except OSError as error:
        raise _unusable(folder, error) from error
    return load_signer(folder / KEY)


def _unusable(folder: Path, error: OSError) -> VelaturaError:
    return VelaturaError("edge.state", f"{folder}: cannot be used: {error.strerror}", hint="choose another --state folder")
