from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.attacks.people import blank, itself

from velatura.attacks.attack import Photo, Picture
from velatura.attacks.filter_estimate import BlackBox, Filter, identified
from velatura.attacks.inverters import INVERTERS, Known
from velatura.attacks.likeness import ssims
from velatura.attacks.made_pictures import dead_leaves, noise
from velatura.errors import BadInput

SHAPE = (32, 24, 1)
SIGMA_PX = 2.0


def blurred(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """A Gaussian, mirrored at the border, rounded."""
    sigma = (SIGMA_PX, SIGMA_PX, 0)[: photo.picture.ndim]
    return np.rint(gaussian_filter(photo.picture.astype(float), sigma)).astype(np.uint8)


def noisy(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """Noise of 20 grey levels."""
    return np.clip(photo.picture + rng.normal(0, 20, photo.picture.shape), 0, 255).astype(np.uint8)


def learnt(arm: object, shape: tuple[int, int, int] = SHAPE, pictures: int = 24) -> tuple[Filter, BlackBox]:
    rng = np.random.default_rng(0)
    like = Photo(np.zeros(shape if shape[2] == 3 else shape[:2], np.uint8))
    box = BlackBox(arm, rng, like)  # type: ignore[arg-type]
    natural, white = dead_leaves(pictures, shape, rng), noise(16, shape, rng)
    return identified((natural, box(natural)), (white, box(white))), box


def true_gain(length: int) -> np.ndarray:
    """Of a Gaussian on cosines."""
    return np.exp(-0.5 * (np.pi * np.arange(length) / length * SIGMA_PX) ** 2)


@pytest.mark.parametrize("shape", [SHAPE, (32, 24, 3)])
def test_a_blur_is_identified_to_a_hundredth(shape: tuple[int, int, int]) -> None:
    found, _ = learnt(blurred, shape)
    wanted = np.outer(true_gain(shape[0]), true_gain(shape[1]))[..., None]
    assert np.abs(found.gain - wanted).max() < 0.01


def test_the_noise_of_rounding_is_a_twelfth_of_a_level_squared() -> None:
    found, _ = learnt(blurred)
    assert float(np.median(found.noise)) == pytest.approx(1 / 12, rel=0.2)


def test_drawn_noise_is_seen_as_noise_and_not_as_gain() -> None:
    found, _ = learnt(noisy)
    assert float(np.median(found.noise)) == pytest.approx(400, rel=0.2)
    assert float(np.median(found.gain)) == pytest.approx(1, abs=0.1)


def test_a_release_that_does_not_depend_on_the_secret_has_no_gain() -> None:
    found, _ = learnt(blank)
    assert np.abs(found.gain).max() == 0


@pytest.mark.parametrize(("name", "option"), [("wiener", (3.0,)), ("landweber", ("release", 40)), ("back-projection", ("release", 1 / 46, 2))])
def test_each_inverter_comes_nearer_than_the_blurred_release(name: str, option: tuple[object, ...]) -> None:
    rng = np.random.default_rng(9)
    found, box = learnt(blurred)
    guess = np.full(SHAPE, 128, np.float32)
    known = Known(found, guess, box(guess[None])[0].astype(np.float32), box)
    secrets = dead_leaves(6, SHAPE, rng)
    releases = box(secrets)
    recovered = INVERTERS[name].recover(known, releases, option)
    assert recovered.min() >= 0 and recovered.max() <= 255
    assert ssims(recovered, secrets).mean() > ssims(releases, secrets).mean() + 0.03


@pytest.mark.parametrize("name", list(INVERTERS))
def test_from_a_release_that_tells_nothing_an_inverter_makes_nothing(name: str) -> None:
    found, box = learnt(blank)
    guess = dead_leaves(1, SHAPE, np.random.default_rng(4))[0].astype(np.float32)
    known = Known(found, guess, box(guess[None])[0].astype(np.float32), box)
    releases = box(dead_leaves(3, SHAPE, np.random.default_rng(5)))
    for option in INVERTERS[name].options(guess.size):
        recovered = INVERTERS[name].recover(known, releases, option)
        assert np.abs(recovered - recovered[0]).max() < 1e-3, option  # all alike
        assert INVERTERS[name].told(option)


def test_the_large_get_fewer_steps() -> None:
    assert {steps for _, steps in INVERTERS["landweber"].options(1 << 24)} == {3}


@pytest.mark.parametrize("arm", [lambda photo, rng: photo.picture[1:], lambda photo, rng: photo.picture.astype(float)])
def test_a_release_of_another_size_or_depth_is_refused(arm: object) -> None:
    with pytest.raises(BadInput) as error:
        learnt(arm)
    assert error.value.code == "attack.release-size"


def test_the_box_of_the_photo_goes_with_the_attackers_own_pictures() -> None:
    seen = []

    def arm(photo: Photo, rng: np.random.Generator, /) -> Picture:
        seen.append((photo.box, photo.person, photo.text))
        return itself(photo, rng)

    box = BlackBox(arm, np.random.default_rng(0), Photo(np.zeros((8, 8), np.uint8), 3, "B 42", (1, 2, 3, 4)))
    assert box(np.zeros((2, 8, 8, 1))).shape == (2, 8, 8, 1)
    assert seen == [((1, 2, 3, 4), -1, "")] * 2
