"""Hits on a finished output, sorted into missed and ghost."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.detect.region import Region
from velatura.detect.residual import hidden_share, residual
from velatura.media.frame import Box, Frame, PixelForm

SIZE = (200, 100)


def frames(count: int) -> list[Frame]:
    return [Frame([np.zeros((100, 200), np.uint8)], PixelForm("grey"), index=k, time=Fraction(k, 25)) for k in range(count)]


def test_hits_are_told_apart_by_what_was_hidden() -> None:
    masks: list[Box] = [(10.0, 10.0, 60.0, 60.0)]
    hits = [
        Region((20.0, 20.0, 50.0, 50.0), "face", 0.4),
        Region((120.0, 20.0, 150.0, 50.0), "face", 0.6),
        Region((45.0, 20.0, 75.0, 50.0), "face", 0.5),
    ]
    found = list(residual(frames(1), lambda _: hits, lambda _: masks))
    assert [one.inside for one in found] == [True, False, False]
    assert [one.hidden for one in found] == [1.0, 0.0, pytest.approx(0.5, abs=0.05)]


def test_frames_times_and_pace() -> None:
    hit, asked = Region((0.0, 0.0, 10.0, 10.0), "face", 0.5), []
    found = list(residual(frames(12), lambda _: [hit], lambda frame: asked.append(frame.index) or (), every=5))  # type: ignore[func-returns-value]
    assert [(one.frame, one.region.time_s) for one in found] == [(0, 0.0), (5, 0.2), (10, 0.4)]
    assert asked == list(range(12))  # the masks of every frame are asked for, in order, so that they may be streamed


def test_two_masks_that_share_a_face_hide_it_together() -> None:
    assert hidden_share((40, 40, 60, 60), [(30, 30, 50, 70), (50, 30, 70, 70)], SIZE) == 1.0


def test_only_what_lies_in_the_picture_counts() -> None:
    assert hidden_share((-20, 10, 20, 50), [(0, 0, 30, 60)], SIZE) == 1.0
    assert hidden_share((-50, 10, -20, 50), [], SIZE) == 1.0


BOX = st.tuples(st.floats(-20, 180), st.floats(-20, 80), st.floats(1, 60), st.floats(1, 60)).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(BOX, st.lists(BOX, max_size=5), BOX)
def test_another_mask_never_hides_less(box: Box, masks: list[Box], more: Box) -> None:
    before, after = hidden_share(box, masks, SIZE), hidden_share(box, [*masks, more], SIZE)
    assert 0 <= before <= after <= 1


def test_ten_thousand_masks_are_no_burden() -> None:
    rng = np.random.default_rng(0)
    corners = rng.random((10_000, 2)) * 90
    masks = [(x, y, x + 5, y + 5) for x, y in corners.tolist()]
    assert hidden_share((0, 0, 90, 90), masks, SIZE) > 0.9
