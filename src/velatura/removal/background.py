"""What a standing camera sees where nobody is: one picture from samples of a shot, and where it may be wrong.

Where one colour explains nearly all samples it is their median. Where a second one stayed for a while, somebody stood there, and what is behind is
decided for the region as a whole (`rival_pieces`, `decision`): by its border, by what was there before and after, and by detectors, which look
at both.
Limits: samples are registered and of one brightness. Somebody who never leaves his place, and whom no mask covers, is background to this method, and
so is a parked car. Somebody whom the masks cover in most samples but not in all is found out and marked (`doubt`), not removed.
Memory: besides the samples about 200 MB for 99 of 1280x720, 4:2:0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadSpec
from velatura.media.frame import PixelForm, Plane
from velatura.removal.coarse import Coarse, coarse, fine
from velatura.removal.composing import AGREES, composed, measured, seen
from velatura.removal.decision import Choice, Decisions
from velatura.removal.labelled import without_holes
from velatura.removal.planes import Mask, Planes
from velatura.removal.rival_pieces import rival_pieces
from velatura.removal.stable_colours import FEWEST, apart, stable_colours

__all__ = ["Judge", "Plate", "estimate"]

Judge = Callable[[Sequence[Plane]], Sequence[tuple[int, int, int, int]]]
"""Detectors on a background: boxes (x0, y0, x1, y1), half-open, in stored pixels."""

LOUDEST = 12.0  # grey levels of noise; more is not noise
UNSTABLE = 10.0  # less than that, such as light that wanders over a pavement, the bounds of `motion_mask` allow for: people differ by more
WEAK = 0.05  # of the samples: fewer votes than this are what a detector lets slip
IN_BOX = 0.5  # of a piece, for a detector's box to speak of it
SAME_AS_PLATE = 0.95  # of a masked object's pixels that look like the background: then it is in it
GAPS = np.ones((7, 7), np.uint8)
OFTEN = 0.1  # of the samples in which it does
MOSTLY = 0.5  # of those in which it is masked


@dataclass(frozen=True, slots=True)
class Plate:
    """A background; arrays are (height, width) of the first plane.

    Attributes:
        planes: as of a frame; alpha is opaque.
        support: how many unmasked samples agree with it.
        sigma: noise of the samples that show it, in the grey levels of `planes.difference`, at most 12.
        doubt: it may be somebody who stood there.
        never: every sample is masked; the median of all of them stands there, and must not be shown.
        unstable: it sways, ripples or flickers.
    """

    planes: list[Plane]
    support: NDArray[np.uint16]
    sigma: NDArray[np.float32]
    doubt: Mask
    never: Mask
    unstable: Mask


def estimate(
    samples: Sequence[Planes],
    form: PixelForm,
    masks: Sequence[Mask | None],
    *,
    shown: Sequence[Planes] | None = None,
    judge: Judge | None = None,
) -> Plate:
    """The background of one shot.

    Args:
        samples: in order of time, spread over the whole shot, registered, of one brightness; 99 are enough, 255 are the most.
        masks: of each sample, what is known not to be background.
        shown: the same samples in nearly one light, of which the picture is made; None: `samples`.
        judge: detectors; called twice at most.

    Raises:
        BadSpec: no samples, too many, or not as many masks.
    """
    shown = samples if shown is None else shown
    if not 0 < len(samples) < 256 or len(samples) != len(masks):
        raise BadSpec(
            "remove.samples", f"{len(samples)} samples and {len(masks)} masks make no background", hint="give 1 to 255 samples, each with its mask"
        )
    small = coarse(samples, form, masks)
    colours = stable_colours(small)
    decisions = Decisions(small, colours, rival_pieces(colours))

    def compose(eligible: NDArray[np.bool_]) -> list[Plane]:
        return composed(shown, form, masks, eligible, small.scale)

    planes = compose(decisions.eligible)
    if judge and decisions.choices:
        planes = _judged(judge, decisions, planes, compose, small.scale)
    support, noise = measured(samples, form, masks, decisions.eligible, small.scale, planes)
    sigma = np.minimum(np.asarray(cv2.GaussianBlur(noise, (0, 0), 1)), np.float32(LOUDEST))
    times = seen(masks, sigma.shape)
    doubt = _large(_doubt(small, decisions), small.scale, sigma.shape) | ((times > 0) & (times < max(FEWEST, WEAK * len(samples))))
    restless = (sigma > UNSTABLE) | _large(colours.restless, small.scale, sigma.shape)
    unstable = cv2.blur(restless.astype(np.float32), (9, 9)) > 0.4
    return Plate(planes, support, sigma, doubt, times == 0, unstable)


def _large(mask: Mask, scale: int, shape: tuple[int, ...]) -> Mask:
    return fine(mask, scale, slice(0, shape[0]), shape[1])


def _judged(judge: Judge, decisions: Decisions, planes: list[Plane], compose: Callable[[NDArray[np.bool_]], list[Plane]], scale: int) -> list[Plane]:
    """Detectors on the background and, where they find somebody in a piece or it was close, on the second choice: the one without a hit stays."""
    hit = _hits(judge(planes), decisions.choices, scale)
    asked = [at for at, choice in enumerate(decisions.choices) if hit[at] or choice.doubt]
    if not asked:
        return planes
    other = decisions.fork()
    for at in asked:
        other.write(other.choices[at], 1)
    rival = _hits(judge(compose(other.eligible)), decisions.choices, scale)
    for at in asked:
        choice = decisions.choices[at]
        choice.doubt = hit[at] == rival[at] and (hit[at] or choice.doubt)
        if hit[at] and not rival[at]:
            decisions.write(choice, 1)
    turned = any(hit[at] and not rival[at] for at in asked)
    return compose(decisions.eligible) if turned else planes


def _hits(boxes: Sequence[tuple[int, int, int, int]], choices: Sequence[Choice], scale: int) -> list[bool]:
    """Which pieces lie in a box for the most part."""
    found = [False] * len(choices)
    for x0, y0, x1, y1 in boxes:
        rows, columns = slice(max(0, y0 // scale), -(-y1 // scale)), slice(max(0, x0 // scale), -(-x1 // scale))
        for at, choice in enumerate(choices):
            found[at] |= bool(choice.piece[rows, columns].sum() > IN_BOX * choice.piece.sum())
    return found


def _doubt(small: Coarse, decisions: Decisions) -> Mask:
    """In the small picture: close choices, and objects that masks cover and that look like the background."""
    doubt = np.zeros(small.votes.shape[1:], np.bool_)
    if len(small.votes) < FEWEST:
        doubt[:] = True
    for choice in decisions.choices:
        if choice.doubt:
            doubt[choice.window] |= choice.covered
    doubt |= decisions.seams | _frozen(small, decisions.plate)
    closed = cv2.morphologyEx(doubt.astype(np.uint8), cv2.MORPH_CLOSE, GAPS)  # what lies within a doubt is no surer
    return without_holes(closed)


def _frozen(small: Coarse, plate: NDArray[np.uint8]) -> Mask:
    """Where masked objects look like the background in `OFTEN` of the samples: the masks missed them in others."""
    votes = small.votes
    times = np.zeros(votes.shape[1:], np.uint16)
    once = votes.any(axis=0)
    for at, vote in enumerate(votes):
        if vote.all():
            continue
        masked = ~vote & once
        count, number = cv2.connectedComponents(masked.astype(np.uint8))
        same = apart(small.looks[:, at, None], plate)[0] < AGREES
        share = np.bincount(number[same], minlength=count) / np.maximum(1, np.bincount(number.ravel(), minlength=count))
        share[0] = 0
        times += (share > SAME_AS_PLATE)[number]
    hidden = len(votes) - votes.sum(axis=0)  # a track that runs on where nobody is any more looks like the background too, but now and then
    return np.asarray((times >= max(FEWEST, OFTEN * len(votes))) & (times >= MOSTLY * hidden) & once)
