"""Pieces of a picture whose pixels changed colour at the same times, and the spans of time in which each of them stayed as it was.

A region where a second colour was seen may unite two people, or somebody and the place where he later passed. Neighbouring pixels belong to one
piece only if their samples fall apart into the same sets, whichever of the sets is the stronger. For a piece as a whole two samples belong together
if most of its pixels show the same colour in both; each of its spans is a set of samples in which it looked alike, and one of them is what is behind.
Limit: two who stand side by side and change places at the same time are one piece; its border then speaks for neither (`edge_vote`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.planes import Mask
from velatura.removal.stable_colours import FEWEST, NONE, SHARE, Colours
from velatura.removal.voting_median import counted

__all__ = ["Piece", "rival_pieces"]

SMALLEST = 30  # pixels; smaller ones are grown into from a larger one, or are noise
ALIKE = 0.8  # samples of two neighbours that fall into the same sets
TOGETHER = 0.65  # of a piece's pixels, for two samples to be of one span
BOTH = 0.2  # of its pixels must show a colour in both
MOST_SPANS = 4
REACH = [(0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0)]  # (down, right): near enough to be neighbours
ORDERS = [np.array([*order, NONE], np.uint8) for order in permutations(range(NONE))]


@dataclass(frozen=True, slots=True)
class Piece:
    """One of them.

    Attributes:
        mask: (height, width) of the small picture.
        spans: each (samples,) bool, longest first; disjoint; at least two.
    """

    mask: Mask
    spans: tuple[NDArray[np.bool_], ...]


def rival_pieces(colours: Colours) -> Iterator[Piece]:
    """The pieces that looked different for a while, largest first."""
    rival = colours.rival & (cv2.blur(colours.rival.astype(np.float32), (3, 3)) > 0.5)
    ys, xs = np.nonzero(rival)
    if not len(ys):
        return
    labels = np.ascontiguousarray(colours.labels[:, ys, xs])
    group = _connected(rival, ys, xs, labels)
    sizes = np.bincount(group)
    for number in np.argsort(-sizes, kind="stable"):
        if sizes[number] < SMALLEST:
            return
        member = group == number
        spans = _spans(labels[:, member])
        if len(spans) > 1:
            mask = np.zeros(rival.shape, np.bool_)
            mask[ys[member], xs[member]] = True
            yield Piece(mask, spans)


def _connected(rival: Mask, ys: NDArray[np.intp], xs: NDArray[np.intp], labels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """For each rival pixel the number of its piece."""
    number = np.full((rival.shape[0] + 2, rival.shape[1] + 4), -1, np.int32)  # a frame of nobody
    number[ys, xs + 2] = np.arange(len(ys))
    ends: list[tuple[NDArray[np.intp], NDArray[np.int32]]] = []
    for down, right in REACH:
        other = number[ys + down, xs + 2 + right]
        here = np.flatnonzero(other >= 0)
        linked = _alike(labels[:, here], labels[:, other[here]])
        ends.append((here[linked], other[here][linked]))
    rows, columns = (np.concatenate([pair[side] for pair in ends]) for side in (0, 1))
    return _united(len(ys), rows, columns)


def _united(count: int, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.int32]:
    """Of `count` points, joined in pairs, the number of each one's piece, in the order of first points (as scipy's, which takes .1 s to import)."""
    least = np.arange(count)
    while (apart := least[a] != least[b]).any():
        a, b = a[apart], b[apart]
        low = np.minimum(least[a], least[b])
        for end in (a, b):
            np.minimum.at(least, least[end], low)
        while not np.array_equal(least, further := least[least]):
            least = further
    return np.asarray(np.unique(least, return_inverse=True)[1], np.int32)


def _alike(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the samples (samples, n) of two pixels fall into the same sets, by whatever names."""
    both = (a != NONE) & (b != NONE)
    most = np.zeros(a.shape[1], np.uint16)
    for order in ORDERS:
        np.maximum(most, counted((order[a] == b) & both), out=most)
    return (most >= ALIKE * counted(both)) & (most >= FEWEST)


def _spans(labels: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], ...]:
    """Sets of samples in which the pixels (samples, n) look the same."""
    samples, pixels = labels.shape
    shown = (labels != NONE).astype(np.float32)
    both = shown @ shown.T
    same = np.zeros_like(both)
    for label in range(NONE):
        one = (labels == label).astype(np.float32)
        same += one @ one.T
    mates = (same > TOGETHER * both) & (both > BOTH * pixels)
    free, found = np.ones(samples, np.bool_), []
    for _ in range(MOST_SPANS):
        span = mates[(mates & free).sum(axis=1).argmax()] & free
        if span.sum() < max(FEWEST, SHARE * samples):
            break
        found.append(span)
        free &= ~span
    return tuple(found)
