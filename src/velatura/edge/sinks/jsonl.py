"""Events as lines of a file: whole lines, synced once a batch. A last line that a power loss cut is mended; a file that is not ours is refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from velatura.edge.events import MOST_LINE, Link, digest, parse
from velatura.edge.sinks.sink import Unreached
from velatura.errors import BadSpec, VelaturaError

__all__ = ["JsonLines"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the last one: RLIMIT_FSIZE


class JsonLines:
    """A `Sink`.

    Args:
        path: made where it is missing (0600).
        device, camera: whose events an existing file must end in; then it is continued.
        force: an existing file is replaced.

    Attributes:
        link: where the chain stands after its last line.

    Raises:
        BadSpec: `files.exists`: it is there and ends in no event of this camera; `edge.not-a-file`; `files.no-folder`.
        VelaturaError: `files.unwritable`.
    """

    def __init__(self, path: Path, *, device: str, camera: str, force: bool = False) -> None:
        self._path, self._last, self.link = path, -1, Link()
        try:
            self.name = f"file:{path.resolve()}"
            if path.exists() and not path.is_file():
                raise BadSpec("edge.not-a-file", f"{path}: is no plain file", hint="name a file that ends in .jsonl")
            if not path.parent.is_dir():
                raise BadSpec("files.no-folder", f"{path.parent}: there is no such folder", hint="make it first, or choose another output")
            if path.exists() and not force:
                self.link = _continued(path, device, camera)
                self._last = self.link.seq - 1
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | (os.O_TRUNC if self._last < 0 else 0)
            self._file = os.open(path, flags, 0o600)
            self._size = os.fstat(self._file).st_size
        except OSError as error:
            sentence = f"{path}: cannot be written: {error.strerror}"
            raise VelaturaError("files.unwritable", sentence, hint="choose a folder that you may write to, and a short name") from error

    def offer(self, lines: Sequence[tuple[int, bytes]]) -> int:
        new = [(seq, line) for seq, line in lines if seq > self._last]
        if not new:
            return self._last
        raw = b"".join(line + b"\n" for _, line in new)
        try:
            left = memoryview(raw)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)  # no half lines
            raise Unreached("disk-full" if error.errno in FULL else "down") from error
        self._size += len(raw)
        self._last = new[-1][0]
        return self._last

    def forgot(self) -> bool:
        return False

    def close(self) -> None:
        """A file into which nothing came is taken away: a run that was refused leaves none."""
        os.close(self._file)
        if not self._size:
            self._path.unlink(missing_ok=True)


def _continued(path: Path, device: str, camera: str) -> Link:
    """Where it stands after its last event, a cut line after it taken off. An empty file is a new one."""
    with path.open("rb+") as stream:
        size = stream.seek(0, os.SEEK_END)
        if not size:
            return Link()
        stream.seek(max(0, size - 2 * MOST_LINE))
        tail = stream.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        line = whole[:-1].rpartition(b"\n")[2]
        try:
            event = parse(line)
        except VelaturaError as error:
            raise _not_ours(path) from error
        if (event.device, event.camera) != (device, camera):
            raise _not_ours(path)
        stream.truncate(size - len(tail) + len(whole))
        return Link(event.seq + 1, event.head or digest(line))


def _not_ours(path: Path) -> BadSpec:
    return BadSpec("files.exists", f"{path} is already there, and does not end in an event of this camera", hint="--force, or another name")
