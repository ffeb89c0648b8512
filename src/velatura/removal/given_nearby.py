"""Where a person's masks were a moment before and after: a mask that is missing in between leaves somebody visible, and must be noticed.

Kept at an eighth of the size, a bit a cell: 450 bytes a frame of 640x360.
"""

from __future__ import annotations

import numpy as np

from velatura.removal.planes import Mask

__all__ = ["GivenNearby"]

SIDE = 8
REACH = 6
"""Frames before and after: five that are missing are seen from both sides."""


class GivenNearby:
    """`add` each frame's mask, stored; then ask."""

    def __init__(self) -> None:
        self._kept: dict[int, bytes] = {}
        self._shape = (0, 0)

    def add(self, frame: int, mask: Mask) -> None:
        height, width = mask.shape
        self._shape = mask.shape
        padded = np.zeros((-(-height // SIDE) * SIDE, -(-width // SIDE) * SIDE), np.bool_)
        padded[:height, :width] = mask
        self._kept[frame] = np.packbits(padded.reshape(padded.shape[0] // SIDE, SIDE, -1, SIDE).any(axis=(1, 3))).tobytes()

    def around(self, frame: int) -> Mask:
        """Every cell that is masked in a frame near to this one; (height, width)."""
        height, width = self._shape
        rows, columns = -(-height // SIDE), -(-width // SIDE)
        union = np.zeros(-(-rows * columns // 8), np.uint8)
        for near in range(frame - REACH, frame + REACH + 1):
            if near in self._kept:
                union |= np.frombuffer(self._kept[near], np.uint8)
        cells = np.unpackbits(union, count=rows * columns).reshape(rows, columns).astype(np.bool_)
        return cells.repeat(SIDE, 0).repeat(SIDE, 1)[:height, :width]
