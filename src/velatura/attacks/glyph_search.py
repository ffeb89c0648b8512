"""Reading a release with responses of single glyphs: beam search from left to right, over texts of any length.

A prefix is judged on the columns that its last glyph has finished, which the next one cannot change any more: otherwise short glyphs win. A text
is judged on all columns, so that its length is found too.
Source: Hill, Zhou, Saul, Shacham, "On the (In)effectiveness of Mosaicing and Blurring as Tools for Document Redaction", PoPETs 2016(4),
who decode hidden Markov models over windows; here the states are prefixes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.attacks.glyph_responses import Responses

__all__ = ["Reading", "readings"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that may be what a release says; it begins at x_px; `error` is the sum of squared differences over the reduced release."""

    error: float
    text: str
    x_px: int


@dataclass(frozen=True, slots=True, eq=False)
class _Prefix:
    """`rest`: what of the release the prefix does not explain; `score`: of its finished columns."""

    score: float
    text: str
    x_px: int
    rest: Floats


def readings(seen: Floats, responses: Responses, starts_px: Iterable[int], *, beam: int) -> list[Reading]:
    """The best texts, best first: of each start and each length, the best one.

    Args:
        seen: (rows, columns), reduced as the responses are.
        starts_px: where the text may begin.
        beam: prefixes that are kept after each letter.
    """
    found = [reading for start in starts_px for reading in _from(seen - responses.blank, responses, start, beam)]
    return sorted(found, key=lambda reading: reading.error)


def _from(rest: Floats, responses: Responses, start_px: int, beam: int) -> list[Reading]:
    found: list[Reading] = []
    prefixes = [_Prefix(0.0, "", start_px, rest)]
    least = int(responses.advances.min())
    while prefixes := [prefix for prefix in prefixes if prefix.x_px + least <= responses.width]:
        grown = [_grown(prefix, responses) for prefix in prefixes]
        scores, totals = (np.stack(part) for part in zip(*grown, strict=True))
        whole = int(totals.argmin())
        if np.isfinite(totals.flat[whole]):
            prefix = prefixes[whole // len(responses.alphabet)]
            letter = responses.alphabet[whole % len(responses.alphabet)]
            found.append(Reading(float(totals.flat[whole]), prefix.text + letter, start_px))
        best = np.argsort(scores, axis=None, kind="stable")[:beam]
        prefixes = [_next(prefixes[at // scores.shape[1]], at % scores.shape[1], scores.flat[at], responses) for at in best]
    return found


def _grown(prefix: _Prefix, responses: Responses) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(letters,) mean error of finished columns, and of the whole release, with each letter appended; infinite for letters that do not fit."""
    first, blocks = responses.at(prefix.x_px)
    last = first + blocks.shape[2]
    columns = (prefix.rest**2).sum(0, dtype=np.float64)
    inside = ((prefix.rest[:, first:last] - blocks) ** 2).sum(1, dtype=np.float64)
    all_of_it = np.concatenate([np.broadcast_to(columns[:first], (len(inside), first)), inside], axis=1).cumsum(1)
    ends = prefix.x_px + responses.advances
    done = np.clip(responses.column(ends) - responses.reach, 1, last)
    scores = np.take_along_axis(all_of_it, done[:, None] - 1, 1)[:, 0] / done
    totals = all_of_it[:, -1] + columns[last:].sum()
    fits = ends <= responses.width
    return np.where(fits, scores, np.inf), np.where(fits, totals, np.inf)


def _next(prefix: _Prefix, letter: int, score: float, responses: Responses) -> _Prefix:
    first, blocks = responses.at(prefix.x_px)
    rest = prefix.rest.copy()
    rest[:, first : first + blocks.shape[2]] -= blocks[letter]
    return _Prefix(float(score), prefix.text + responses.alphabet[letter], prefix.x_px + int(responses.advances[letter]), rest)
