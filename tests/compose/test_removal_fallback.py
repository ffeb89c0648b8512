"""What is in doubt is covered by obfuscation, whatever the planes and their turn; and `fail` releases nothing."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.compose.removal_fallback import METHODS, fallback
from velatura.errors import BadSpec, Withheld
from velatura.media.frame import Frame, PixelForm, to_stored

FORMS = [
    PixelForm("yuv", 8, 1, 1, full_range=False),
    PixelForm("yuv", 10, 1, 0, full_range=False),
    PixelForm("rgb"),
    PixelForm("grey", 16),
    PixelForm("rgb", alpha=True),
]


def random_frame(form: PixelForm, stored_size: tuple[int, int], orientation: int = 1, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    planes = [rng.integers(1, form.peak, shape).astype(form.dtype) for shape in form.shapes(*stored_size)]
    return Frame(planes, form, orientation, 3, Fraction(1, 8))


@pytest.mark.parametrize("name", METHODS)
@given(
    form=st.sampled_from(FORMS),
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    orientation=st.integers(1, 8),
    corner=st.tuples(st.floats(0, 0.8), st.floats(0, 0.8)),
    side=st.floats(0.1, 0.9),
)
def test_what_is_under_a_box_goes_and_nothing_far_from_it_changes(
    name: str, form: PixelForm, width: int, height: int, orientation: int, corner: tuple[float, float], side: float
) -> None:
    frame = random_frame(form, (width, height), orientation)
    before = [plane.copy() for plane in frame.planes]
    across, down = frame.size
    box = (corner[0] * across, corner[1] * down, (corner[0] + side) * across, (corner[1] + side) * down)
    fallback(name)(frame, [box])
    x0, y0, x1, y1 = to_stored(box, frame.size, orientation)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    inside = (rows >= y0) & (rows < y1) & (columns >= x0) & (columns < x1)
    reach = 8 + 0.05 * max(x1 - x0, y1 - y0)
    far = (rows < y0 - reach) | (rows >= y1 + reach) | (columns < x0 - reach) | (columns >= x1 + reach)
    assert np.array_equal(frame.planes[0][far], before[0][far])
    if name == "fill":
        assert (frame.planes[0][inside] == form.black()[0]).all()


def test_a_blur_leaves_no_detail() -> None:
    frame = random_frame(PixelForm("grey"), (120, 80))
    fallback("blur")(frame, [(40.0, 16.0, 80.0, 64.0)])
    covered = frame.planes[0][16:64, 40:80].astype(float)
    assert covered.std() < 8  # of 73


def test_boxes_are_told_apart_and_none_is_left_out() -> None:
    frame = random_frame(PixelForm("grey"), (200, 100))
    cover = fallback("fill")
    cover(frame, [(8.0, 8.0, 24.0, 24.0), (104.0, 40.0, 120.0, 64.0), (190.0, 90.0, 260.0, 160.0)])
    cover(frame, [(48.0, 8.0, 56.0, 16.0)])
    for rows, columns in (((8, 24), (8, 24)), ((40, 64), (104, 120)), ((90, 100), (190, 200)), ((8, 16), (48, 56))):
        assert not frame.planes[0][slice(*rows), slice(*columns)].any()


@pytest.mark.parametrize("name", ["fill", "blur", "fail"])
def test_no_boxes_change_nothing(name: str) -> None:
    frame = random_frame(PixelForm("rgb"), (30, 20))
    before = [plane.copy() for plane in frame.planes]
    fallback(name)(frame, [])
    assert all(np.array_equal(plane, old) for plane, old in zip(frame.planes, before, strict=True))


def test_fail_withholds_and_says_where() -> None:
    frame = random_frame(PixelForm("rgb"), (30, 20))
    with pytest.raises(Withheld, match=r"remove\.in-doubt") as caught:
        fallback("fail")(frame, [(1.0, 2.0, 9.0, 8.0)])
    assert "0.12 s" in str(caught.value)
    assert "(1, 2, 9, 8)" in str(caught.value)
    assert caught.value.exit_status == 3


def test_another_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BadSpec, match=r"remove\.fallback") as caught:
        fallback("blurr")
    assert "blur" in (caught.value.hint or "")
