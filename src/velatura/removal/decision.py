"""For each piece that looked different for a while: which of its spans shows what is behind.

The border decides (`edge_vote`), with two cues of time: a look that was there before *and* after another is behind it, and a piece that changed together
with its neighbour (his shadow) takes the same span. Pieces with most of their border on settled ground go first, and are ground for the next.
The chosen span then spreads from the piece over all that it changes without a break: the soft rim, the penumbra, what was too small to be seen.
A choice that was close, or had nothing to go by, is a doubt.
Limit: a look that fills nearly the whole clip, or was never gone, is no piece at all; only a detector knows of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.coarse import Coarse
from velatura.removal.edge_vote import Vote, edge_vote
from velatura.removal.motion_median import calmest
from velatura.removal.planes import Mask
from velatura.removal.rival_pieces import SMALLEST, Piece
from velatura.removal.stable_colours import FEWEST, OTHER, SAME, Colours, apart
from velatura.removal.voting_median import counted, voting_median

__all__ = ["Choice", "Decisions"]

Looks = NDArray[np.uint8]
Window = tuple[slice, slice]
MARGIN = 16  # pixels around a piece, and a quarter of its size: how far its shadow may reach
CHANGES = 4.5  # grey levels (after a blur): what the chosen span changes beside the piece
BEHIND = 0.5  # on the cost of a look that was there before and after another
LIFTED = 0.3  # on the cost of a look without the shadow that went when a neighbour did
NEAR = 21  # pixels across: a neighbour is within half of it
GROUND = 0.4  # of a piece's border on settled ground is enough to decide it
AS_NEIGHBOUR = 0.8  # samples in common, of all in one of the two
SHADE = (0.3, 0.95)  # of the light that a shadow leaves
EVEN = 0.16  # between the quartiles of that
CLOSE = 1.25  # costs nearer than this are a doubt ...
QUIET = 2.0  # ... and costs below it say nothing, grey levels
AGREED = 0.6  # of the stretches of the border must be for the choice
RARE, RARE_COST = 0.45, 1.5  # a commonest colour that fewer samples show is no better a guess than the calmest, at so much higher cost
HARDLY = 0.35  # of the samples: a background that a crowd shows less often is a doubt
_SQUARE5, _SQUARE7 = np.ones((5, 5), np.uint8), np.ones((7, 7), np.uint8)


@dataclass(slots=True)
class Choice:
    """One piece and what was made of it.

    Attributes:
        piece: its mask without gaps.
        ranked: its spans, best first.
        looks: (colours, height, width) of its window for each of them.
        window: rows and columns around it.
        doubt: it was close.
        covered: what the choice was written to, (height, width) of the window.
    """

    piece: Mask
    ranked: list[NDArray[np.bool_]]
    looks: list[Looks]
    window: Window
    doubt: bool
    covered: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))


class Decisions:
    """Which samples vote at which pixel of the small picture.

    Attributes:
        plate: (colours, height, width) the small background, as decided so far.
        eligible: (samples, height, width).
        choices: one for each piece.
        seams: (height, width) where a piece of two minds was parted, or a crowd hardly ever shows what is behind.
    """

    def __init__(self, small: Coarse, colours: Colours, pieces: Iterable[Piece]) -> None:
        self._small = small
        self.eligible = small.votes & (colours.labels == 0)
        self.eligible |= small.votes & ~self.eligible.any(axis=0)
        self.plate = np.stack([voting_median(plane, self.eligible) for plane in small.looks])
        self.choices: list[Choice] = []
        self.seams = np.zeros(colours.rival.shape, np.bool_)
        self._told = np.zeros(colours.rival.shape, np.bool_)
        waiting = list(pieces)
        self._open = np.logical_or.reduce([piece.mask for piece in waiting]) if waiting else self.seams.copy()
        self._pieces = self._open.copy()
        while waiting:
            ground = np.array([self._ground(piece.mask) for piece in waiting])
            at = int(np.argmax(ground >= min(GROUND, ground.max())))  # they come largest first
            parts = self._decide(waiting.pop(at))
            for part in parts:
                self._decide(part, whole=True)
            self._between(parts)
        self._crowded(colours.busy)

    def write(self, choice: Choice, rank: int) -> None:
        """Let a piece take the span of that rank; where others have had their say, the samples that suit all of them."""
        window, look = choice.window, choice.looks[rank]
        mine = choice.piece[window]
        spread = _spread(mine, look, self.plate[:, *window], self._pieces[window] & ~mine)
        if choice.covered.size:  # it was written before, with another span
            spread |= choice.covered
            self._told[window] &= ~choice.covered
        choice.covered = spread
        now = self._suited(choice.ranked[rank], look, window, mine)
        eligible = self.eligible[:, *window]
        np.copyto(eligible, now, where=spread & now.any(axis=0))
        for plane, into in zip(self._small.looks, self.plate, strict=True):
            np.copyto(into[window], voting_median(plane[:, *window], eligible), where=spread)
        self._told[window] |= spread

    def _suited(self, span: NDArray[np.bool_], look: Looks, window: Window, mine: Mask) -> NDArray[np.bool_]:
        """Samples of a window that vote, lie in a span and look as it does; and as others wanted them, where that leaves enough."""
        votes = self._small.votes[:, *window] & span[:, None, None]
        now = np.stack([vote & (apart(self._small.looks[:, at, None, *window], look)[0] < SAME) for at, vote in enumerate(votes)])
        before, told = self.eligible[:, *window], self._told[window]
        suits = now & before
        enough = told & (counted(suits) >= FEWEST)
        now = np.where(enough, suits, now)
        return np.where(told & ~enough & ~mine, before, now)

    def _ground(self, mask: Mask) -> float:
        """Share of a piece's border that lies on settled ground."""
        rim = (cv2.dilate(mask.astype(np.uint8), _SQUARE5) > 0) & ~mask
        return float((rim & ~self._open).sum() / max(1, rim.sum()))

    def _decide(self, piece: Piece, *, whole: bool = False) -> list[Piece]:
        """Settle a piece; or, where its border is of two minds, return what it falls apart into."""
        window = _window(piece.mask)
        closed = (cv2.morphologyEx(piece.mask.astype(np.uint8), cv2.MORPH_CLOSE, _SQUARE5) > 0) & ~(self._pieces & ~piece.mask)
        before = self.plate[:, *window]
        looks = [self._look(window, span, before) for span in piece.spans]
        vote = edge_vote(looks, before, closed[window], ~self._open[window] & ~closed[window])
        parts = [] if whole or vote.share >= AGREED or not vote.stretches else _parts(piece, vote, window)
        if parts:
            return parts
        self._open &= ~piece.mask
        costs = self._with_time(vote, piece, closed, looks, window)
        order = np.argsort(costs, kind="stable")
        choice = Choice(closed, [piece.spans[at] for at in order], [looks[at] for at in order], window, _close(vote, costs[order]))
        self.choices.append(choice)
        self.write(choice, 0)
        return []

    def _look(self, window: Window, span: NDArray[np.bool_], before: Looks) -> Looks:
        votes = self._small.votes[:, *window] & span[:, None, None]
        seen = votes.any(axis=0)
        return np.stack([np.where(seen, voting_median(plane[:, *window], votes), old) for plane, old in zip(self._small.looks, before, strict=True)])

    def _with_time(self, vote: Vote, piece: Piece, closed: Mask, looks: list[Looks], window: Window) -> NDArray[np.float64]:
        costs = np.asarray(vote.costs, np.float64) + 1.0
        spans = piece.spans
        for at, span in enumerate(spans):
            if any(_encloses(span, other) for other in spans if other is not span):
                costs[at] *= BEHIND
        near = cv2.dilate(closed.astype(np.uint8), np.ones((NEAR, NEAR), np.uint8)) > 0
        taken = [choice.ranked[0] for choice in self.choices if (choice.piece & near).any()]
        bright = [look[0][closed[window]] for look in looks]
        for at, span in enumerate(spans):
            lifted = any(_is_shadow(bright[at], dark) for dark in bright if dark is not bright[at])
            if lifted and any(_common(span, other) > AS_NEIGHBOUR for other in taken):
                costs[at] *= LIFTED
        return costs

    def _crowded(self, busy: Mask) -> None:
        """Where people pass in a stream: the calmest samples instead of the commonest colour, where the border is for them."""
        if not busy.any():
            return
        calm = calmest(self._small.looks[0], self._small.votes)
        looks = np.stack([voting_median(plane, calm) for plane in self._small.looks])
        change = np.abs(looks.astype(np.int16) - self.plate).max(axis=0)
        other = (change > OTHER) & (cv2.dilate(busy.astype(np.uint8), _SQUARE7) > 0) & ~self._told & calm.any(axis=0)
        count, number, stats, _ = cv2.connectedComponentsWithStats(other.astype(np.uint8))
        shown, taken = self._shown(), np.zeros(count, np.bool_)
        for at in range(1, count):
            if stats[at, cv2.CC_STAT_AREA] >= SMALLEST:
                taken[at] = self._calmer(number == at, looks, shown)
        np.copyto(self.plate, looks, where=taken[number])
        np.copyto(self.eligible, calm, where=taken[number])
        self.seams |= busy & (self._shown() < HARDLY)

    def _calmer(self, mask: Mask, looks: Looks, shown: NDArray[np.float64]) -> bool:
        window = _window(mask)
        before = self.plate[:, *window]
        vote = edge_vote([before, looks[:, *window]], before, mask[window], ~mask[window])
        bonus = RARE_COST if shown[mask].mean() < RARE else 1.0
        return bool(vote.stretches) and vote.costs[1] < bonus * vote.costs[0]

    def _shown(self) -> NDArray[np.float64]:
        """Share of the voting samples that show the background, (height, width)."""
        votes = self._small.votes
        times = np.zeros(votes.shape[1:], np.float64)
        for at, vote in enumerate(votes):
            times += vote & (apart(self._small.looks[:, at, None], self.plate)[0] < SAME)
        return times / np.maximum(1, counted(votes))

    def _between(self, parts: list[Piece]) -> None:
        """Where two parts meet somebody may have stood all the time, one after the other."""
        touched = np.zeros(self._open.shape, np.uint8)
        for part in parts:
            touched += cv2.dilate(part.mask.astype(np.uint8), _SQUARE7)
        self.seams |= touched > 1


