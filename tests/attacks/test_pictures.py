from __future__ import annotations

import numpy as np
import pytest

from velatura.attacks.pictures import Form, common_form, fitted, rows
from velatura.errors import BadInput


def test_pictures_of_one_size_become_rows_as_they_are() -> None:
    pictures = list(np.random.default_rng(0).integers(0, 256, (3, 5, 4), np.uint8))
    assert (rows(pictures) == np.reshape(pictures, (3, 20))).all()


def test_mixed_sizes_meet_at_the_median_and_below_128_pixels() -> None:
    pictures = [np.zeros((height, width), np.uint8) for height, width in ((100, 60), (300, 200), (500, 220))]
    assert common_form(pictures) == Form(128, 85)
    assert rows(pictures).shape == (3, 128 * 85)


def test_one_coloured_picture_gives_all_three_channels() -> None:
    grey, colour = np.full((4, 4), 7, np.uint8), np.full((4, 4, 3), (1, 2, 3), np.uint8)
    assert common_form([grey, colour]) == Form(4, 4, colour=True)
    assert rows([grey, colour])[0].tolist() == [7] * 48


def test_a_picture_that_shrinks_keeps_its_mean() -> None:
    picture = np.kron(np.array([[0, 200], [100, 40]]), np.ones((8, 8))).astype(np.uint8)
    assert fitted(picture, Form(2, 2)).tolist() == [[0, 200], [100, 40]]


def test_a_coloured_picture_turns_grey_by_its_luma() -> None:
    assert fitted(np.full((2, 2, 3), (255, 0, 0), np.uint8), Form(2, 2)).tolist() == [[76, 76], [76, 76]]


def test_the_inner_form_keeps_the_aspect_and_a_least_side() -> None:
    assert Form(112, 92).within(48, least_px=8) == Form(48, 39)
    assert Form(100, 4).within(50, least_px=8) == Form(50, 8)


@pytest.mark.parametrize("bad", [np.zeros((0, 4), np.uint8), np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_what_is_no_picture_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(BadInput) as refused:
        rows([bad])
    assert refused.value.code == "attack.picture"


def test_no_pictures_at_all_are_refused() -> None:
    with pytest.raises(BadInput):
        rows([])
