"""A blend of one part in twenty is found, a clean background is not, and the budget leaves people enough to compare."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import Generator

from velatura.attacks.attack import Photo, Picture
from velatura.attacks.ghosting import Ghosting
from velatura.attacks.intervals import estimate
from velatura.attacks.taken_out import NOWHERE
from velatura.errors import BadInput

SIDE = 40


def people(count: int, pictures: int = 2) -> list[Photo]:
    found = []
    for person in range(count):
        own = np.random.default_rng([1, person])
        face = own.normal(128, 40, (SIDE // 4, SIDE // 4)).repeat(4, 0).repeat(4, 1)
        for number in range(pictures):
            noisy = face + np.random.default_rng([2, person, number]).normal(0, 5, face.shape)
            found.append(Photo(np.clip(noisy, 0, 255).astype(np.uint8), person))
    return found


def blended(share: float) -> object:
    wall = np.random.default_rng(3).normal(120, 20, (SIDE, SIDE))

    def arm(photo: Photo, rng: Generator, /) -> Picture:
        there = 0.0 if photo.box == NOWHERE else share
        picture = wall * (1 - there) + photo.picture * there + rng.normal(0, 2, wall.shape)
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

    return arm


def played(share: float, *, count: int = 40, budget_s: float = 60.0) -> object:
    return Ghosting().play(blended(share), people(count), np.random.default_rng(5), budget_s=budget_s)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [1.0, 0.1, 0.05])
def test_a_blend_is_found(share: float) -> None:
    assert estimate(played(share)).low > 0.1  # type: ignore[arg-type]


def test_nothing_is_found_where_nothing_is() -> None:
    found = estimate(played(0.0))  # type: ignore[arg-type]
    assert found.low <= 0.0 <= found.high
    assert found.high < 0.05


def test_a_budget_that_is_over_leaves_people_to_compare_with() -> None:
    outcomes = played(1.0, count=12, budget_s=1e-9)
    assert outcomes.cut  # type: ignore[attr-defined]
    assert outcomes.success.shape == (2, 4)  # type: ignore[attr-defined]
    assert (outcomes.success > 0.3).all()  # type: ignore[attr-defined]


def test_three_people_are_too_few() -> None:
    with pytest.raises(BadInput, match=r"attack\.too-few"):
        played(1.0, count=3)


def test_pictures_of_different_sizes_are_compared() -> None:
    photos = [*people(5, 1), Photo(np.random.default_rng(9).integers(0, 256, (30, 50)).astype(np.uint8), 9)]

    def arm(photo: Photo, rng: Generator, /) -> Picture:
        return np.full_like(photo.picture, 90) if photo.box == NOWHERE else photo.picture

    assert (Ghosting().play(arm, photos, np.random.default_rng(1), budget_s=9).success > 0.3).all()
