"""An arm as an attacker uses it: on grey pictures of his own, of the size and the channels of what he has seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Photo, Picture

__all__ = ["Filter", "levels", "tells_apart"]

Floats = NDArray[np.float32]

REPEATS = 4
"""Calls of a noisy arm that are averaged."""

_TRIED = 8
_SURE = 2.0


def levels(release: Picture) -> Floats:
    """(height, width) grey levels of a release, grey or RGB."""
    values = release.astype(np.float32)
    return values if values.ndim == 2 else np.asarray(values.mean(2, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class Filter:
    """What an arm makes of a grey picture.

    Attributes:
        shape: of what was seen: (height, width) or (height, width, 3).
        repeats: calls that are averaged; 1 for an arm that always answers alike.
    """

    arm: Arm[Photo, Picture]
    rng: Generator
    shape: tuple[int, ...]
    repeats: int = 1

    def tried(self, sample: Picture) -> Filter:
        """With repeats, if the arm answers differently when it is asked twice."""
        return self if np.array_equal(self.once(sample), self.once(sample)) else replace(self, repeats=REPEATS)

    def once(self, grey: Picture) -> Picture:
        """One release of a (height, width) picture."""
        return self.arm(Photo(grey if len(self.shape) == 2 else grey[:, :, None].repeat(self.shape[2], 2)), self.rng)

    def __call__(self, grey: Picture) -> Floats:
        """(height, width): the mean of `repeats` releases, as grey levels."""
        released = levels(self.once(grey))
        for _ in range(self.repeats - 1):
            released += levels(self.once(grey))
        return released / np.float32(self.repeats)


def tells_apart(arm: Filter, one: Picture, other: Picture) -> bool:
    """Whether releases of two pictures differ by more than releases of one do.

    Of eight calls each, noise alone moves the two means apart by an eighth of both variances; twice that counts as a difference.
    """
    calls = [np.stack([levels(arm.once(grey)) for _ in range(_TRIED)]) for grey in (one, other)]
    between = float(np.square(calls[0].mean(0) - calls[1].mean(0), dtype=np.float64).sum())
    noise = sum(float(part.var(0, ddof=1, dtype=np.float64).sum()) for part in calls) / _TRIED
    return between > _SURE * noise
