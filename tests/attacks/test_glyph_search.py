"""Responses of glyphs, and the search over them."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.attacks.attack import Deadline, Photo, Picture
from velatura.attacks.glyph_responses import Responses, TimeUp
from velatura.attacks.glyph_search import readings
from velatura.attacks.lettering import ALPHABET, Lettering
from velatura.attacks.own_plates import Filter, levels, tells_apart
from velatura.audit.obfuscation import protected_arm

LETTERING = Lettering(48)
SHAPE = (48, 240)


def itself(photo: Photo, rng: np.random.Generator, /) -> Picture:
    return photo.picture


def noisy(photo: Photo, rng: np.random.Generator, /) -> Picture:
    return np.clip(photo.picture + rng.normal(0, 20, photo.picture.shape), 0, 255).astype(np.uint8)


def filtered(method: str) -> Filter:
    return Filter(protected_arm(method) if method else itself, np.random.default_rng(0), SHAPE)


def responses(method: str, alphabet: str = ALPHABET) -> Responses:
    return Responses(filtered(method), LETTERING, alphabet, deadline=Deadline(60))


@pytest.mark.parametrize(("method", "most"), [("", 1e-3), ("pixelate:8", 2.0), ("pixelate:5", 2.0), ("blur:8", 4.0)])
def test_responses_of_letters_sum_to_the_release_of_a_text(method: str, most: float) -> None:
    found, text, x = responses(method, "AB1"), "AB1A", 31
    total = found.blank.copy()
    at = x
    for letter in text:
        first, blocks = found.at(at)
        total[:, first : first + blocks.shape[2]] += blocks["AB1".index(letter)]
        at += LETTERING.advance(letter)
    whole = found.reduced(filtered(method)(LETTERING.drawn(text, x, SHAPE[1])))
    assert np.abs(whole - total).max() <= most  # of 210 grey levels between ink and paper: rounding, and what is left beyond the reach


def test_a_glyph_that_spreads_has_a_reach_and_a_clear_one_has_none() -> None:
    assert responses("").reach == 0
    assert 0 < responses("pixelate:4").reach < responses("blur:8").reach <= 48 // 3


@pytest.mark.parametrize("length", [1, 2, 5])
def test_the_length_of_a_text_is_found(length: int) -> None:
    found, text = responses("pixelate:8"), "K7WJ1"[:length]
    best = readings(found.reduced(levels(filtered("pixelate:8").once(LETTERING.drawn(text, 10, SHAPE[1])))), found, range(8, 14), beam=12)[0]
    assert (best.text, best.x_px) == (text, 10)


def test_readings_come_best_first() -> None:
    found = responses("pixelate:8", "AB12")
    errors = [one.error for one in readings(found.reduced(filtered("pixelate:8")(LETTERING.drawn("A1", 8, 240))), found, (8, 9), beam=3)]
    assert errors == sorted(errors) and len(errors) > 2


def test_a_search_that_is_out_of_time_stops() -> None:
    found = Responses(filtered(""), LETTERING, ALPHABET, deadline=Deadline(0))
    with pytest.raises(TimeUp):
        found.at(8)


def test_an_arm_is_averaged_only_if_it_is_noisy() -> None:
    grey = LETTERING.drawn("AB", 8, 240)
    assert filtered("blur:4").tried(grey).repeats == 1
    assert Filter(noisy, np.random.default_rng(0), SHAPE).tried(grey).repeats > 1


def test_texts_are_told_apart_through_noise_and_not_by_noise() -> None:
    one, other = (LETTERING.drawn(text, 8, 240) for text in ("AB", "XY"))
    for seed in range(20):
        arm = Filter(noisy, np.random.default_rng(seed), SHAPE)
        assert tells_apart(arm, one, other)
        assert not tells_apart(arm, one, one)
    assert not tells_apart(filtered("fill"), one, other)


def test_own_plates_have_the_channels_of_what_was_seen() -> None:
    shapes = []

    def watch(photo: Photo, rng: np.random.Generator, /) -> Picture:
        shapes.append(photo.picture.shape)
        return photo.picture

    arm = Filter(watch, np.random.default_rng(0), (48, 240, 3))
    assert arm(LETTERING.drawn("A", 8, 240)).shape == SHAPE
    assert shapes == [(48, 240, 3)]
