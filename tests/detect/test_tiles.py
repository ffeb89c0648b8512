"""Tiles cover a picture, overlap enough, and none is too large."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from velatura.detect.tiles import OVERLAP, quarters, tiles

SIDES = st.one_of(st.integers(1, 50), st.integers(1, 12_000))


@given(SIDES, SIDES, st.sampled_from((0.25, 0.5, 1.0, 2.0)), st.sampled_from((250_000, 1_000_000, 2_100_000)), st.sampled_from((960, 1920)))
def test_tiles_cover_the_picture_and_fit_into_a_pass(width: int, height: int, zoom: float, pixels: int, side: int) -> None:
    found = tiles((width, height), zoom=zoom, pixels=pixels, side=side)
    across, down = sorted({(t.crop[0], t.crop[2]) for t in found}), sorted({(t.crop[1], t.crop[3]) for t in found})
    assert len(found) == len(across) * len(down)
    for spans, length in ((across, width), (down, height)):
        assert spans[0][0] == 0 and spans[-1][1] == length
        for before, after in pairwise(spans):
            assert before[1] - after[0] >= OVERLAP / zoom - 2
    for tile in found:
        w, h = (tile.crop[2] - tile.crop[0]) * zoom, (tile.crop[3] - tile.crop[1]) * zoom
        assert 0 < w <= side + 4 and 0 < h <= side + 4
        assert w * h <= pixels * 1.05 + 4 * side


def test_what_fits_is_one_tile_and_hd_is() -> None:
    assert [tile.crop for tile in tiles((1920, 1080), zoom=1.0, pixels=2_100_000, side=1920)] == [(0, 0, 1920, 1080)]


@given(SIDES, SIDES)
def test_quarters_cover_and_overlap(width: int, height: int) -> None:
    a, b, c, d = (tile.crop for tile in quarters((width, height)))
    assert a[:2] == (0, 0) and d[2:] == (width, height)
    assert b[0] <= a[2] and c[1] <= a[3]
    assert all(0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height for x0, y0, x1, y1 in (a, b, c, d))
