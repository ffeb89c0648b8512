"""Where a layer's outputs may be put: the placements among which the cost model chooses.

A placement is (places for the outputs, folds). The places of one picture's elements follow the input's grid, so that a convolution's rotations are
its taps; channels and dense outputs go to the free places that are left once the grid and the fold have taken theirs. Which axes are folded, whole or
in part, and in which order free places are taken, is what is tried. Nothing here depends on a kernel's size or a layer's kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.diagonals import Fold, Target, fold_offsets
from velatura.homomorphic.graph import Affine
from velatura.homomorphic.layout import Axis, Layout, divisions, power_of_two

__all__ = ["Placement", "in_place", "placements"]

Numbers: TypeAlias = NDArray[np.int64]
FOLDINGS = 160
"""So many ways to fold are tried for one layer and input layout, the simplest first."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A target, and the layout of the result."""

    target: Target
    layout: Layout


def placements(node: Affine, layout: Layout) -> Iterator[Placement]:
    """Placements of a layer's outputs for one input layout; each is valid, which is cheap is not known here."""
    if in_order := _diagonal(node, layout):
        yield in_order
        return
    grid = _grid(node, layout)
    channels = node.size // int(np.prod([axis.extent for axis in grid], dtype=np.int64)) if grid else node.size
    for folds in islice(_foldings(node, layout, grid), FOLDINGS):
        yield from _placed(node, layout, grid, channels, folds)


def in_place(like: Layout) -> Placement:
    """Outputs exactly where `like` has its elements, in all copies: what is added to it must lie there."""
    ciphertext, slot = np.nonzero(like.table >= 0)
    row = like.table[ciphertext, slot].astype(np.int64)
    return Placement(Target(row, ciphertext, slot), Layout(like.table, like.grid, like.axes, like.copies, clean=True))


def _diagonal(node: Affine, layout: Layout) -> Placement | None:
    """Element by element: stays where it is."""
    matrix = node.matrix
    if matrix.shape[0] != matrix.shape[1] or matrix.nnz != matrix.shape[0]:
        return None
    return in_place(layout) if np.array_equal(matrix.indices, np.arange(matrix.shape[0])) else None


def _grid(node: Affine, layout: Layout) -> tuple[Axis, ...]:
    """The outputs' grid, where the layer is windows over a picture that lies on a grid; else ()."""
    if node.stride is None or not layout.grid or len(node.shape) not in (2, 3):
        return ()
    height, width = (1, node.shape[1]) if len(node.shape) == 2 else node.shape[1:]
    if len(layout.grid) == 1:  # the client has laid out each window
        apart = layout.grid[0].stride
        return (Axis(height, width * apart), Axis(width, apart)) if height * width == layout.grid[0].extent else ()
    rows, columns = layout.grid
    down, across = rows.stride * node.stride[0], columns.stride * node.stride[1]
    if (width - 1) * across >= down > 0 and height > 1:  # padding makes the picture wider than a row of slots
        return ()
    return (Axis(height, down), Axis(width, across))


def _foldings(node: Affine, layout: Layout, grid: tuple[Axis, ...]) -> Iterator[tuple[Fold, ...]]:
    """Which axes are folded: not at all, whole, or their outer part; of a picture's axes that stay, the part inside one stride."""
    choices: list[list[Fold | None]] = []
    for axis in layout.axes:
        choices.append([None, *_outer(axis, layout.slots)])
    if not grid:
        choices += [[None, *_outer(axis, layout.slots)] for axis in layout.grid]
    elif len(layout.grid) == 2 and node.stride is not None:
        for axis, stride in zip(layout.grid, node.stride, strict=True):
            choices.append([None] + ([Fold(stride, axis.stride)] if stride > 1 else []))
    found = list(islice(product(*choices), 20 * FOLDINGS))
    found.sort(key=lambda fold: sum(part is not None and part.terms for part in fold), reverse=True)
    seen = set()
    for fold in found:
        kept = tuple(part for part in fold if part is not None)
        if kept not in seen:
            seen.add(kept)
            yield kept


