"""For each piece that looked different for a while: which of its spans shows what is behind.

The border decides (`edge_vote`), with what time says (`time_cues`). Large pieces with much of their border on settled ground go first, and are
ground for the next. A piece whose border is of two minds is parted between them: two people who took turns. The chosen span then spreads from the
piece over all that it changes without a break: the soft rim, the penumbra, what was too small to be seen.
A choice that was close, or had nothing to go by, is a doubt.
Limit: a look that fills nearly the whole clip, or was never gone, is no piece at all; only a detector knows of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.coarse import Coarse, Window, around
from velatura.removal.crowds import hardly_seen, take_calmest
from velatura.removal.edge_vote import Vote, edge_vote
from velatura.removal.planes import Mask
from velatura.removal.rival_pieces import SMALLEST, Piece
from velatura.removal.stable_colours import FEWEST, OTHER, SAME, Colours, apart
from velatura.removal.time_cues import with_time
from velatura.removal.voting_median import counted, voting_median

__all__ = ["Choice", "Decisions"]

Looks = NDArray[np.uint8]
CHANGES = 4.5  # grey levels (after a blur): what the chosen span changes beside the piece
NEAR = 21  # pixels across: a neighbour is within half of it
GROUND = 0.4  # of a piece's border on settled ground is enough to decide it
CLOSE = 1.25  # costs nearer than this are a doubt ...
QUIET = 2.0  # ... and costs below it say nothing, grey levels
AGREED = 0.6  # of the stretches of the border must be for the choice
WEAK = 0.1  # of the samples: a span of fewer is a doubt, however well it goes with what surrounds it
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
        take_calmest(small, self.plate, self.eligible, colours.busy, self._told)
        self.seams |= hardly_seen(small, self.plate, colours.busy)

    def fork(self) -> Decisions:
        """The same, to try another choice on."""
        twin = copy(self)
        twin.plate, twin.eligible, twin._told = self.plate.copy(), self.eligible.copy(), self._told.copy()
        twin.choices = [replace(choice) for choice in self.choices]
        return twin

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
        window = around(piece.mask)
        closed = (cv2.morphologyEx(piece.mask.astype(np.uint8), cv2.MORPH_CLOSE, _SQUARE5) > 0) & ~(self._pieces & ~piece.mask)
        before = self.plate[:, *window]
        looks = [self._look(window, span, before) for span in piece.spans]
        vote = edge_vote(looks, before, closed[window], ~self._open[window] & ~closed[window])
        parts = [] if whole or vote.share >= AGREED or vote.clear < AGREED else _parts(piece, vote, window)
        if parts:
            return parts
        self._open &= ~piece.mask
        costs = self._with_time(vote, piece, closed, looks, window)
        order = np.argsort(costs, kind="stable")
        ranked = [piece.spans[at] for at in order]
        choice = Choice(closed, ranked, [looks[at] for at in order], window, _close(vote, costs[order], ranked[0]))
        self.choices.append(choice)
        self.write(choice, 0)
        return []

    def _look(self, window: Window, span: NDArray[np.bool_], before: Looks) -> Looks:
        votes = self._small.votes[:, *window] & span[:, None, None]
        seen = votes.any(axis=0)
        return np.stack([np.where(seen, voting_median(plane[:, *window], votes), old) for plane, old in zip(self._small.looks, before, strict=True)])

    def _with_time(self, vote: Vote, piece: Piece, closed: Mask, looks: list[Looks], window: Window) -> NDArray[np.float64]:
        near = cv2.dilate(closed.astype(np.uint8), np.ones((NEAR, NEAR), np.uint8)) > 0
        taken = [choice.ranked[0] for choice in self.choices if (choice.piece & near).any()]
        return with_time(vote.costs, piece.spans, [look[0][closed[window]] for look in looks], taken)

    def _between(self, parts: list[Piece]) -> None:
        """Where two parts meet somebody may have stood all the time, one after the other."""
        touched = np.zeros(self._open.shape, np.uint8)
        for part in parts:
            touched += cv2.dilate(part.mask.astype(np.uint8), _SQUARE7)
        self.seams |= touched > 1


def _close(vote: Vote, costs: NDArray[np.float64], span: NDArray[np.bool_]) -> bool:
    if span.sum() < WEAK * len(span):
        return True
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
