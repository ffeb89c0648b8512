"""Lettering: what a glyph is, and that plates are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.attacks.lettering import ALPHABET, MARGIN_PX, PHASES_PX, Lettering, rendered_plates
from velatura.errors import BadSpec


def test_plates_are_repeatable_and_differ_from_each_other() -> None:
    one, other = (rendered_plates(5, np.random.default_rng(1)) for _ in range(2))
    assert [plate.text for plate in one] == [plate.text for plate in other]
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(one, other, strict=True))
    assert len({plate.text for plate in one}) == 5
    assert [plate.person for plate in one] == list(range(5))


def test_a_plate_is_its_text_at_one_of_six_places() -> None:
    for plate in rendered_plates(5, np.random.default_rng(2), length=4, height=40, width=180):
        assert plate.picture.shape == (40, 180)
        assert set(plate.text) <= set(ALPHABET)
        drawings = [Lettering(40).drawn(plate.text, MARGIN_PX + phase, 180) for phase in PHASES_PX]
        assert sum(np.array_equal(plate.picture, drawing) for drawing in drawings) == 1


def test_every_text_fits_on_its_plate() -> None:
    for plate in rendered_plates(200, np.random.default_rng(3)):
        assert plate.picture[:, -1].min() == plate.picture.max(), "the last column is paper"


def test_texts_that_cannot_fit_are_refused() -> None:
    with pytest.raises(BadSpec, match=r"attack\.plate-size"):
        rendered_plates(1, np.random.default_rng(0), length=30)


def test_a_glyph_does_not_depend_on_its_neighbours() -> None:
    lettering = Lettering(48)
    alone = lettering.drawn("V", 50, 240)
    after = lettering.drawn("AV", 50 - lettering.advance("A"), 240)
    assert np.array_equal(alone[:, 50:], after[:, 50:])


def test_what_lies_off_the_plate_is_cut_off() -> None:
    lettering = Lettering(48)
    assert np.array_equal(lettering.drawn("AB", -5, 60), lettering.drawn("AB", 0, 70)[:, 5:65])


def test_capitals_stand_in_the_middle_and_are_as_high_as_said() -> None:
    rows = np.flatnonzero(Lettering(100, size=0.8, middle=0.4).glyph("H").max(1) > 0.5)
    assert abs(rows.mean() - 39.5) < 1.5
    assert abs(len(rows) - 0.7 * 80) < 3


@pytest.mark.parametrize("stretch", [0.5, 1.0, 1.7])
def test_stretching_changes_widths_in_proportion(stretch: float) -> None:
    plain, wide = Lettering(100), Lettering(100, stretch=stretch)
    assert abs(wide.advance("KR47") - stretch * plain.advance("KR47")) <= 4


def test_weight_adds_ink() -> None:
    assert Lettering(48, weight=1).glyph("N").sum() > 1.1 * Lettering(48).glyph("N").sum()