def _encloses(outer: NDArray[np.bool_], inner: NDArray[np.bool_]) -> bool:
    """Whether one span has two samples or more before, and after, all of another."""
    within = np.flatnonzero(inner)
    return bool(outer[: within[0]].sum() > 1 and outer[within[-1] + 1 :].sum() > 1)


def _is_shadow(light: NDArray[np.uint8], dark: NDArray[np.uint8]) -> bool:
    """Whether one look is the other one evenly darkened, (n,) of the first plane each."""
    ratio = (dark + 1.0) / (light + 1.0)
    low, middle, high = np.percentile(ratio, (25, 50, 75))
    return bool(SHADE[0] < middle < SHADE[1] and high - low < EVEN)


def _common(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


def _close(vote: Vote, costs: NDArray[np.float64]) -> bool:
    return not vote.stretches or vote.share < AGREED or bool(costs[1] < CLOSE * max(float(costs[0]), QUIET))


def _parts(piece: Piece, vote: Vote, window: Window) -> list[Piece]:
    """Two or more parts of a piece, each with the stretches of border that are for one look."""
    parts = []
    for at in range(len(piece.spans)):
        mask = piece.mask.copy()
        mask[window] &= vote.nearest == at
        if mask.sum() >= SMALLEST:
            parts.append(Piece(mask, piece.spans))
    return parts if len(parts) > 1 else []


def _window(mask: Mask) -> Window:
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    sides = []
    for at, length in ((ys, mask.shape[0]), (xs, mask.shape[1])):
        first, last = int(at[0]), int(at[-1]) + 1
        margin = MARGIN + (last - first) // 4
        sides.append(slice(max(0, first - margin), min(length, last + margin)))
    return sides[0], sides[1]


def _spread(piece: Mask, look: Looks, before: Looks, others: Mask) -> Mask:
    """The piece and all beside it that the look changes without a break; of other pieces only what it changes a little, as a penumbra is."""
    change = np.abs(look.astype(np.int16) - before).max(axis=0).astype(np.float32)
    soft = np.asarray(cv2.blur(change, (3, 3)))
    moved = ((soft > CHANGES) & ~(others & (soft > OTHER))) | piece
    _, number = cv2.connectedComponents(moved.astype(np.uint8), connectivity=4)
    reached = np.zeros(int(number.max()) + 1, np.bool_)
    reached[np.unique(number[piece])] = True
    reached[0] = False
    return np.asarray(reached[number])
