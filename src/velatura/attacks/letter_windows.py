"""Letters in windows of a release: what a window shows, and the most likely row of letters.

A release is brought to 16 x 128; a window is 19 columns wide, of mean 0 and deviation 1, so that light and contrast say nothing. Kernel ridge
regression scores each window for each letter and for "between two letters". A text is a row of windows whose middles stand a letter's width apart;
dynamic programming finds the best such row, for a text that is known (where its letters stand) or unknown (what it says).
Source: Hill, Zhou, Saul, Shacham, PoPETs 2016(4), for windows and decoding; Saunders, Gammerman, Vovk, ICML 1998, for kernel ridge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from velatura.attacks.attack import Picture
from velatura.attacks.own_plates import levels

__all__ = ["COLUMNS", "Labelled", "Scorer", "habits", "placed", "read", "trained", "windows"]

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

ROWS, COLUMNS, HALF = 16, 128, 9
LEAST_STEP, MOST_STEP = 9, 30
"""Columns between the middles of neighbours: a plate of twelve letters has 10, one of five with a gap 29."""

RIDGE, STEEPNESS = 0.05, 0.5
HABIT = 0.1
_LEAST_DEVIATION = 0.3
_FLAT = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A release whose text is known: (128, features) windows, and the columns where the letters' middles stand."""

    windows: Floats
    text: str
    middles: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Kernel ridge regression, trained: windows it knows, and their weights for each letter and, last, for none."""

    alphabet: str
    known: Floats
    weights: Floats

    def __call__(self, at: Floats) -> Floats:
        """(windows, letters): score of each letter less that of none."""
        scores = _kernel(at, self.known) @ self.weights
        return np.asarray(scores[:, :-1] - scores[:, -1:])


def windows(release: Picture) -> Floats:
    """(128, features): one window around each column; 0 for a release without any contrast."""
    from PIL import Image

    fitted = np.asarray(Image.fromarray(levels(release)).resize((COLUMNS, ROWS), Image.Resampling.BILINEAR))
    deviation = float(fitted.std())
    flat = (fitted - fitted.mean()) / deviation if deviation > _FLAT else np.zeros_like(fitted)
    wide = np.pad(flat, ((0, 0), (HALF, HALF)), mode="edge")
    slid = np.lib.stride_tricks.sliding_window_view(wide, 2 * HALF + 1, axis=1).transpose(1, 0, 2).reshape(COLUMNS, -1)
    centred = slid - slid.mean(1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(1, keepdims=True), _LEAST_DEVIATION) * _taper(), np.float32)


def _taper() -> Floats:
    """(features,): the middle of a window counts most: above and below are frames and other writing, left and right are neighbours."""
    down = np.sin(np.pi * (np.arange(ROWS) + 0.5) / ROWS)
    across = np.cos(np.pi * np.arange(-HALF, HALF + 1) / (2 * HALF + 4))
    taper = (down[:, None] * across[None, :]).ravel()
    return np.asarray(taper / np.sqrt((taper**2).mean()), np.float32)


def trained(plates: Sequence[Labelled], alphabet: str, *, shifts: Sequence[int], most: int) -> Scorer:
    """A scorer from labelled releases.

    Args:
        shifts: columns by which each letter's window is moved, for more of them.
        most: windows that are used at most, evenly chosen: cost grows with their third power.
    """
    parts = [_examples(plate, alphabet, shifts) for plate in plates]
    known, wanted = (np.concatenate(part) for part in zip(*parts, strict=True))
    every = np.linspace(0, len(known) - 1, min(most, len(known))).astype(np.int64)
    known, targets = known[every], np.eye(len(alphabet) + 1, dtype=np.float32)[wanted[every]]
    kernel = _kernel(known, known)
    kernel[np.diag_indices(len(kernel))] += RIDGE
    return Scorer(
        alphabet, known, np.asarray(cho_solve(cho_factor(kernel, overwrite_a=True, check_finite=False), targets, check_finite=False), np.float32)
    )


def _examples(plate: Labelled, alphabet: str, shifts: Sequence[int]) -> tuple[Floats, Integers]:
    """Windows and what they show: each letter, moved, and what lies half way to the next one."""
    letters = np.array([alphabet.index(letter) for letter in plate.text])
    moved = np.clip(plate.middles[:, None] + np.asarray(shifts), 0, COLUMNS - 1).ravel()
    between = (plate.middles[1:] + plate.middles[:-1]) // 2
    labels = np.concatenate([letters.repeat(len(shifts)), np.full(len(between), len(alphabet))])
    return plate.windows[np.concatenate([moved, between])], labels


def _kernel(a: Floats, b: Floats) -> Floats:
    apart = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    return np.asarray(np.exp(apart * np.float32(-STEEPNESS / a.shape[1])))


def placed(scores: Floats, text: str, alphabet: str) -> tuple[float, Integers]:
    """How well a known text fits, and where its letters' middles stand."""
    return _path(scores[:, [alphabet.index(letter) for letter in text]].T)


def habits(texts: Sequence[str], alphabet: str) -> list[Floats]:
    """What texts of each length that occurs look like, before anything is seen: (length, letters), to be added to scores.

    The logarithm of each letter's frequency at its place, each letter counted once more than it occurs, less that of an even spread; and weighed
    so that a letter that always stands there beats one that never does by as much as clear windows differ.
    """
    found = []
    for length in sorted({len(text) for text in texts}):
        alike = np.array([[alphabet.index(letter) for letter in text] for text in texts if len(text) == length])
        counts = 1.0 + np.eye(len(alphabet))[alike].sum(0)
        found.append(np.asarray(HABIT * np.log(counts / counts.mean(1, keepdims=True)), np.float32))
    return found


def read(scores: Floats, habitual: Sequence[Floats], alphabet: str) -> tuple[float, str]:
    """The best text, and how well it fits; `habitual`: what `habits` says."""
    return max((_read(scores, habit, alphabet) for habit in habitual), key=lambda found: found[0])


def _read(scores: Floats, habit: Floats, alphabet: str) -> tuple[float, str]:
    gains = scores[None, :, :] + habit[:, None, :]
    total, middles = _path(gains.max(2))
    letters = gains[np.arange(len(habit)), middles].argmax(1)
    return total, "".join(alphabet[at] for at in letters)


def _path(gains: Floats) -> tuple[float, Integers]:
    """The largest sum of one gain a row, at columns that grow by LEAST_STEP..MOST_STEP from row to row, and those columns."""
    steps = np.arange(LEAST_STEP, MOST_STEP + 1)
    source = np.arange(COLUMNS) - steps[:, None]
    total, back = gains[0].astype(np.float64), []
    for gain in gains[1:]:
        reached = np.where(source >= 0, total[np.maximum(source, 0)], -np.inf)
        step = reached.argmax(0)
        back.append(np.arange(COLUMNS) - steps[step])
        total = reached.max(0) + gain
    at = int(total.argmax())
    middles = [at]
    for row in reversed(back):
        middles.append(int(row[middles[-1]]))
    return float(total[at]), np.array(middles[::-1])
