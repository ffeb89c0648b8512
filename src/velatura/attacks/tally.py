"""Counts of an identification: who was taken for whom, by each attacker, over all splits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tally"]

Floats = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Tally:
    """Of one attacker among `people` people.

    Attributes:
        guesses: (people, people), how many probes of i were taken for j.
        among_five: (people,), how many probes had the right name among the first five.
        splits: that were answered.
    """

    people: int
    guesses: Floats = field(init=False)
    among_five: Floats = field(init=False)
    splits: int = 0

    def __post_init__(self) -> None:
        self.guesses, self.among_five = np.zeros((self.people, self.people)), np.zeros(self.people)

    def add(self, scores: Floats, truth: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count one split; returns whom each probe was taken for.

        Args:
            scores: (m, people), the largest is the name given.
            truth: (m,); each person has a probe.
        """
        taken = np.asarray(scores.argmax(1), np.int64)
        np.add.at(self.guesses, (truth, taken), 1)
        better = (scores > scores[np.arange(len(truth)), truth][:, None]).sum(1)
        np.add.at(self.among_five, truth, better < 5)
        self.splits += 1
        return taken

    def shares(self) -> Floats:
        """(people, people), share of all probes of person i that were taken for j."""
        return np.asarray(self.guesses / self.guesses.sum(1, keepdims=True))

    def rank_1(self) -> Floats:
        """(people,), share of right first names."""
        return np.diagonal(self.shares()).copy()

    def rank_5(self) -> float:
        """Share of right names among the first five, each person weighing the same."""
        return float((self.among_five / self.guesses.sum(1)).mean())
