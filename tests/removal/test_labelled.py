"""Connected parts: the same as OpenCV says of the whole picture."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from velatura.removal.labelled import labelled, without_holes


@given(shape=st.tuples(st.integers(1, 30), st.integers(1, 30)), seed=st.integers(0, 200), share=st.sampled_from([0.0, 0.1, 0.4, 1.0]))
def test_the_same_parts_as_of_the_whole_picture(shape: tuple[int, int], seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random(shape) < share
    count, labels, stats = labelled(mask)
    whole, theirs, their_stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    assert count == whole and labels.shape == shape and np.array_equal(labels > 0, mask)
    assert len(np.unique(np.stack([labels[mask], theirs[mask]]), axis=1).T) == count - 1
    assert sorted(map(tuple, stats[1:].tolist())) == sorted(map(tuple, their_stats[1:].tolist()))
    for number, (x, y, width, height, area) in enumerate(stats[1:].tolist(), start=1):
        assert int((labels == number).sum()) == area == int((labels[y : y + height, x : x + width] == number).sum())


@given(shape=st.tuples(st.integers(1, 30), st.integers(1, 30)), seed=st.integers(0, 200), share=st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0]))
def test_holes_are_filled_as_scipy_fills_them(shape: tuple[int, int], seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random(shape) < share
    assert np.array_equal(without_holes(mask), ndimage.binary_fill_holes(mask))
