"""Samples of a shot: spread over all of it, few, and copies."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from velatura.media.frame import Frame, PixelForm
from velatura.removal.sampled import BUDGET_BYTES, FEWEST, MOST, Samples, most_samples


def frame(index: int, shape: tuple[int, int] = (4, 6), *, corrupt: bool = False) -> Frame:
    return Frame([np.full(shape, index % 256, np.uint8)], PixelForm("grey"), 1, index, Fraction(index, 25), corrupt=corrupt)


@pytest.mark.parametrize("count", [1, 5, 119, 120, 121, 1000, 12_345])
def test_spread_over_all_of_the_shot(count: int) -> None:
    samples = Samples()
    for index in range(count):
        samples.add(frame(index))
    indices = [sample.index for sample in samples.kept]
    assert min(count, MOST // 2) <= len(indices) <= MOST
    assert indices[0] == 0 and len(set(np.diff(indices))) <= 1
    assert count - 1 - indices[-1] < max(np.diff(indices), default=1)


def test_samples_are_copies_and_damaged_frames_none() -> None:
    samples, first = Samples(), frame(1)
    samples.add(first)
    samples.add(frame(2, corrupt=True))
    first.planes[0][:] = 0
    assert [sample.index for sample in samples.kept] == [1] and samples.kept[0].planes[0].all()


def test_large_frames_are_fewer_but_never_too_few() -> None:
    assert most_samples(frame(0)) == MOST
    large = Frame([np.broadcast_to(np.uint8(0), (4000, 3000))], PixelForm("grey"), 1, 0, Fraction(0))
    assert FEWEST <= most_samples(large) <= BUDGET_BYTES // (4000 * 3000)
    huge = Frame([np.broadcast_to(np.uint8(0), (20_000, 20_000))], PixelForm("grey"), 1, 0, Fraction(0))
    assert most_samples(huge) == FEWEST and not most_samples(large) % 2
