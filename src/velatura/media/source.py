"""Opens pictures and clips by their content, each decoded in a confined child of its own.

A `Decoder` keeps a warmed child that has read nothing for each kind of task that comes: pictures, HEIC, clips, scans (a clip needs no
picture's parser, and no picture but HEIC a clip's).
Every file gets a fork of it, in a few milliseconds, that ends with the file. So a file that takes its decoder over gets a process without files,
network or the other people's pictures, and ends it for nobody but itself.
Where the system is not Linux the child is a plain process; `Facts.confined` says so.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from velatura.errors import BadInput
from velatura.files import existing_file
from velatura.media.kinds import PICTURES, kind_of
from velatura.media.reader import Limits
from velatura.media.remote import Remote
from velatura.media.wire import Leak
from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.frames import SharedFrames
from velatura.sandbox.starting import start

if TYPE_CHECKING:
    from velatura.sandbox.plain import PlainWarm
    from velatura.sandbox.warm import Warm

__all__ = ["Decoder", "open_media"]

GUEST = "velatura.media.guest:MediaGuest"
_TASKS = {"picture": ("picture",), "heic": ("heic",), "clip": ("clip",), "scan": ("picture", "heic", "scan")}
_HEAD = 512  # bytes that tell a picture from a clip
_SAMPLE_BYTES = 6  # a sample of 4:4:4 with 16 bits; the mapping costs nothing where nothing is written


class Decoder:
    """Opens files. `with` it: leaving ends the warmed children.

    Args:
        limits: what one file may ask for.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008  # frozen
        self.limits = limits
        self._turn = threading.Lock()
        self._warm: dict[str, Warm | PlainWarm] = {}

    def open(self, path: Path, *, audio: bool = False) -> Remote:
        """A reader of one picture or clip. `audio`: its sound track too, in `Remote.sound`.

        Raises:
            BadInput: `media.missing`, `media.not-a-file`, `media.unreadable`; the others come with facts and frames.
            Missing: `sandbox.no-seccomp` and the like, on Linux, where a layer that we insist on is absent.
        """
        return self._remote(path, audio=audio)

    def scan(self, path: Path) -> tuple[Leak, ...]:
        """What a file tells beside its pixels. Raises as `open`, and BadInput of the file itself."""
        with self._remote(path, scan=True) as remote:
            return remote.leaks()

    def close(self) -> None:
        for warm in self._warm.values():
            warm.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _remote(self, path: Path, *, audio: bool = False, scan: bool = False) -> Remote:
        file = _opened(existing_file(path))
        frames = SharedFrames(self.limits.pixels * _SAMPLE_BYTES)
        try:
            child, held = self._warmed("scan" if scan else _task(file)).fork(frames)
        except BaseException:
            frames.close()
            file.close()
            raise
        return Remote(path, file, child, frames, self.limits, confined=held.confined, audio=audio, scan=scan)

    def _warmed(self, task: str) -> Warm | PlainWarm:
        with self._turn:
            if task not in self._warm:
                self._warm[task] = start(GUEST, {"tasks": _TASKS[task]}, confinement(self.limits))
            return self._warm[task]


@contextmanager
def open_media(path: Path, *, limits: Limits = Limits(), audio: bool = False) -> Iterator[Remote]:  # noqa: B008  # frozen
    """A reader of a single file, with a decoder of its own; for several files take one `Decoder`, which is warmed once."""
    with Decoder(limits) as decoder, decoder.open(path, audio=audio) as reader:
        yield reader


def confinement(limits: Limits) -> Confinement:
    """What the decoder may do: compute. Memory: four bytes a pixel as Pillow holds it, twice, and a plane; half a GiB for the codecs."""
    required = frozenset({Layer.SECCOMP, Layer.RLIMITS}) if sys.platform == "linux" else frozenset()
    return Confinement(memory_mb=512 + (limits.pixels * 10 >> 20), required=required)


def _task(file: BinaryIO) -> str:
    """By the file's first bytes, as the child itself decides; what is neither is refused in the clip's child."""
    kind = kind_of(os.pread(file.fileno(), _HEAD, 0))
    return "heic" if kind == "heic" else "picture" if kind in PICTURES else "clip"


def _opened(path: Path) -> BinaryIO:
    """Open what was a regular file a moment ago; a pipe put in its place must not stop us, and is refused."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise BadInput("media.unreadable", f"{path}: may not be read: {error.strerror}", hint="check its permissions") from error
    file = os.fdopen(handle, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise BadInput("media.not-a-file", f"{path}: is not a regular file", hint="give a file, or a folder of files where a batch is meant")
    return file
