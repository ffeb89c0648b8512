from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tests.attacks.people import made_people

from velatura.attacks.attack import Photo
from velatura.attacks.pictures import Form
from velatura.attacks.rounds import MOST_PEOPLE, guess_at, left_over, rounds
from velatura.errors import BadInput


def dealt(photos: list[Photo], seed: int = 0) -> tuple:
    return rounds(photos, np.random.default_rng(seed))


def test_each_half_attacks_the_other_and_nobody_knows_whom_he_attacks() -> None:
    photos = made_people(7, 4)
    one, two = dealt(photos)
    assert {photo.person for photo in (*one.attacked, *two.attacked)} == set(range(7))
    for round_ in (one, two):
        own = {id(picture) for person in round_.own for picture in person}
        people = {photo.person for photo in round_.attacked}
        assert not own & {id(photo.picture) for photo in photos if photo.person in people}
        assert own == {id(photo.picture) for photo in photos if photo.person not in people}
        assert round_.others == round_.own


def test_two_pictures_a_person_are_attacked_and_the_others_are_the_gallery() -> None:
    photos = made_people(6, 5)
    found = dealt(photos)
    attacked = Counter(photo.person for round_ in found for photo in round_.attacked)
    assert attacked == dict.fromkeys(range(6), 2)
    assert Counter(photo.person for photo in left_over(photos, found)) == dict.fromkeys(range(6), 3)


@pytest.mark.parametrize(("pictures", "attacked"), [(1, 1), (2, 1), (3, 2)])
def test_one_picture_is_left_for_the_gallery_where_there_are_two(pictures: int, attacked: int) -> None:
    found = dealt(made_people(4, pictures))
    assert sum(len(round_.attacked) for round_ in found) == 4 * attacked


def test_of_many_people_forty_are_taken_and_another_seed_takes_others() -> None:
    photos = made_people(60, 1)
    first, again, other = (frozenset(photo.person for round_ in dealt(photos, seed) for photo in round_.attacked) for seed in (0, 0, 1))
    assert len(first) == MOST_PEOPLE and first == again and first != other


def test_three_people_are_attacked_one_by_one_with_the_others_mean_as_guess() -> None:
    photos = made_people(3, 2)
    found = dealt(photos)
    assert [{photo.person for photo in round_.attacked} for round_ in found] != []
    for round_ in found:
        (person,) = {photo.person for photo in round_.attacked}
        assert round_.own == ()
        assert {id(p) for pictures in round_.others for p in pictures} == {id(photo.picture) for photo in photos if photo.person != person}


def test_pictures_of_nobody_are_the_attackers_own() -> None:
    nobody = Photo(np.zeros((24, 20), np.uint8))
    for people in (1, 5):
        for round_ in dealt([*made_people(people, 2), nobody]):
            assert nobody.picture is round_.own[-1][0]
            assert all(photo.person >= 0 for photo in round_.attacked)


def test_the_guess_is_the_mean_of_people_not_of_pictures() -> None:
    dark, light = np.zeros((4, 4), np.uint8), np.full((4, 4), 200, np.uint8)
    assert (guess_at([[dark, dark, dark], [light]], Form(4, 4)) == 100).all()
    assert guess_at([[dark], [light]], Form(2, 3, colour=True)).shape == (2, 3, 3)
    assert (guess_at([], Form(2, 2)) == 128).all()


@pytest.mark.parametrize(
    ("photos", "code"),
    [
        ([], "attack.picture"),
        ([Photo(np.zeros((4, 4), np.uint8))], "attack.no-people"),
        ([Photo(np.zeros((4, 4)), 0)], "attack.picture"),
        ([Photo(np.zeros((0, 4), np.uint8), 0)], "attack.picture"),
    ],
)
def test_what_cannot_be_attacked_is_refused(photos: list[Photo], code: str) -> None:
    with pytest.raises(BadInput) as error:
        dealt(photos)
    assert error.value.code == code
