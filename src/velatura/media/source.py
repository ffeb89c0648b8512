"""Opens pictures and clips by their content, each decoded in a confined child of its own.

A `Decoder` keeps one warmed child that has read nothing; every file gets a fork of it, in a few milliseconds, that ends with the file. So a file
that takes its decoder over gets a process without files, network or the other people's pictures, and ends it for nobody but itself.
Where the system is not Linux the child is a plain process; `Facts.confined` says so.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from velatura.errors import BadInput
from velatura.files import existing_file
from velatura.media.reader import Limits
from velatura.media.remote import Remote
from velatura.media.wire import Leak
from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.frames import SharedFrames
from velatura.sandbox.starting import start

__all__ = ["Decoder", "open_media"]

GUEST = "velatura.media.guest:MediaGuest"
_SAMPLE_BYTES = 6  # a sample of 4:4:4 with 16 bits; the mapping costs nothing where nothing is written


class Decoder:
    """Opens files. `with` it: leaving ends the warmed child.

    Args:
        limits: what one file may ask for.

    Raises:
        Missing: `sandbox.no-seccomp` and the like, on Linux, where a layer that we insist on is absent.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008  # frozen
        self.limits = limits
        self._warm = start(GUEST, {}, confinement(limits))

    def open(self, path: Path, *, audio: bool = False) -> Remote:
        """A reader of one picture or clip. `audio`: its sound track too, in `Remote.sound`.

        Raises:
            BadInput: `media.missing`, `media.not-a-file`, `media.unreadable`; the others come with facts and frames.
        """
        return self._remote(path, audio=audio)

    def scan(self, path: Path) -> tuple[Leak, ...]:
        """What a file tells beside its pixels. Raises BadInput."""
        with self._remote(path, scan=True) as remote:
            return remote.leaks()

    def close(self) -> None:
        self._warm.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _remote(self, path: Path, *, audio: bool = False, scan: bool = False) -> Remote:
        file = _opened(existing_file(path))
        frames = SharedFrames(self.limits.pixels * _SAMPLE_BYTES)
        try:
            child, held = self._warm.fork(frames)
        except BaseException:
            frames.close()
            file.close()
            raise
        return Remote(path, file, child, frames, self.limits, confined=held.confined, audio=audio, scan=scan)


@contextmanager
def open_media(path: Path, *, limits: Limits = Limits(), audio: bool = False) -> Iterator[Remote]:  # noqa: B008  # frozen
    """A reader of a single file, with a decoder of its own; for several files take one `Decoder`, which is warmed once."""
    with Decoder(limits) as decoder, decoder.open(path, audio=audio) as reader:
        yield reader


def confinement(limits: Limits) -> Confinement:
    """What the decoder may do: compute. Memory: four bytes a pixel as Pillow holds it, twice, and a plane; half a GiB for the codecs."""
    required = frozenset({Layer.SECCOMP, Layer.RLIMITS}) if sys.platform == "linux" else frozenset()
    return Confinement(memory_mb=512 + (limits.pixels * 10 >> 20), required=required)


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
