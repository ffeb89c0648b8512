"""Guessing and scoring texts: what somebody gets who sees nothing, and how much of a text is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.random import Generator

__all__ = ["blind_texts", "drawn_texts", "edit_share", "place_share", "plain_text"]

Value = TypeVar("Value")


def plain_text(written: str) -> str:
    """Capital letters and digits alone: hyphens, dots and blanks of a plate are not asked for."""
    return "".join(letter for letter in written.upper() if letter.isalnum())


def place_share(said: str, text: str) -> float:
    """The share of a text's letters that are right at their place."""
    return sum(a == b for a, b in zip(said, text, strict=False)) / len(text)


def edit_share(said: str, text: str) -> float:
    """1 - edit distance / length of the text, at least 0 (one less the character error rate)."""
    row = np.arange(len(text) + 1)
    for count, letter in enumerate(said, 1):
        changed = np.concatenate([[count], np.minimum(row[1:] + 1, row[:-1] + [letter != other for other in text])])
        row = np.minimum.accumulate(changed - np.arange(len(text) + 1)) + np.arange(len(text) + 1)
    return max(0.0, 1 - float(row[-1]) / len(text))


def drawn_texts(texts: Sequence[str], alphabet: str, rng: Generator) -> list[str]:
    """Independent draws, for texts in which every letter is as likely as every other."""
    return ["".join(rng.choice(list(alphabet), len(text))) for text in texts]


def blind_texts(texts: Sequence[str], groups: Sequence[Sequence[int]]) -> list[str]:
    """For each plate what other plates of its group suggest, unseen: the best of two guesses, taken for all plates alike.

    Either the most frequent letter at each place, or the most frequent letter at all places; always of the most frequent length. Which of the two is
    better is looked up on the same texts: chance is rather too high than too low.
    """
    guesses: list[list[str]] = [[""] * len(texts), [""] * len(texts)]
    for group in groups:
        for at in group:
            others = [texts[other] for other in group if other != at] or [texts[other] for other in range(len(texts)) if other != at] or ["0"]
            length = _commonest([len(other) for other in others])
            guesses[0][at] = "".join(_commonest([other[place] for other in others if place < len(other)]) for place in range(length))
            guesses[1][at] = _commonest(list("".join(others))) * length
    return max(guesses, key=lambda guess: sum(edit_share(said, text) for said, text in zip(guess, texts, strict=True)))


def _commonest(values: list[Value]) -> Value:
    return Counter(values).most_common(1)[0][0]
