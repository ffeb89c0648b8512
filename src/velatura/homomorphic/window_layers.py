"""Convolutions and poolings as sparse matrices over the flattened sample."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Windows", "averaging", "convolution"]

Floats: TypeAlias = NDArray[np.float64]
MOST_WEIGHTS = 60_000_000
"""Nonzero entries of one layer's matrix: about a gigabyte."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How windows lie over a picture of (height, width); rows first in every pair.

    Args:
        pads: zeros before (top, left) and after (bottom, right).
        ceiling: a last window may reach over the padded edge (`ceil_mode`).
    """

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    ceiling: bool = False

    @property
    def out(self) -> tuple[int, int]:
        """Rows and columns of windows (ONNX, operators Conv and AveragePool)."""
        rows, columns = (self._count(axis) for axis in (0, 1))
        return rows, columns

    def _count(self, axis: int) -> int:
        before, after = self.pads[0][axis], self.pads[1][axis]
        reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1
        steps = (self.size[axis] + before + after - reach) / self.stride[axis]
        count = (ceil(steps) if self.ceiling else int(steps // 1)) + 1
        if self.ceiling and (count - 1) * self.stride[axis] >= self.size[axis] + before:
            count -= 1  # the last one would begin behind the picture
        return count

    def taps(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]]:
        """For each place in the kernel, row-major: (windows that see the picture there, the pixels they see, (windows,) sees picture or padding)."""
        (height, width), (rows, columns) = self.size, self.out
        i, j = (axis.ravel() for axis in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
        found = []
        for a in range(self.kernel[0]):
            for b in range(self.kernel[1]):
                y = i * self.stride[0] + a * self.dilation[0] - self.pads[0][0]
                x = j * self.stride[1] + b * self.dilation[1] - self.pads[0][1]
                inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
                padded = (y < height + self.pads[1][0]) & (x < width + self.pads[1][1])
                found.append((np.flatnonzero(inside), (y * width + x)[inside], padded))
        return found


def convolution(windows: Windows, weights: Floats, groups: int) -> Any:
    """csr_array (channels out * windows, channels in * pixels). `weights`: (out, in / groups, rows, columns)."""
    from scipy.sparse import csr_array

    out, each = weights.shape[:2]
    pixels, count = windows.size[0] * windows.size[1], windows.out[0] * windows.out[1]
    filters = np.arange(out)
    first = filters // (out // groups) * each
    rows, columns, data = [], [], []
    for number, (window, pixel, _) in enumerate(windows.taps()):
        a, b = divmod(number, windows.kernel[1])
        shape = (out, each, len(window))
        rows.append(np.broadcast_to(filters[:, None, None] * count + window, shape).ravel())
        columns.append(np.broadcast_to((first[:, None, None] + np.arange(each)[None, :, None]) * pixels + pixel, shape).ravel())
        data.append(np.broadcast_to(weights[:, :, a, b, None], shape).ravel())
    size = (out * count, each * groups * pixels)
    matrix = csr_array((np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))), shape=size)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def averaging(windows: Windows, channels: int, *, count_padding: bool) -> Any:
    """csr_array (channels * windows, channels * pixels): means over windows; `count_padding`: zeros of the padding count as pixels."""
    from scipy.sparse import block_diag, csr_array

    pixels, count = windows.size[0] * windows.size[1], windows.out[0] * windows.out[1]
    taps = windows.taps()
    rows, columns = np.concatenate([tap[0] for tap in taps]), np.concatenate([tap[1] for tap in taps])
    inside = np.bincount(rows, minlength=count)
    weight = 1.0 / np.maximum(np.sum([tap[2] for tap in taps], axis=0) if count_padding else inside, 1)
    one = csr_array((weight[rows], (rows, columns)), shape=(count, pixels))
    matrix = csr_array(block_diag([one] * channels, format="csr"))
    matrix.sort_indices()
    return matrix
