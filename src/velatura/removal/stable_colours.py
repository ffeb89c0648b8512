"""Up to three colours that a pixel shows for a while: what may be behind, and who stood before it.

A sample is steady where it agrees with the one before or after it. The commonest colour of the steady samples is the first; the next is
looked for in what is left. Whatever passes without a halt is steady nowhere and gives no colour. Where the median already explains nearly all samples
nothing is searched.
Limits: two colours closer than `SAME` grey levels are one; what stood for fewer than `FEWEST` samples, or `SHARE` of those that vote, is nothing.
Source: stable intervals as in Wang and Suter 2006 (A novel robust statistical method for background initialization), the choice is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.coarse import Coarse
from velatura.removal.planes import Mask
from velatura.removal.voting_median import counted, voting_median

__all__ = ["FEWEST", "NONE", "OTHER", "SAME", "SHARE", "Colours", "apart", "stable_colours"]

Looks = NDArray[np.uint8]
STEADY = 11  # grey levels from one sample to the next
AROUND = 7  # pixels across
CALM, CALM_OF_QUARTILE = 6.0, 4.0  # mean change around a calm pixel: grey levels, and against the quartile of the whole picture
SAME = 22  # from a colour, and still it
OTHER = 20  # two colours, not one and its noise
MOST = 3
NONE = 3
"""The label of a sample that shows none of the colours."""
FEWEST = 3
SHARE = 0.05
SWAYS = 8  # a pixel that changes colour more often than every so many samples is a leaf, a wave, or in a crowd
BIN = 16


@dataclass(frozen=True, slots=True)
class Colours:
    """What each pixel of the small picture shows.

    Attributes:
        labels: (samples, height, width) uint8: 0, 1, 2 for the colours, strongest first, or `NONE`.
        rival: (height, width) a second colour was there for a while, and it is not busy.
        busy: (height, width) the colours alternate: a crowd, leaves, water; nobody stands there for long, and no piece is made of it.
        restless: (height, width) they alternate although nothing passes: leaves and water.
    """

    labels: NDArray[np.uint8]
    rival: Mask
    busy: Mask
    restless: Mask


def apart(looks: Looks, colour: Looks) -> NDArray[np.uint8]:
    """Largest difference over planes: (colours, samples, n) against (colours, n) gives (samples, n)."""
    most = np.zeros(looks.shape[1:], np.uint8)
    for plane, value in zip(looks, colour, strict=True):
        np.maximum(most, np.maximum(plane, value) - np.minimum(plane, value), out=most)
    return most


def stable_colours(small: Coarse) -> Colours:
    """Labels for all samples; four or five bytes of memory a pixel and sample."""
    size = small.votes.shape
    looks, votes = small.looks.reshape(len(small.looks), size[0], -1), small.votes.reshape(size[0], -1)
    middle = _median(looks, votes)
    explained = votes & (apart(looks, middle) < SAME)
    labels = np.where(explained, np.uint8(0), np.uint8(NONE))
    unclear = np.flatnonzero(counted(votes & ~explained) >= np.maximum(FEWEST, SHARE * counted(votes)))
    rival, busy, restless = np.zeros((3, labels.shape[1]), np.bool_)
    if len(unclear):
        steady, calm = (which.reshape(size[0], -1)[:, unclear] for which in _steady(small))
        labels[:, unclear], rival[unclear] = _searched(looks[:, :, unclear], votes[:, unclear], steady, calm)
        often = max(4, size[0] // SWAYS)
        busy[unclear] = _changes(labels[:, unclear]) > often
        restless[unclear] = _changes(np.where(calm, labels[:, unclear], NONE)) > often
    return Colours(labels.reshape(size), *(which.reshape(size[1:]) for which in (rival & ~busy, busy, restless)))


def _median(looks: Looks, votes: NDArray[np.bool_]) -> Looks:
    return np.stack([voting_median(plane, votes) for plane in looks])


def _searched(
    looks: Looks, votes: NDArray[np.bool_], steady: NDArray[np.bool_], calm: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Labels (samples, n), and where a colour other than the first has support."""
    free, labels = votes.copy(), np.full(votes.shape, NONE, np.uint8)
    enough = np.maximum(FEWEST, SHARE * counted(votes))
    first: Looks | None = None
    rival = np.zeros(votes.shape[1], np.bool_)
    for label in range(MOST):
        colour, member = _commonest(looks, free, steady)
        labels[member] = label
        free &= ~member
        if first is None:
            first = colour
            continue
        rival |= (counted(member & calm) >= enough) & (apart(colour[:, None], first)[0] > OTHER)
    return labels, rival


def _steady(small: Coarse) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Voting samples that agree with a neighbour in time which votes too, and those of them around which nothing moved; (samples, height, width).

    A passer-by in plain clothes agrees with the next one for a pixel; what surrounds him does not.
    """
    steady, calm = np.zeros_like(small.votes), np.zeros_like(small.votes)
    changes = [apart(small.looks[:, at, None], small.looks[:, at - 1])[0] for at in range(1, len(steady))]
    least = max(CALM, CALM_OF_QUARTILE * float(np.median([np.percentile(change, 25) for change in changes]))) if changes else CALM
    for at, change in enumerate(changes, 1):
        agrees = (change < STEADY) & small.votes[at] & small.votes[at - 1]
        around = agrees & (np.asarray(cv2.blur(change.astype(np.float32), (AROUND, AROUND))) < least)
        for which, found in ((steady, agrees), (calm, around)):
            which[at] |= found
            which[at - 1] |= found
    return steady, calm


def _commonest(looks: Looks, free: NDArray[np.bool_], steady: NDArray[np.bool_]) -> tuple[Looks, NDArray[np.bool_]]:
    """A colour (planes, n), and which free samples show it (none where nothing is steady)."""
    use = free & steady
    bright = looks[0]  # of rgb it is red, which serves as well: colours are told apart by all planes below
    bins = np.stack([counted(use & (bright // BIN == level)) for level in range(256 // BIN)])
    smooth = 2 * bins
    smooth[1:] += bins[:-1]
    smooth[:-1] += bins[1:]
    centre = (smooth.argmax(axis=0) * BIN + BIN // 2).astype(np.int16)
    member = use & (np.abs(bright - centre) < BIN + 2)
    for _ in range(2):
        colour = _median(looks, member)
        member = free & (apart(looks, colour) < SAME) & member.any(axis=0)
    return colour, member


def _changes(labels: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """How often a pixel goes from one colour to another, (n,)."""
    last, times = labels[0].copy(), np.zeros(labels.shape[1], np.uint16)
    for now in labels[1:]:
        shown = now != NONE
        times += shown & (last != NONE) & (last != now)
        np.copyto(last, now, where=shown)
    return times
