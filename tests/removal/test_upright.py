"""Masks and boxes between the upright picture and the planes as they are stored."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.media.frame import Frame, PixelForm
from velatura.removal.upright import boxed, components, stored_mask, tiles, upright_mask, upright_plane

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def frame(shape: tuple[int, int], orientation: int = 1) -> Frame:
    return Frame([np.zeros(shape, np.uint8)], PixelForm("grey"), orientation, 0, Fraction(0))


def mask(shape: tuple[int, int], seed: int, share: float = 0.3) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


@given(shape=SHAPES, orientation=st.integers(1, 8), seed=st.integers(0, 99))
def test_there_and_back_is_the_same(shape: tuple[int, int], orientation: int, seed: int) -> None:
    stored = mask(shape, seed)
    turned = upright_mask(stored, orientation)
    assert turned.shape == (shape if orientation < 5 else shape[::-1])
    assert np.array_equal(stored_mask(turned, orientation), stored)
    assert np.array_equal(upright_plane(stored.astype(np.uint8), orientation) > 0, turned)


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0)), (5, (0, 0)), (6, (0, -1)), (7, (-1, -1)), (8, (-1, 0))]
)
def test_the_first_stored_sample_lies_where_exif_says(orientation: int, corner: tuple[int, int]) -> None:
    stored = np.zeros((4, 6), np.bool_)
    stored[0, 0] = True
    assert upright_mask(stored, orientation)[corner]


@given(shape=SHAPES, orientation=st.integers(1, 8), seed=st.integers(0, 99), share=st.floats(0, 1))
def test_boxes_around_the_parts_of_a_mask_cover_it(shape: tuple[int, int], orientation: int, seed: int, share: float) -> None:
    of, stored = frame(shape, orientation), mask(shape, seed, share)
    for found in (components(stored, of), tiles(stored, of, side=8)):
        assert bool(found) == bool(stored.any())
        assert not (stored & ~boxed(found, of)).any()


@given(shape=SHAPES, seed=st.integers(0, 99))
def test_tiles_cover_little_else(shape: tuple[int, int], seed: int) -> None:
    stored = mask(shape, seed, 0.02)
    covered = boxed(tiles(stored, frame(shape), side=8), frame(shape))
    near = np.kron(np.pad(stored, [(0, -size % 8) for size in shape]).reshape(-(-shape[0] // 8), 8, -1, 8).any((1, 3)), np.ones((8, 8), np.bool_))
    assert np.array_equal(covered, near[: shape[0], : shape[1]])


def test_boxes_beyond_the_picture_and_small_parts() -> None:
    of = frame((10, 20))
    assert boxed([(-5.0, -5.0, 2.2, 1.0), (30.0, 30.0, 40.0, 40.0)], of).sum() == 3
    assert boxed([], of).sum() == 0
    stored = np.zeros((10, 20), np.bool_)
    stored[0, 0] = stored[5:8, 5:8] = True
    assert components(stored, of, least=2) == [(5.0, 5.0, 8.0, 8.0)]
