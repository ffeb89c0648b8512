"""What a batch has done, so that a second run does not do it again.

One line is appended for each finished output: its name, its size and time, and a digest of the options and of the input's size and time. An
output counts as done while all of that still holds; whatever else lies under its name is somebody else's and is not touched without --force.
A line that was cut off by a kill is skipped. No name of an input and nothing that it holds is written here.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from velatura.media.batch import Job

__all__ = ["Done"]

_NAME = ".velatura-done.jsonl"
_LIMIT = 64 << 20


class _Line(msgspec.Struct, frozen=True):
    output: str
    size: int
    mtime_ns: int
    digest: str


class Done:
    """The record of one output folder.

    Args:
        options: everything that changes an output, in words; other options mean: not done yet.
    """

    def __init__(self, folder: Path, options: str) -> None:
        self._path = folder / _NAME
        self._options = options
        self._lines = _read(self._path)

    def has(self, job: Job) -> bool:
        """Whether `job.target` is there as this record left it, from this input and with these options."""
        line = self._lines.get(_text(job.target.name))
        try:
            return line is not None and line == self._line(job)
        except OSError:
            return False

    def add(self, job: Job) -> None:
        """Call it when the output has its name."""
        line = self._line(job)
        self._lines[line.output] = line
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            os.write(handle, b"\n" + msgspec.json.encode(line))  # the line break first: behind a line that was cut off, a whole one follows
        finally:
            os.close(handle)

    def _line(self, job: Job) -> _Line:
        source, target = job.source.stat(), job.target.stat()
        digest = hashlib.sha256(repr((self._options, source.st_size, source.st_mtime_ns)).encode()).hexdigest()
        return _Line(_text(job.target.name), target.st_size, target.st_mtime_ns, digest)


def _text(name: str) -> str:
    """A name as JSON can hold it: one that is not UTF-8 with its bytes escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _read(path: Path) -> dict[str, _Line]:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LIMIT)
    except OSError:
        return {}
    lines: dict[str, _Line] = {}
    for text in raw.splitlines():
        try:
            line = msgspec.json.decode(text, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        lines[line.output] = line
    return lines
