"""Where the elements of a layer's result lie in the slots of its ciphertexts.

A layout is a table, (ciphertexts, slots) -> element or -1, with a description of its regularity beside it: axes along which elements step evenly and
shifts under which it repeats. The description only proposes; what is computed is checked against the table. A slot with -1 may hold anything, so its
weight is zero wherever it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Axis", "Layout", "flat", "pictures", "power_of_two", "windows"]

Table: TypeAlias = NDArray[np.int32]
Numbers: TypeAlias = NDArray[np.int64]


class Axis(NamedTuple):
    """`extent` elements, `stride` slots apart."""

    extent: int
    stride: int


@dataclass(frozen=True, slots=True)
class Layout:
    """
    Args:
        table: (ciphertexts, slots): the element that lies there, or -1. Elements are numbered row-major over the sample's shape.
        grid: rows and columns, where the elements are pictures: element (c, y, x) lies at (place of c) + y * grid[0].stride + x * grid[1].stride.
        axes: other regular steps between elements within one ciphertext.
        copies: shifts q (with 0) such that slot s + q holds the same element as slot s, for each slot that holds the first copy of one.
        clean: slots with -1 hold zero.
    """

    table: Table
    grid: tuple[Axis, ...] = ()
    axes: tuple[Axis, ...] = ()
    copies: tuple[int, ...] = (0,)
    clean: bool = False

    @property
    def slots(self) -> int:
        return int(self.table.shape[1])

    @property
    def ciphertexts(self) -> int:
        return len(self.table)

    def first(self, size: int) -> tuple[Numbers, Numbers]:
        """For each of `size` elements the ciphertext and the slot of its first copy; -1 where it lies nowhere."""
        where = np.full(size, -1, np.int64)
        flat = self.table.ravel()
        filled = np.flatnonzero(flat >= 0)[::-1]  # the first one wins: it is written last
        where[flat[filled]] = filled
        return np.where(where < 0, -1, where // self.slots), np.where(where < 0, -1, where % self.slots)


def power_of_two(least: int) -> int:
    """The least power of two that is not below `least`."""
    return 1 << max(0, (least - 1).bit_length())


def flat(size: int, slots: int) -> Layout:
    """A vector, repeated with the period of the next power of two; over as many ciphertexts as it needs."""
    period = min(power_of_two(size), slots)
    count = -(-size // period)
    table = np.full((count, slots), -1, np.int32)
    for number in range(count):
        here = np.arange(number * period, min((number + 1) * period, size), dtype=np.int32)
        one = np.full(period, -1, np.int32)
        one[: len(here)] = here
        table[number] = np.tile(one, slots // period)
    return Layout(table, axes=(Axis(min(size, period), 1),), copies=tuple(range(0, slots, period)), clean=True)


def pictures(shape: tuple[int, int, int], slots: int, *, tight: bool = False) -> Layout | None:
    """Rows one after the other, channels in blocks of a power of two, the whole repeated; None where one channel does not fit.

    Args:
        tight: rows follow each other without a gap instead of at a power of two.
    """
    channels, height, width = shape
    row = width if tight else power_of_two(width)
    block = power_of_two((height - 1) * row + width)
    if block > slots:
        return None
    together = min(power_of_two(channels), slots // block)
    count = -(-channels // together)
    period = together * block
    table = np.full((count, slots), -1, np.int32)
    c, y, x = np.meshgrid(np.arange(channels), np.arange(height), np.arange(width), indexing="ij")
    table[(c // together).ravel(), (c % together * block + y * row + x).ravel()] = np.arange(c.size)
    for number in range(count):
        table[number] = np.tile(table[number, :period], slots // period)
    axes = (Axis(min(channels, together), block),) if channels > 1 else ()
    return Layout(table, (Axis(height, row), Axis(width, 1)), axes, tuple(range(0, slots, period)), clean=True)


def windows(taps: int, count: int, slots: int) -> Layout | None:
    """Windows that the client has laid out himself (`im2col`): slot = tap * windows + window; None where that does not fit.

    Elements are numbered tap * count + window.
    """
    apart = power_of_two(count)
    period = power_of_two(taps) * apart
    if period > slots:
        return None
    one = np.full((power_of_two(taps), apart), -1, np.int32)
    one[:taps, :count] = np.arange(taps * count).reshape(taps, count)
    table = np.tile(one.ravel(), slots // period)[None]
    return Layout(table, (Axis(count, 1),), (Axis(taps, apart),), tuple(range(0, slots, period)), clean=True)


def divisions(extent: int) -> Iterator[int]:
    """Powers of two below an extent: into which an axis may be cut."""
    inner = 1
    while inner < extent:
        yield inner
        inner *= 2
