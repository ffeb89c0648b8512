"""What lay behind the masks of a moving camera, kept for the check of the finished file: brightness alone, JPEG-coded, in a file without a name.

About 15 kB a frame of 720p. What lies outside of the masks is never kept.
"""

from __future__ import annotations

import tempfile

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.planes import Mask

__all__ = ["Shown"]

QUALITY = 92
IN_MEMORY = 32 << 20
ROOM_PX = 12


class Shown:
    """Written by a pass over a clip, read by the check after it; `with` it."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed by `close`
        self._where: dict[int, tuple[int, int, int, int, int, int]] = {}

    def add(self, frame: int, grey: NDArray[np.uint8], mask: Mask) -> None:
        """The part of a frame's background around `mask`; nothing if the mask is empty."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return
        y0, y1 = max(int(rows[0]) - ROOM_PX, 0), int(rows[-1]) + 1 + ROOM_PX
        x0, x1 = max(int(columns[0]) - ROOM_PX, 0), int(columns[-1]) + 1 + ROOM_PX
        crop = grey[y0:y1, x0:x1]
        code = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        seen = np.packbits(mask[y0:y1, x0:x1]).tobytes()
        self._file.seek(0, 2)
        self._where[frame] = (self._file.tell(), len(code), x0, y0, x0 + crop.shape[1], y0 + crop.shape[0])
        self._file.write(code)
        self._file.write(seen)

    def at(self, frame: int) -> tuple[NDArray[np.uint8], Mask, tuple[int, int, int, int]] | None:
        """Brightness, which of it other frames showed, and the box (x0, y0, x1, y1) that both fill; stored pixels."""
        if frame not in self._where:
            return None
        start, length, x0, y0, x1, y1 = self._where[frame]
        self._file.seek(start)
        grey = cv2.imdecode(np.frombuffer(self._file.read(length), np.uint8), cv2.IMREAD_GRAYSCALE)
        count = (x1 - x0) * (y1 - y0)
        bits = np.unpackbits(np.frombuffer(self._file.read(-(-count // 8)), np.uint8), count=count)
        return np.asarray(grey, np.uint8), bits.reshape(y1 - y0, x1 - x0).astype(np.bool_), (x0, y0, x1, y1)

    def close(self) -> None:
        self._file.close()
