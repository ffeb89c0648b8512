"""Pages of a TIFF, one after the other; each may have a size and a mode of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, cast

from PIL import Image, TiffImagePlugin

from velatura.media.frame import Frame

__all__ = ["TiffPages"]


class TiffPages:
    """Each page is coded when it comes and linked to the one before."""

    def __init__(self, file: object, options: Mapping[str, Any]) -> None:
        self._writer = TiffImagePlugin.AppendingTiffWriter(cast(IO[bytes], file), new=True)
        self._options = options

    def add(self, image: Image.Image, frame: Frame) -> None:
        image.save(self._writer, "TIFF", **self._options)
        self._writer.newFrame()

    def finish(self) -> None:
        self._writer.finalize()

    def close(self) -> None: ...
