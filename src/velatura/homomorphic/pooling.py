"""Sums over equal windows without a multiplication: rotate and add, no level.

A pooling whose weights are all one (its factor has moved into the next layer) only adds slots. Where the offsets between an output's place and its
inputs are the same for every output, they are a sum of even steps, and each even step is a fold.
"""

from __future__ import annotations

import numpy as np

from velatura.homomorphic.diagonals import Fold, Numbers
from velatura.homomorphic.graph import Affine
from velatura.homomorphic.layout import Axis, Layout

__all__ = ["pooled"]


def pooled(node: Affine, layout: Layout) -> tuple[tuple[Fold, ...], Layout] | None:
    """The folds that sum each output's inputs, and where the outputs lie then; None where it is not such a sum."""
    matrix = node.matrix
    counts = np.diff(matrix.indptr)
    if not matrix.nnz or np.any(matrix.data != 1) or np.any(counts != counts[0]) or np.any(node.bias):
        return None
    ciphertext, slot = layout.first(matrix.shape[1])
    slots = slot[matrix.indices].reshape(-1, counts[0])
    cts = ciphertext[matrix.indices].reshape(-1, counts[0])
    if np.any(cts != cts[:, :1]):
        return None
    anchor = slots.min(axis=1)
    offsets = np.sort(slots - anchor[:, None], axis=1)
    if np.any(offsets != offsets[0]):
        return None
    folds = progressions(offsets[0])
    if folds is None or len(np.unique(anchor + cts[:, 0] * layout.slots)) < len(anchor):
        return None
    table = np.full_like(layout.table, -1)
    for copy in layout.copies:
        table[cts[:, 0], (anchor + copy) % layout.slots] = np.arange(node.size)
    return folds, Layout(table, _grid(node, layout), layout.axes, layout.copies, clean=False)


def progressions(offsets: Numbers) -> tuple[Fold, ...] | None:
    """Folds whose sums of steps are exactly `offsets` (increasing, the first 0); None where there are none."""
    if len(offsets) == 1:
        return ()
    step = int(offsets[1])
    present = set(offsets.tolist())
    count = 1
    while count * step in present:
        count += 1
    while count > 1:
        rest = sorted(present)
        starts: list[int] = []
        left = set(rest)
        for value in rest:
            if value in left:
                members = {value + k * step for k in range(count)}
                if not members <= left:
                    break
                left -= members
                starts.append(value)
        if not left:
            more = progressions(np.array(starts))
            return None if more is None else (Fold(count, step), *more)
        count -= 1
    return None


def _grid(node: Affine, layout: Layout) -> tuple[Axis, ...]:
    if node.stride is None or len(layout.grid) != 2 or len(node.shape) not in (2, 3):
        return ()
    height, width = (1, node.shape[1]) if len(node.shape) == 2 else node.shape[1:]
    rows, columns = layout.grid
    return (Axis(height, rows.stride * node.stride[0]), Axis(width, columns.stride * node.stride[1]))
