"""A scratch folder on the parent's disk, for guests that need one where namespaces are absent.

Mode 0700, owned by the child's uid, wiped at the end. A parent that was killed leaves its folder: the next one sweeps. Who is alive is told by a
lock (flock) that the kernel lets go of with the process, not by a pid that another process may have by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from velatura.sandbox.privileges import NOBODY

__all__ = ["Scratch", "sweep"]

_PREFIX = "velatura-scratch-"


class Scratch:
    """`path` is there until `close`. `for_nobody`: the child is uid 65534 and we are root."""

    def __init__(self, *, for_nobody: bool) -> None:
        sweep()
        self.path, self._lock = _locked_folder()
        if for_nobody:
            os.chown(self.path, NOBODY, NOBODY)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sweep() -> None:
    """Remove the folders of parents that are no more. Others' folders are left alone."""
    for path in Path(tempfile.gettempdir()).glob(_PREFIX + "*"):
        with contextlib.suppress(OSError), _alone_with(path):
            shutil.rmtree(path, ignore_errors=True)


def _locked_folder() -> tuple[Path, int]:
    """Between making and locking it, a sweep may take it for a dead one's: then make another."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with contextlib.suppress(FileNotFoundError):
            path.chmod(0o700)  # a umask may have taken even that
            lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.lexists(path):
                return path, lock
            os.close(lock)


@contextlib.contextmanager
def _alone_with(path: Path) -> Iterator[None]:
    """Hold the lock of a folder that is ours (or nobody's, for root). Raises OSError where it is not, or lives."""
    lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        owner = os.fstat(lock).st_uid
        if owner != os.getuid() and not (os.getuid() == 0 and owner == NOBODY):
            raise PermissionError
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)
