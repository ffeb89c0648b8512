"""What an arm makes of single glyphs, position by position: the template attack's alphabet.

A glyph's response is the arm's output for a plate with that glyph alone, less its output for an empty plate. Where the arm is all but linear
(means, Gaussians, nothing at all) the output for a text is the sum of its glyphs' responses, and a text need not be rendered to be judged; what
is not linear is left to the last step, which renders whole texts (`velatura.attacks.template_reader`). One call of the arm serves several positions:
the same glyph stands on the plate again and again, as far apart as the arm spreads it. A noisy arm is called several times and averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.attacks.attack import Deadline
from velatura.attacks.lettering import Lettering
from velatura.attacks.own_plates import Filter

__all__ = ["Responses", "TimeUp", "in_time"]

Floats = NDArray[np.float32]

ROWS = 16
"""Releases are averaged down to about so many rows before they are compared by glyphs: all that tells letters apart is still there."""

COLUMNS = 256
PLACES = 11
_FAINT = 0.001
_NOISE = 4.0


class TimeUp(Exception):
    """The time budget is spent."""


def in_time(deadline: Deadline) -> None:
    """Raises TimeUp, if the deadline has passed."""
    if deadline.passed():
        raise TimeUp


class Responses:
    """Responses of an alphabet's glyphs at every position of a plate; found when they are asked for.

    Attributes:
        blank: (rows, columns) of an empty plate.
        reach: columns on each side of a glyph that it changes too.
    """

    def __init__(self, filtered: Filter, lettering: Lettering, alphabet: Sequence[str], *, deadline: Deadline) -> None:
        self._filtered, self._lettering, self.alphabet, self._deadline = filtered, lettering, tuple(alphabet), deadline
        height, self.width = filtered.shape[:2]
        self._step = max(1, height // ROWS, -(-self.width // COLUMNS))
        self.advances = np.array([lettering.advance(letter) for letter in alphabet])
        self.blank = self.reduced(filtered(lettering.drawn("", 0, self.width)))
        self.reach = self._reach()
        self._span = self.column(int(self.advances.max())) + 1 + 2 * self.reach
        self._at: dict[int, Floats] = {}

    def reduced(self, release: Floats) -> Floats:
        """(rows, columns): means of squares; what the last ones lack is repeated from the border."""
        step = self._step
        padded = np.pad(release, [(0, -size % step) for size in release.shape], mode="edge")
        rows, columns = padded.shape[0] // step, padded.shape[1] // step
        return np.asarray(padded.reshape(rows, step, columns, step).mean((1, 3)))

    def column(self, x_px: Any) -> Any:
        return x_px // self._step

    def at(self, x_px: int) -> tuple[int, Floats]:
        """The first column, and (letters, rows, columns) of responses of glyphs that begin at x_px, as far as the plate goes. Raises TimeUp."""
        if x_px not in self._at:
            self._fill(x_px)
        return max(self.column(x_px) - self.reach, 0), self._at[x_px]

    def _fill(self, x_px: int) -> None:
        """All positions that stand a whole number of spans from x_px."""
        apart = self._span * self._step
        places = np.arange(x_px % apart, self.width, apart)
        found: list[list[Floats]] = [[] for _ in places]
        for letter in self.alphabet:
            in_time(self._deadline)
            page = np.minimum.reduce if self._lettering.ink < self._lettering.paper else np.maximum.reduce
            drawn = page([self._lettering.drawn(letter, int(place), self.width) for place in places])
            change = self.reduced(self._filtered(drawn)) - self.blank
            for there, place in zip(found, places, strict=True):
                first = self.column(int(place)) - self.reach
                there.append(change[:, max(first, 0) : first + self._span])
        self._at.update({int(place): np.stack(there) for place, there in zip(places, found, strict=True)})

    def _reach(self) -> int:
        """How far ink spreads, at the worst of several places; at most a plate's height."""
        places = self.width // 2 + np.linspace(0, self._lettering.height, PLACES).astype(np.int64)
        return min(max(self._spread(int(place)) for place in places), int(self.column(self._lettering.height)))

    def _spread(self, x_px: int) -> int:
        """Columns beside a block of ink at x_px, as wide as a letter, until a thousandth of its energy, or no more than noise, is left."""
        page, end_px = self._lettering.drawn("", 0, self.width), x_px + int(self.advances.min())
        page[page.shape[0] // 4 : -(page.shape[0] // 4) or None, x_px:end_px] = self._lettering.ink
        energy = ((self.reduced(self._filtered(page)) - self.blank) ** 2).sum(0)
        changed = np.flatnonzero(energy > max(_FAINT * energy.max(), _NOISE * np.median(energy), _FAINT))
        if not len(changed):
            return 0
        return int(max(self.column(x_px) - changed[0], changed[-1] - self.column(end_px - 1), 0))