def _outer(axis: Axis, slots: int) -> list[Fold]:
    folds = []
    for inner in divisions(axis.extent):
        count = -(-axis.extent // inner)
        step = axis.stride * inner
        for terms in sorted({count, power_of_two(count)}):
            if terms * step <= slots and terms > 1:
                folds.append(Fold(terms, step))
    return folds


def _placed(node: Affine, layout: Layout, grid: tuple[Axis, ...], channels: int, folds: tuple[Fold, ...]) -> Iterator[Placement]:
    slots = layout.slots
    on_grid = fold_offsets([Fold(axis.extent, axis.stride) for axis in grid], slots)
    taken = (on_grid[:, None] + fold_offsets(folds, slots)[None, :]).ravel() % slots
    if len(np.unique(taken)) < len(taken):
        return
    blocks = {axis.stride for axis in (*layout.axes, *layout.grid) if 1 < axis.stride < slots} | {slots, *(q for q in layout.copies[1:2])}
    seen: set[bytes] = set()
    clash = _clash(taken, slots)
    for block in sorted(blocks, reverse=True):
        places = _free_places(clash, slots, block, _at_most(power_of_two(channels), taken, slots))
        for wanted in {channels, power_of_two(channels)}:
            free = places[: _at_most(wanted, taken, slots)]
            if not len(free) or free.tobytes() in seen:
                continue
            seen.add(free.tobytes())
            yield _assembled(node, layout, grid, on_grid, channels, folds, free[: min(channels, len(free))], (0,))
            if shifts := _repeated(free, channels):
                yield _assembled(node, layout, grid, on_grid, channels, folds, free[:channels], shifts)


def _at_most(wanted: int, taken: Numbers, slots: int) -> int:
    """Places that are looked for: as many as are wanted and their repetitions."""
    return min(8 * wanted, slots // len(taken))


def _clash(taken: Numbers, slots: int) -> NDArray[np.bool_]:
    """(2 slots,) whether taken and taken moved by so much meet; twice, so that a view of it is the pattern moved by any shift."""
    mask = np.zeros(slots)
    mask[taken] = 1
    spectrum = np.fft.rfft(mask)
    meet = np.rint(np.fft.irfft(spectrum * np.conj(spectrum), slots)) > 0
    return np.concatenate([meet, meet])


def _free_places(clash: NDArray[np.bool_], slots: int, block: int, most: int) -> Numbers:
    """`most` slots p such that the sets p + taken are disjoint: block after block, then the next offset."""
    order = np.arange(slots).reshape(-1, block).T.ravel() if slots % block == 0 else np.arange(slots)
    seen = bytearray(slots)  # Python reads its bytes three times faster than an array's
    blocked = np.frombuffer(seen, bool)
    found: list[int] = []
    for place in order.tolist():
        if not seen[place]:
            found.append(place)
            np.logical_or(blocked, clash[slots - place : 2 * slots - place], out=blocked)
            if len(found) >= most:
                break
    return np.array(found, np.int64)


def _repeated(free: Numbers, channels: int) -> tuple[int, ...]:
    """Shifts under which the places of all channels find free places again."""
    apart = power_of_two(channels)
    shifts = [0]
    for start in range(apart, len(free) - channels + 1, apart):
        moved = free[start : start + channels] - free[:channels]
        if np.all(moved == moved[0]):
            shifts.append(int(moved[0]))
    return tuple(shifts) if len(shifts) > 1 else ()


def _assembled(
    node: Affine,
    layout: Layout,
    grid: tuple[Axis, ...],
    on_grid: Numbers,
    channels: int,
    folds: tuple[Fold, ...],
    free: Numbers,
    shifts: tuple[int, ...],
) -> Placement:
    """The target with its layout; channels beyond the free places go to further ciphertexts."""
    slots, together = layout.slots, len(free)
    number = np.arange(channels)
    one = (free[number % together][:, None] + on_grid[None, :]).ravel() % slots
    ciphertext = np.repeat(number // together, len(on_grid))
    row = np.tile(np.arange(node.size), len(shifts))
    slot = np.concatenate([(one + shift) % slots for shift in shifts])
    target = Target(row, np.tile(ciphertext, len(shifts)), slot, folds)
    turns = fold_offsets([fold for fold in folds if fold.terms * fold.step % slots == 0], slots)  # a fold all the way round repeats its result
    copies = np.unique((turns[:, None] + np.array(shifts)[None, :]).ravel() % slots)
    table = np.full((int(ciphertext.max()) + 1, slots), -1, np.int32)
    for copy in copies:
        table[ciphertext, (one + copy) % slots] = np.arange(node.size)
    clean = all(fold.terms * fold.step % slots == 0 for fold in folds)
    return Placement(target, Layout(table, grid, _axes(free), tuple(int(q) for q in copies), clean))


def _axes(places: Sequence[int] | Numbers) -> tuple[Axis, ...]:
    """Nested even steps of a list of places: [0, 1, 2, 64, 65, 66] is 3 of step 1, 2 of step 64. What does not fit is left out."""
    axes: list[Axis] = []
    left = np.asarray(places, np.int64)
    while len(left) > 1:
        step = int(left[1] - left[0])
        run = 1
        while run < len(left) and left[run] - left[run - 1] == step:
            run += 1
        if step <= 0:
            break
        axes.append(Axis(run, step))
        left = left[::run]
    return tuple(axes)
