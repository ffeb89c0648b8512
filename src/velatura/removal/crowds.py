"""Where people pass in a stream nobody stands, and no colour stays: the commonest one is compared with that of the calmest samples.

Limit: behind a crowd that covers a place for most of the time neither is sure; what few samples show is a doubt.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.coarse import Coarse, around
from velatura.removal.edge_vote import edge_vote
from velatura.removal.motion_median import calmest
from velatura.removal.planes import Mask
from velatura.removal.rival_pieces import SMALLEST
from velatura.removal.stable_colours import OTHER, SAME, apart
from velatura.removal.voting_median import counted, voting_median

__all__ = ["hardly_seen", "take_calmest"]

RARE, RARE_COST = 0.45, 1.5  # a commonest colour that fewer samples show is no better a guess than the calmest, at so much higher cost
HARDLY = 0.45  # of the samples: a background that a crowd shows less often is a doubt
NEAR = np.ones((7, 7), np.uint8)


def take_calmest(small: Coarse, plate: NDArray[np.uint8], eligible: NDArray[np.bool_], busy: Mask, settled: Mask) -> None:
    """Replace a background (colours, height, width) and who votes for it, in place, where the calmest samples go better with what surrounds them.

    Args:
        eligible: (samples, height, width).
        busy: (height, width): where people pass.
        settled: what has been decided otherwise and stays.
    """
    if not busy.any():
        return
    calm = calmest(small.looks[0], small.votes)
    looks = np.stack([voting_median(plane, calm) for plane in small.looks])
    other = np.abs(looks.astype(np.int16) - plate).max(axis=0) > OTHER
    other &= (cv2.dilate(busy.astype(np.uint8), NEAR) > 0) & ~settled & calm.any(axis=0)
    count, number, stats, _ = cv2.connectedComponentsWithStats(other.astype(np.uint8))
    shown, taken = _shown(small, plate), np.zeros(count, np.bool_)
    for at in range(1, count):
        if stats[at, cv2.CC_STAT_AREA] >= SMALLEST:
            taken[at] = _is_better(number == at, looks, plate, shown)
    np.copyto(plate, looks, where=taken[number])
    np.copyto(eligible, calm, where=taken[number])


def hardly_seen(small: Coarse, plate: NDArray[np.uint8], busy: Mask) -> Mask:
    """Where people pass, and few samples show the background."""
    return busy & (_shown(small, plate) < HARDLY) if busy.any() else busy


def _is_better(mask: Mask, looks: NDArray[np.uint8], plate: NDArray[np.uint8], shown: NDArray[np.float64]) -> bool:
    window = around(mask)
    before = plate[:, *window]
    vote = edge_vote([before, looks[:, *window]], before, mask[window], ~mask[window])
    bonus = RARE_COST if shown[mask].mean() < RARE else 1.0
    return bool(vote.stretches) and vote.costs[1] < bonus * vote.costs[0]


def _shown(small: Coarse, plate: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of the voting samples that show the background, (height, width)."""
    times = np.zeros(plate.shape[1:], np.float64)
    for at, vote in enumerate(small.votes):
        times += vote & (apart(small.looks[:, at, None], plate)[0] < SAME)
    return times / np.maximum(1, counted(small.votes))
