import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.obfuscation.sealing import random_frame
from tests.obfuscation.worlds import EVERYTHING, forms, patch_over, planes_of, sizes, whole_patch

from velatura.errors import BadSpec
from velatura.media.frame import PixelForm
from velatura.obfuscation import grid
from velatura.obfuscation.pixelate import LIMITS, parse
from velatura.obfuscation.policy import Covering

GREY = PixelForm("grey")


def naive(plane: np.ndarray, rows: list[int], columns: list[int]) -> np.ndarray:
    """Rounded means, one cell after the other."""
    out = plane.astype(int)
    for y0, y1 in itertools.pairwise(rows):
        for x0, x1 in itertools.pairwise(columns):
            cell = plane[y0:y1, x0:x1].astype(int)
            out[y0:y1, x0:x1] = (int(cell.sum()) + cell.size // 2) // cell.size
    return out


def test_cells_become_their_rounded_means():
    frame, patch = whole_patch(np.random.default_rng(3), GREY, (64, 48))
    before = frame.planes[0].copy()
    parse("4").begin(patch, entropy=bytes).apply(patch)
    assert np.array_equal(frame.planes[0], naive(before, list(range(0, 49, 12)), [0, 12, 25, 38, 51, 64]))  # 4 down, 5 across: 12 x 12.8 pixels


@given(sizes, st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_cells_of_n_pixels_begin_at_the_corner_and_the_last_are_cut(size, n, seed):
    frame, patch = whole_patch(np.random.default_rng(seed), GREY, size)
    before = frame.planes[0].copy()
    parse(f"{n}px").begin(patch, entropy=bytes).apply(patch)
    rows, columns = ([*range(0, length, n), length] for length in reversed(size))
    assert np.array_equal(frame.planes[0], naive(before, rows, columns))


@given(forms, sizes, st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_n_cells_lie_across_the_shorter_side_of_every_plane(form, size, n, seed):
    frame, patch = whole_patch(np.random.default_rng(seed), form, size)
    before = planes_of(frame)
    parse(str(n)).begin(patch, entropy=bytes).apply(patch)
    rows, columns = grid.square(patch.planes[0].shape, n)
    assert min(rows, columns) == min(n, *size)
    for i in range(len(frame.planes) - form.alpha):
        down, across = (grid.even(length, min(cells, length)) for length, cells in zip(before[i].shape, (rows, columns), strict=True))
        assert np.array_equal(frame.planes[i], naive(before[i], list(down), list(across)))
    assert not form.alpha or (frame.planes[-1] == form.peak).all()


@given(st.integers(1, 500), st.integers(1, 500))
def test_even_cells_fill_the_length_and_differ_by_one_sample_at_most(length, cells):
    widths = np.diff(grid.even(length, cells))
    assert widths.sum() == length and len(widths) == cells and widths.max() - widths.min() <= 1


def test_pixelating_twice_changes_nothing():
    frame, patch = whole_patch(np.random.default_rng(3), PixelForm("yuv", 8, 1, 1), (50, 38))
    method = parse("5")
    method.begin(patch, entropy=bytes).apply(patch)
    once = planes_of(frame)
    method.begin(patch, entropy=bytes).apply(patch)
    assert all(np.array_equal(a, b) for a, b in zip(once, frame.planes, strict=True))


def test_outside_of_the_mask_nothing_changes():
    frame = random_frame(np.random.default_rng(3), GREY, (64, 64))
    before = frame.planes[0].copy()
    patch = patch_over(frame, (16.0, 16.0, 40.0, 48.0), Covering(0.0, shape="ellipse"))
    parse("2").begin(patch, entropy=bytes).apply(patch)
    changed = np.argwhere(frame.planes[0] != before)
    assert changed.min(0).tolist() >= [16, 16] and changed.max(0).tolist() <= [47, 39]
    assert np.array_equal(patch.planes[0][~patch.masks[0]], before[16:48, 16:40][~patch.masks[0]])
    assert EVERYTHING.shape == "box"


@pytest.mark.parametrize("parameters", ["", "0", "-3", "4.5", "px", "5000", "8 px", "８", "eight"])
def test_a_wrong_parameter_is_refused_with_the_valid_form(parameters):
    with pytest.raises(BadSpec, match="pixelate takes a whole number") as refused:
        parse(parameters)
    assert "pixelate:N" in refused.value.hint and "Npx" in refused.value.hint


def test_it_is_labelled_cosmetic_and_reversible():
    method = parse("8")
    assert method.cosmetic and not method.claims and method.limits == LIMITS
    assert "cosmetic and reversible" in LIMITS
