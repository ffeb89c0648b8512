"""The closed forms against their textbook formulas on pixels; ties; exactness."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.attacks.people import made_people

from velatura.attacks.closed_form import CLOSED_FORMS, gram, identify, products, tie_noise
from velatura.attacks.pictures import rows

Floats = NDArray[np.float64]


def distances(a: Floats, b: Floats) -> Floats:
    return ((a[:, None] - b[None]) ** 2).sum(-1)


def by_nearest(a: Floats, people: NDArray[np.int64], b: Floats) -> Floats:
    d = distances(b, a)
    return -np.stack([d[:, people == person].min(1) for person in range(people.max() + 1)], 1)


def by_ridge(a: Floats, people: NDArray[np.int64], b: Floats) -> Floats:
    d = distances(a, a)
    width = np.median(d[d > 0])
    weights = np.linalg.solve(np.exp(-d / width) + 1e-2 * np.eye(len(a)), np.eye(people.max() + 1)[people])
    return np.exp(-distances(b, a) / width) @ weights


def by_lda(a: Floats, people: NDArray[np.int64], b: Floats) -> Floats:
    """Eigenfaces by singular values of the pixels, not of the products."""
    mean = a.mean(0)
    _, sizes, axes = np.linalg.svd(a - mean, full_matrices=False)
    count = min(100, int((sizes > 1e-6 * sizes[0]).sum()))
    seen, asked = (a - mean) @ axes[:count].T, (b - mean) @ axes[:count].T
    means = np.stack([seen[people == person].mean(0) for person in range(people.max() + 1)])
    within = seen - means[people]
    scatter = within.T @ within / len(a)
    shrunk = 0.9 * scatter + (0.1 * np.trace(scatter) / count + 1e-9) * np.eye(count)
    white = np.linalg.inv(np.linalg.cholesky(shrunk))
    return -distances(asked @ white.T, means @ white.T)


DIRECT = {"nearest": by_nearest, "ridge": by_ridge, "lda": by_lda}


def test_each_equals_its_formula_on_pixels() -> None:
    photos = made_people(8, 6)
    pixels, people = rows([photo.picture for photo in photos]), np.array([photo.person for photo in photos])
    own = np.arange(len(photos)) % 6 < 3
    for scores, name in zip(identify(pixels[own], people[own], pixels[~own]), CLOSED_FORMS, strict=True):
        wanted = DIRECT[name](pixels[own].astype(float), people[own], pixels[~own].astype(float))
        np.testing.assert_allclose(scores, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


@given(st.integers(1, 700), st.integers(0, 2**32))
def test_products_of_8_bit_rows_are_exact(width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (5, width), np.uint8)
    pixels[0] = 255  # the largest sums there are
    assert (gram(pixels) == pixels.astype(np.int64) @ pixels.astype(np.int64).T).all()


def test_the_order_of_the_gallery_changes_nothing() -> None:
    photos = made_people(6, 4)
    pixels, people = rows([photo.picture for photo in photos]), np.array([photo.person for photo in photos])
    own, asked = np.arange(0, 24, 2), np.arange(1, 24, 2)
    shuffled = np.random.default_rng(1).permutation(own)
    table = gram(pixels)
    for scores in CLOSED_FORMS.values():
        np.testing.assert_allclose(scores(products(table, people, own, asked)), scores(products(table, people, shuffled, asked)), rtol=1e-6)


def test_names_may_be_any_numbers() -> None:
    photos = made_people(5, 4)
    pixels, people = rows([photo.picture for photo in photos]), np.array([photo.person for photo in photos])
    plain, renamed = (identify(pixels[::2], names[::2], pixels[1::2]) for names in (people, 10 * people + 3))
    assert plain.shape == (3, 10, 5)
    assert (plain == renamed).all()


def test_ties_fall_at_random_and_not_on_the_first_person() -> None:
    same, people = np.full((400, 500), 77, np.uint8), np.repeat(np.arange(20), 10)
    for scores in identify(same[:200], people[:200], same[:200], rng=np.random.default_rng(0)):
        assert np.bincount(scores.argmax(1), minlength=10).max() < 60  # 20 expected of 200 among the 10 people of the gallery


def test_the_noise_of_ties_is_a_thousandth_of_a_grey_level_on_each_pixel() -> None:
    spread = np.mean([np.diagonal(tie_noise(50, 10_000, np.random.default_rng(seed))).mean() for seed in range(20)])
    assert abs(spread / (10_000 * 1e-6) - 1) < 0.05


def test_the_noise_of_ties_never_outweighs_one_grey_level_of_one_pixel() -> None:
    noise = tie_noise(300, 128 * 128, np.random.default_rng(0))
    apart = np.diagonal(noise)[:, None] + np.diagonal(noise) - 2 * noise
    assert np.abs(apart - np.median(apart[apart > 0])).max() < 0.5


def test_one_picture_a_person_and_a_flat_gallery_give_numbers() -> None:
    flat = np.zeros((6, 9), np.uint8)
    assert np.isfinite(identify(flat, np.arange(6), flat)).all()
