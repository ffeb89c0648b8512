from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.attacks.people import made_people

from velatura.attacks.attack import Outcomes, Photo
from velatura.attacks.intervals import estimate
from velatura.attacks.recovery import BLIND, LOOK, counted, recoveries

COMMON = made_people(1, 1, seed=7)[0].picture // 3 * 2
ALL = [replace(photo, picture=photo.picture // 3 + COMMON) for photo in made_people(40, 6)]
PHOTOS, GALLERY = ([photo for i, photo in enumerate(ALL) if (i % 6 < 2) is attacked] for attacked in (True, False))
SECRETS = np.stack([photo.picture for photo in PHOTOS])[..., None]
FLAT = np.full_like(SECRETS, 128)


def outcomes(
    recovered: np.ndarray, *, release: np.ndarray = FLAT, guess: np.ndarray = FLAT, swapped: np.ndarray = FLAT, gallery: Sequence[Photo] = ()
) -> Outcomes:
    """Of an inverter; releases are the same for everybody."""
    found = recoveries(PHOTOS, {BLIND: guess, LOOK: release, "inverter": recovered}, {BLIND: guess, LOOK: release, "inverter": swapped})
    return counted(found, gallery, np.random.default_rng(0), cut=False, notes={"further": "yes"})


def test_the_secret_itself_is_at_one_and_the_guess_exactly_at_chance() -> None:
    found = outcomes(SECRETS)
    assert found.attackers == (BLIND, LOOK, "inverter")
    assert found.success[2].mean() == pytest.approx(1, abs=1e-5)
    assert (found.success[0] == found.chance).all()
    assert (found.kind, found.unit, found.per, found.success.shape) == ("gain", "SSIM", "people", (3, 40))


def test_who_only_guesses_is_not_above_chance_by_a_rounding_error() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        guess = np.broadcast_to(rng.integers(0, 256, SECRETS.shape[1:]), SECRETS.shape)
        found = outcomes(guess, release=guess, guess=guess, swapped=guess)
        assert (found.success[0] == found.success[2]).all()
        assert estimate(found).low <= found.chance, seed


def test_what_a_network_makes_of_anybodys_release_is_a_blind_guess_too() -> None:
    """A recovered picture that is the same for everybody is no leak, however like it is."""
    mean = np.broadcast_to(SECRETS.mean(0), SECRETS.shape)
    fooled, told = outcomes(mean, swapped=FLAT), outcomes(mean, swapped=mean)
    assert estimate(fooled).low > fooled.chance  # the mean of all is nearer than a flat grey
    assert told.chance > fooled.chance
    assert (told.success[0] == told.success[2]).all()
    assert "somebody else's release" in told.notes["blind guess"]


def test_a_persons_pictures_are_averaged_and_people_are_the_units() -> None:
    half = np.where((np.arange(80) % 2 == 0)[:, None, None, None], SECRETS, FLAT)
    found = outcomes(half)
    assert found.success.shape[1] == 40
    assert abs(found.success[2].mean() - (1 + found.chance) / 2) < 0.02


def test_the_notes_tell_gain_noise_and_what_else_there_is() -> None:
    found = outcomes(SECRETS)
    assert found.notes["PSNR"].startswith("exact (inverter)")
    assert float(found.notes["gain over the release"].split()[0]) > 0.3
    assert found.notes["further"] == "yes"
    assert "re-identification of the recovered pictures" not in found.notes


def test_recovered_pictures_are_searched_in_a_gallery_of_clear_ones() -> None:
    name = "re-identification of the recovered pictures"
    right = outcomes(SECRETS, gallery=GALLERY).notes[name]
    nothing = outcomes(FLAT, gallery=GALLERY).notes[name]
    assert float(right.split()[0]) > 60 and "of 40 people" in right
    assert float(nothing.split()[0]) < 12
    shuffled = [Photo(photo.picture, (photo.person + 7) % 40) for photo in GALLERY]
    assert float(outcomes(SECRETS, gallery=shuffled).notes[name].split()[0]) < 20


def test_six_people_are_shown_and_pictures_are_kept_small() -> None:
    found = outcomes(SECRETS)
    assert len(found.shown) == 6
    assert all((one.recovered == one.secret).all() and one.caption.startswith("SSIM 1.00") for one in found.shown)
    large = Photo(np.zeros((300, 600, 3), np.uint8), 0)
    stack = dict.fromkeys((BLIND, LOOK, "inverter"), large.picture[None])
    (one,) = recoveries([large], stack, stack)
    assert one.secret.shape == one.pictures[LOOK].shape == (128, 256, 3)
