"""Pictures and short shots: filled from around, whoever stays is no source, nothing outside of the hole changes, and doubt is told."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.media.frame import Box, Frame, PixelForm
from velatura.removal.painted import Painted, Wider
from velatura.removal.planes import Mask
from velatura.removal.shot import Shot
from velatura.removal.stills import Stills
from velatura.removal.targets import Targets
from velatura.removal.tracks import Track
from velatura.removal.wanted import Wanted

FORMS = [PixelForm("grey"), PixelForm("rgb", alpha=True), PixelForm("yuv", 8, 1, 1, full_range=False), PixelForm("yuv", 10, 1, 0, full_range=False)]


def noisy(form: PixelForm = FORMS[0], size: tuple[int, int] = (48, 32), **more: object) -> Frame:
    rng = np.random.default_rng(0)
    planes = [rng.integers(form.peak // 3, form.peak // 2, shape).astype(form.dtype) for shape in form.shapes(*size)]
    return Frame(planes, form, 1, 0, Fraction(0), **more)  # type: ignore[arg-type]


def painted(
    frame: Frame,
    given: Mask | None = None,
    *,
    tracks: Sequence[Track] = (),
    beside: Sequence[Track] = (),
    wider: Wider | None = None,
    searched: bool = True,
    **wanted: object,
) -> Painted:
    asked = Wanted(Targets(("face",)), lambda *_: None, **wanted)  # type: ignore[arg-type]
    painter = Stills(Shot(0, 0, 0.0, "short", tracks, beside), asked, np.random.default_rng(1), wider or Wider(), searched=searched)
    (done,) = painter.paint([(frame, given)])
    return done


def track(box: Box) -> Track:
    return Track(0, "face", {0: box}, 0.0, 0.0, 0.9)


@given(form=st.sampled_from(FORMS), width=st.integers(1, 40), height=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_nothing_outside_of_the_hole_changes_and_no_shape_is_too_odd(form: PixelForm, width: int, height: int, share: float, seed: int) -> None:
    frame = noisy(form, (width, height))
    before = [plane.copy() for plane in frame.planes]
    mask = np.random.default_rng(seed).random((height, width)) < share
    done = painted(frame, mask)
    assert np.array_equal(done.frame.planes[0][~mask], before[0][~mask])
    assert bool(done.doubt) == (mask.mean() > 0.7)
    assert done.invented == (0 if done.doubt else mask.sum())


def test_somebody_goes_and_somebody_who_stays_is_no_source() -> None:
    frame = noisy()
    frame.planes[0][8:24, 8:20] = 250  # goes
    frame.planes[0][8:24, 24:36] = 5  # stays, right beside the hole
    before = frame.planes[0].copy()
    done = painted(frame, tracks=[track((8, 8, 20, 24))], beside=[track((24, 8, 36, 24))])
    hole = done.frame.planes[0][8:24, 8:20]
    assert done.mask[8:24, 8:20].all() and hole.max() < 180 and hole.min() > 40
    assert np.array_equal(done.frame.planes[0][~done.mask], before[~done.mask])


def test_a_later_round_masks_more() -> None:
    first = painted(noisy(), tracks=[track((8, 8, 20, 24))]).mask
    again = painted(noisy(), tracks=[track((8, 8, 20, 24))], wider=Wider(2, {0: [(40.0, 0.0, 44.0, 4.0)]})).mask
    assert again[first].all() and again[:4, 40:44].all() and again.sum() > first.sum() + 16


@pytest.mark.parametrize("nothing", ["corrupt", "outside", "empty"])
def test_frames_that_are_damaged_or_outside_of_the_span_or_not_masked_stay(nothing: str) -> None:
    mask = np.full((32, 48), nothing != "empty")
    done = painted(noisy(corrupt=nothing == "corrupt"), mask, from_s=1.0 if nothing == "outside" else None)
    assert not done.mask.any() and not done.doubt
    assert np.array_equal(done.frame.planes[0], noisy().planes[0])


def test_where_nobody_looks_all_is_in_doubt() -> None:
    assert painted(noisy(), searched=False).doubt == [(0.0, 0.0, 48.0, 32.0)]
    assert painted(noisy(), searched=False, from_s=1.0).doubt == []
