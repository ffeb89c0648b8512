"""Guessing and scoring texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.attacks.blind_text import blind_texts, drawn_texts, edit_share, place_share, plain_text

WORDS = st.text("AB1", min_size=0, max_size=8)


def distance(a: str, b: str) -> int:
    """Levenshtein by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))


@given(st.text("AB1", max_size=5), st.text("AB1", min_size=1, max_size=5))
def test_the_edit_share_is_what_the_definition_says(said: str, text: str) -> None:
    assert edit_share(said, text) == pytest.approx(max(0.0, 1 - distance(said, text) / len(text)))


@given(WORDS, st.text("AB1", min_size=1, max_size=8))
def test_a_shift_costs_the_edit_share_one_letter_and_the_place_share_may_cost_all(said: str, text: str) -> None:
    assert edit_share(text, text) == place_share(text, text) == 1
    assert edit_share("X" + text, text) == pytest.approx(1 - 1 / len(text))
    assert 0 <= place_share(said, text) <= 1


def test_shares_of_known_cases() -> None:
    assert place_share("AB12", "AB13") == 0.75
    assert place_share("B12", "AB12") == 0
    assert edit_share("B12", "AB12") == 0.75
    assert edit_share("", "AB12") == 0


def test_hyphens_and_blanks_are_not_asked_for() -> None:
    assert plain_text("rk-867 Ad·") == "RK867AD"


def test_a_blind_guess_takes_what_is_usual_at_each_place_of_the_other_plates() -> None:
    assert blind_texts(["AB1", "AC1", "AB2", "XYZ"], [[0, 1, 2, 3]])[3] == "AB1"


def test_a_blind_guess_does_not_look_at_its_own_plate() -> None:
    texts = ["AAAA", "BBBB", "BBBB"]
    changed = ["CCCC", *texts[1:]]
    assert blind_texts(texts, [[0, 1, 2]])[0] == blind_texts(changed, [[0, 1, 2]])[0] == "BBBB"


def test_a_blind_guess_uses_plates_of_its_own_group() -> None:
    assert blind_texts(["AA", "AA", "11", "11"], [[0, 1], [2, 3]]) == ["AA", "AA", "11", "11"]


def test_drawn_texts_have_the_lengths_of_the_others() -> None:
    assert [len(text) for text in drawn_texts(["A", "ABC"], "AB", np.random.default_rng(0))] == [1, 3]
