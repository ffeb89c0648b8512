"""Reading photographs of plates behind an arm: a parrot, which learns from plates that the same arm has released.

It knows neither font nor size nor where the text stands. It learns from its own rendered plates, of many layouts, and from other people's plates of
the same shape whose texts it knows; each plate is read by a scorer that has not seen it. Dark letters on light ground and light on dark are tried.
Source: "parrot" after Newton, Sweeney, Malin, IEEE TKDE 17(2), 2005: who attacks trains on what was protected in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Photo, Picture
from velatura.attacks.letter_windows import COLUMNS, Labelled, Scorer, habits, placed, read, trained, windows
from velatura.attacks.lettering import Lettering
from velatura.attacks.own_plates import Filter

__all__ = ["parrot", "shape_groups"]

Floats = NDArray[np.float32]

FOLDS = 4
RENDERED = 150
KEPT = 60
"""Of the rendered plates, how many stay beside real ones."""

MOST_WINDOWS = 2000
FEWEST = 12
GAP = 1.2
"""Plates belong to one format if no step between their neighbouring aspects, sorted, is larger; a format has at least FEWEST."""


def shape_groups(releases: Sequence[Picture]) -> list[list[int]]:
    """Numbers of plates that are alike in width over height, which every protection leaves to be seen."""
    aspect = np.log([release.shape[1] / release.shape[0] for release in releases])
    order = np.argsort(aspect, kind="stable")
    groups = [[int(at) for at in part] for part in np.split(order, np.flatnonzero(np.diff(aspect[order]) > np.log(GAP)) + 1)]
    while len(groups) > 1 and min(map(len, groups)) < FEWEST:
        small = groups.pop(min(range(len(groups)), key=lambda at: len(groups[at])))
        min(groups, key=lambda group: abs(aspect[group].mean() - aspect[small].mean())).extend(small)
    return groups


def parrot(
    arm: Arm[Photo, Picture], releases: Sequence[Picture], texts: Sequence[str], rng: Generator, *, alphabet: str, deadline: Deadline
) -> list[str | None]:
    """What each release says, read without its own text; None where time ran out."""
    found: list[str | None] = [None] * len(releases)
    seen = [windows(release) for release in releases]
    for group in shape_groups(releases):
        known = _own(arm, [releases[at] for at in group], [texts[at] for at in group], rng, alphabet)
        if deadline.passed():
            break
        first = trained(known, alphabet, shifts=(0,), most=MOST_WINDOWS)
        labelled = {at: _labelled(first, seen[at], texts[at]) for at in group}
        for fold in range(min(FOLDS, len(group))):
            if deadline.passed():
                return found
            asked = group[fold::FOLDS]
            others = [labelled[at] for at in group if at not in asked]
            scorer = _taught(others, known, alphabet)
            habitual = habits([one.text for one in others or known], alphabet)
            for at in asked:
                found[at] = max(read(scorer(sign * seen[at]), habitual, alphabet) for sign in _SIGNS)[1]
    return found


_SIGNS = (np.float32(1), np.float32(-1))


def _labelled(scorer: Scorer, seen: Floats, text: str) -> Labelled:
    """The release the way round that fits its text better, with its letters' places."""
    (_, middles), sign = max(((placed(scorer(sign * seen), text, scorer.alphabet), sign) for sign in _SIGNS), key=lambda found: found[0][0])
    return Labelled(sign * seen, text, middles)


def _taught(others: Sequence[Labelled], known: Sequence[Labelled], alphabet: str) -> Scorer:
    """Trained on other plates and some rendered ones; then once more, with the others' letters placed by what was learnt."""
    if not others:
        return trained(known, alphabet, shifts=(0,), most=MOST_WINDOWS)
    some = list(known[:KEPT])
    scorer = trained([*others, *some], alphabet, shifts=(-1, 0, 1), most=MOST_WINDOWS)
    better = [replace(one, middles=placed(scorer(one.windows), one.text, alphabet)[1]) for one in others]
    return trained([*better, *some], alphabet, shifts=(-1, 0, 1), most=MOST_WINDOWS)


def _own(arm: Arm[Photo, Picture], releases: Sequence[Picture], texts: Sequence[str], rng: Generator, alphabet: str) -> list[Labelled]:
    """Rendered plates in sizes of those that are attacked, through the arm."""
    lengths, made = sorted({len(text) for text in texts}), []
    for _ in range(RENDERED):
        like = releases[int(rng.integers(len(releases)))].shape
        text = "".join(rng.choice(list(alphabet), int(rng.choice(lengths))))
        picture, middles = _rendered(text, like[0], like[1], rng)
        made.append(Labelled(windows(Filter(arm, rng, like).once(picture)), text, middles))
    return made


def _rendered(text: str, height: int, width: int, rng: Generator) -> tuple[Picture, NDArray[np.int64]]:
    """A plate of a random layout: evenly spaced letters with or without a gap, in a frame, under noise; and the middles of its letters.

    The ranges are those of European, American and Brazilian plates, cut close: letters 1.2 to 2 times as high as they stand apart.
    """
    gap, after = rng.uniform(0.3, 1.2) * (rng.random() < 0.6), int(rng.integers(2, 5))
    apart = rng.uniform(0.72, 0.95) * width / (len(text) + gap)
    left = rng.uniform(0.1, 0.9) * (width - apart * (len(text) + gap))
    at = np.arange(len(text))
    middles = left + (at + 0.5 + gap * (at >= after)) * apart
    capital = min(apart * rng.uniform(1.2, 2.0), 0.82 * height)
    lettering = _lettering(height, apart, capital, rng)
    ink = rng.uniform(20, 110)
    paper = ink + rng.uniform(60, 140)
    picture = paper + (ink - paper) * _page(text, middles, lettering, width)
    edge = max(1, round(0.06 * height))
    picture[:edge] -= rng.uniform(0, 40)
    picture[-edge:] -= rng.uniform(0, 60)
    picture += rng.normal(0, rng.uniform(0, 8), picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), np.clip(middles * COLUMNS / width, 0, COLUMNS - 1).astype(np.int64)


def _lettering(height: int, apart: float, capital: float, rng: Generator) -> Lettering:
    """Capital letters `capital` pixels high that fill most of the way from one to the next; a letter is about .6 of its font's size wide."""
    size = capital / 0.7 / height
    low = capital / height / 2
    middle = float(np.clip(rng.uniform(0.42, 0.65), low, 1 - low))
    stretch = max(apart * rng.uniform(0.75, 0.95) / (0.6 * size * height), 0.05)
    return Lettering(height, size, stretch, middle, weight=float(rng.uniform(0, 2)))


def _page(text: str, middles: NDArray[np.float64], lettering: Lettering, width: int) -> Floats:
    """(height, width): how much ink, with each letter around its middle."""
    page = np.zeros((lettering.height, width), np.float32)
    for letter, middle in zip(text, middles, strict=True):
        glyph = lettering.glyph(letter)
        start = round(float(middle) - glyph.shape[1] / 2)
        first, last = max(start, 0), min(start + glyph.shape[1], width)
        if first < last:
            page[:, first:last] = np.maximum(page[:, first:last], glyph[:, first - start : last - start])
    return page
