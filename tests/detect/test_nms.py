"""Suppression keeps the best of each heap, whatever the order and however many there are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from velatura.detect.nms import iou, suppress

BOXES = st.integers(0, 60).flatmap(
    lambda n: arrays(np.float64, (n, 4), elements=st.integers(0, 40).map(float)).map(lambda a: np.sort(a.reshape(-1, 2, 2), axis=1).reshape(-1, 4))
)


def plainly(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """One pair after the other, as a textbook says it."""
    kept: list[int] = []
    for k in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[k][None], boxes[j][None])[0, 0] <= overlap for j in kept):
            kept.append(int(k))
    return kept


@given(BOXES, st.integers(0, 1000), st.sampled_from((0.0, 0.3, 0.45, 0.9)))
def test_it_is_what_the_plain_loop_gives(boxes: np.ndarray, seed: int, overlap: float) -> None:
    scores = np.random.default_rng(seed).integers(0, 10, len(boxes)) / 10
    assert suppress(boxes, scores, overlap=overlap).tolist() == plainly(boxes, scores, overlap)


def test_it_is_what_the_plain_loop_gives_beyond_one_block() -> None:
    rng = np.random.default_rng(5)
    corner = rng.random((1200, 2)) * 300
    boxes = np.concatenate([corner, corner + rng.random((1200, 2)) * 60 + 5], axis=1)
    scores = rng.random(1200)
    assert suppress(boxes, scores, overlap=0.3).tolist() == plainly(boxes, scores, 0.3)


def test_ten_thousand_boxes_far_apart_all_stay_and_ten_thousand_twins_leave_one() -> None:
    grid = np.stack(np.meshgrid(np.arange(100), np.arange(100)), axis=-1).reshape(-1, 2) * 20.0
    apart = np.concatenate([grid, grid + 15], axis=1)
    scores = np.random.default_rng(0).random(10_000)
    assert len(suppress(apart, scores, overlap=0.45)) == 10_000
    assert suppress(np.tile([0.0, 0, 9, 9], (10_000, 1)), scores, overlap=0.45).tolist() == [int(scores.argmax())]


def test_boxes_without_area_and_no_boxes_at_all_do_no_harm() -> None:
    assert suppress(np.zeros((0, 4)), np.zeros(0), overlap=0.5).tolist() == []
    assert suppress(np.zeros((3, 4)), np.array([0.1, 0.3, 0.2]), overlap=0.5).tolist() == [1, 2, 0]
    assert iou(np.zeros((1, 4)), np.zeros((1, 4)))[0, 0] == 0.0
