"""The turn that a player gives a clip: FFmpeg's display matrix, as one of the eight EXIF orientations.

The matrix maps stored (x, y) to shown (a x + c y, b x + d y), y downwards, in 16.16 fixed point. A turn between the right angles is not
one of the eight; the nearest is taken and the caller told.
Source: ISO/IEC 14496-12 section 8.3.2 (matrix of a track); libavutil/display.h; EXIF 2.32, tag 0x0112.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

__all__ = ["matrix_for", "orientation_of", "parse"]

# orientation -> (a, b, c, d): where the stored x axis (a, b) and y axis (c, d) point in the shown picture
_AXES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
_ONE = 1 << 16
_EXACT = math.cos(math.radians(0.5))


def parse(stored: bytes) -> tuple[int, ...] | None:
    """Nine numbers from the side data's 36 bytes (native order), or None if it is something else."""
    return struct.unpack("=9i", stored) if len(stored) == 36 else None


def orientation_of(matrix: Sequence[int]) -> tuple[int, bool]:
    """The nearest orientation, and whether the matrix is that one exactly (to half a degree, any scale)."""
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    x_length, y_length = math.hypot(a, b), math.hypot(c, d)
    if not x_length or not y_length:
        return 1, False

    def likeness(axes: tuple[int, int, int, int]) -> float:
        return min((a * axes[0] + b * axes[1]) / x_length, (c * axes[2] + d * axes[3]) / y_length)

    best = max(_AXES, key=lambda orientation: likeness(_AXES[orientation]))
    return best, likeness(_AXES[best]) > _EXACT


def matrix_for(orientation: int) -> tuple[int, ...]:
    """The matrix of an orientation, without translation: players place the picture themselves."""
    a, b, c, d = _AXES[orientation]
    return (a * _ONE, b * _ONE, 0, c * _ONE, d * _ONE, 0, 0, 0, 1 << 30)
