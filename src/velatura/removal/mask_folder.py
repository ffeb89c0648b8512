"""Masks as a folder of pictures, one a frame: 000000.png, 000001.png ..., 255 where something was replaced, else 0.

They grow in a folder of their own beside the one that was named and get there when all are done, so that a run that fails leaves nothing.
They are in the upright picture of the output, as `given_masks` reads them.
"""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from velatura.errors import BadSpec, VelaturaError
from velatura.removal.planes import Mask

__all__ = ["MaskFolder"]

FAST = 1  # zlib: masks shrink to a hundredth at any level


class MaskFolder:
    """`with` it: `add` each frame's mask, then `finish`; leaving without that leaves nothing.

    Args:
        path: of the folder; it is made, may be there empty, and with `force` may hold masks of an earlier run, which go, and other files, which stay.

    Raises:
        BadSpec: `remove.masks-out`.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self._path, self._number, self._part = path, 0, Path()
        if path.exists() and not path.is_dir():
            raise BadSpec("remove.masks-out", f"{path}: is not a folder", hint="name a folder for the masks")
        if not path.absolute().parent.is_dir():
            raise BadSpec("remove.masks-out", f"{path.parent}: there is no such folder", hint="make it first, or choose another")
        if path.is_dir() and not force and any(path.iterdir()):
            raise BadSpec("remove.masks-out", f"{path}: is not empty", hint="choose another folder, or --force to replace masks in it")

    def add(self, mask: Mask) -> None:
        """The next frame's mask, upright. Raises VelaturaError `files.disk-full`, `files.unwritable`."""
        done, raw = cv2.imencode(".png", mask.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_COMPRESSION, FAST])
        assert done, "a grey picture has a PNG"
        with _explained(self._path):
            (self._part / f"{self._number:06d}.png").write_bytes(raw.tobytes())
        self._number += 1

    def restart(self) -> None:
        """Begin anew with frame 0: what was added before counts no more."""
        self._number = 0

    def finish(self) -> None:
        """Put the masks where they belong; masks of an earlier, longer run go. Raises as `add`."""
        with _explained(self._path):
            self._path.mkdir(exist_ok=True)
            for old in self._path.iterdir():
                if re.fullmatch(r"\d{6,}\.png", old.name) and int(old.stem) >= self._number:
                    old.unlink()
            for number in range(self._number):
                name = f"{number:06d}.png"
                (self._part / name).replace(self._path / name)

    def __enter__(self) -> Self:
        with _explained(self._path):
            self._part = Path(tempfile.mkdtemp(prefix=f".{self._path.name[:100]}.", suffix=".part", dir=self._path.absolute().parent))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        shutil.rmtree(self._part, ignore_errors=True)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise VelaturaError("files.disk-full", f"{path}: the disk is full", hint="free some space and run it again") from error
        sentence = f"{path}: cannot be written: {error.strerror}"
        raise VelaturaError("files.unwritable", sentence, hint="choose a folder that you may write to") from error
