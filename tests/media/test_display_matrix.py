import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.media.display_matrix import matrix_for, orientation_of, parse
from velatura.media.frame import to_upright


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_matrix_moves_a_box_as_the_orientation_does(orientation):
    width, height = 10, 20
    a, b, c, d = (value >> 16 for index, value in enumerate(matrix_for(orientation)) if index in (0, 1, 3, 4))
    corners = [(a * x + c * y, b * x + d * y) for x in (0, width) for y in (0, height)]
    left, top = min(x for x, _ in corners), min(y for _, y in corners)
    moved = [(a * x + c * y - left, b * x + d * y - top) for x, y in ((2, 3), (4, 7))]
    (x0, x1), (y0, y1) = (sorted(axis) for axis in zip(*moved, strict=True))
    assert (x0, y0, x1, y1) == to_upright((2, 3, 4, 7), (width, height), orientation)


@given(st.integers(1, 8), st.floats(-0.4, 0.4), st.floats(0.1, 4))
def test_a_matrix_of_any_scale_and_a_hair_of_tilt_is_its_orientation(orientation, tilt, scale):
    a, b, c, d = (value * scale for index, value in enumerate(matrix_for(orientation)) if index in (0, 1, 3, 4))
    cos, sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    turned = (round(a * cos - b * sin), round(a * sin + b * cos), 0, round(c * cos - d * sin), round(c * sin + d * cos), 0, 0, 0, 1)
    assert orientation_of(turned) == (orientation, True)


def test_a_turn_between_the_right_angles_is_told():
    turn = [round(65536 * value) for value in (math.cos(0.5), math.sin(0.5), 0, -math.sin(0.5), math.cos(0.5), 0, 0, 0, 1)]
    assert orientation_of(turn) == (1, False)


def test_an_empty_matrix_turns_nothing_and_says_so():
    assert orientation_of([0] * 9) == (1, False)


def test_side_data_of_another_length_is_no_matrix():
    assert parse(b"\0" * 35) is None
    assert parse(b"\0" * 36) == (0,) * 9
