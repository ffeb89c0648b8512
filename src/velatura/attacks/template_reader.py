"""Reads rendered plates of one size: letters are proposed by their responses, and whole texts are rendered through the arm to decide."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.attacks.attack import Deadline
from velatura.attacks.glyph_responses import Responses, TimeUp, in_time
from velatura.attacks.glyph_search import Reading, readings
from velatura.attacks.lettering import MARGIN_PX, PHASES_PX, Lettering
from velatura.attacks.own_plates import Filter

__all__ = ["TemplateReader", "TimeUp"]

Floats = NDArray[np.float32]

STARTS_PX = tuple(MARGIN_PX + phase for phase in PHASES_PX)
_SWEEPS = 3
_FINALISTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class TemplateReader:
    """Reads rendered plates of one size."""

    filtered: Filter
    lettering: Lettering
    responses: Responses
    lengths: Collection[int]
    beam: int
    deadline: Deadline

    @classmethod
    def over(cls, arm: Filter, alphabet: str, lengths: Collection[int], *, beam: int, deadline: Deadline) -> TemplateReader:
        """A reader of texts of these lengths on plates of the arm's size. Raises TimeUp."""
        height, width = arm.shape[:2]
        lettering = Lettering(height)
        filtered = arm.tried(lettering.drawn(alphabet, MARGIN_PX, width))
        return cls(filtered, lettering, Responses(filtered, lettering, alphabet, deadline=deadline), lengths, beam, deadline)

    def read(self, seen: Floats) -> str | None:
        """The text whose rendering is nearest to what was seen; None if none fits on the plate. Raises TimeUp."""
        in_time(self.deadline)
        proposed = readings(self.responses.reduced(seen), self.responses, STARTS_PX, beam=self.beam)
        finalists = [one for one in proposed if len(one.text) in self.lengths][:_FINALISTS]
        if not finalists:
            return None
        if self.filtered.repeats > 1:
            return finalists[0].text  # of a noisy arm one rendering says less than the sums do
        error, best = min(((self._error(seen, one), one) for one in finalists), key=lambda pair: pair[0])
        return self._bettered(seen, error, best).text

    def _error(self, seen: Floats, one: Reading) -> float:
        apart = self.filtered(self.lettering.drawn(one.text, one.x_px, seen.shape[1])) - seen
        return float(np.square(apart, dtype=np.float64).sum())

    def _bettered(self, seen: Floats, error: float, best: Reading) -> Reading:
        """Other letters, one place at a time, as long as that brings the whole rendering nearer."""
        for _ in range(_SWEEPS):
            before = error
            for at in range(len(best.text)):
                in_time(self.deadline)
                if not error:
                    return best
                others = [Reading(0.0, best.text[:at] + letter + best.text[at + 1 :], best.x_px) for letter in self.responses.alphabet]
                error, best = min([(error, best), *((self._error(seen, one), one) for one in others)], key=lambda pair: pair[0])
            if error == before:
                break
        return best
