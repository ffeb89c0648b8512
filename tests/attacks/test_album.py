from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.attacks import album as module
from velatura.attacks.album import album_of
from velatura.attacks.attack import Photo
from velatura.errors import BadInput

PIXEL = np.zeros((1, 1), np.uint8)


def photos(counts: list[int], *, first: int = 0) -> list[Photo]:
    return [Photo(PIXEL, person=first + 3 * person) for person, count in enumerate(counts) for _ in range(count)]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@given(st.lists(st.integers(2, 9), min_size=2, max_size=8), st.integers(0, 2**32))
def test_a_half_gives_everybody_a_gallery_and_a_probe(counts: list[int], seed: int) -> None:
    made = album_of(photos(counts), rng())
    own = made.half(np.random.default_rng(seed))
    assert np.bincount(made.people[own]).tolist() == [-(-count // 2) for count in counts]
    assert np.bincount(made.people[~own]).tolist() == [count // 2 for count in counts]


def test_halves_are_random() -> None:
    made, chance = album_of(photos([6, 6]), rng()), rng()
    often = np.mean([made.half(chance) for _ in range(400)], axis=0)
    assert (np.abs(often - 0.5) < 0.1).all()


def test_people_are_numbered_from_0_and_photos_of_nobody_are_passed_over() -> None:
    made = album_of([Photo(PIXEL), *photos([2, 3], first=5)], rng())
    assert made.people.tolist() == [0, 0, 1, 1, 1]
    assert (made.count, made.left_out) == (2, "")


def test_people_with_one_picture_are_left_out_and_told() -> None:
    made = album_of(photos([2, 1, 3, 1]), rng())
    assert [photo.person for photo in made.photos] == [0, 0, 6, 6, 6]
    assert made.left_out == "2 people with one picture"


@pytest.mark.parametrize(("counts", "code"), [([], "attack.one-person"), ([5], "attack.one-person"), ([5, 1, 1], "attack.one-picture")])
def test_too_few_people_are_refused(counts: list[int], code: str) -> None:
    with pytest.raises(BadInput) as refused:
        album_of(photos(counts), rng())
    assert refused.value.code == code


def test_a_large_collection_is_cut_evenly_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PICTURES", 12)
    made = album_of(photos([40, 4, 3, 8]), rng())
    assert np.bincount(made.people).tolist() == [3, 3, 3, 3]
    assert made.left_out == "43 pictures, drawn at random, beyond 12"
    assert album_of(photos([2] * 30), rng()).count == 6
