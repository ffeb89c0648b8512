"""The arms are the room itself: what they release is what `velatura obfuscate` writes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.audit.obfuscation.faces import drawn_people, write_picture

from velatura.attacks.attack import Photo
from velatura.audit.obfuscation.arms import FileArm, PictureArm, TrackArm, plain_arm, protected_arm
from velatura.audit.obfuscation.people import NOBODY
from velatura.detect.document import Item, RegionsDocument, Result, Row
from velatura.media.source import Decoder
from velatura.obfuscation.obfuscate import obfuscate
from velatura.obfuscation.parameters import chosen
from velatura.obfuscation.policy import Covering

METHODS = ["fill", "pixelate:4", "pixelate:8px", "blur:3", "blur:10%", "dp-pixelate:cells=4,m=16,epsilon=5", "dp-pixelate:cells=4,m=roi,epsilon=1"]


def generator() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("colour", [False, True])
def test_a_release_is_what_the_verb_writes(method: str, colour: bool, tmp_path: Path, decoder: Decoder) -> None:
    picture = drawn_people(1, 1, colour=colour)[0].picture
    box = (10.0, 12.0, 30.0, 36.0)
    write_picture(tmp_path / "in.png", picture)
    rows = RegionsDocument("velatura/1", Result((Item("in.png", picture.shape[1], picture.shape[0], (Row(box, track=1),)),)))
    obfuscate(tmp_path / "in.png", tmp_path / "out.png", method=method, regions=rows, recheck=False, decoder=decoder, entropy=generator().bytes)
    written = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
    released = protected_arm(method, Covering())(Photo(picture, box=box), generator())
    assert np.array_equal(written[..., ::-1] if colour else written, released)
    assert not np.array_equal(released, picture)


def test_the_plain_arm_gives_the_picture_back_and_keeps_the_secret_whole() -> None:
    photo = drawn_people(1, 1, colour=True)[0]
    before = photo.picture.copy()
    assert np.array_equal(plain_arm()(photo, generator()), before)
    protected_arm("fill")(photo, generator())
    assert np.array_equal(photo.picture, before)


def test_a_picture_in_which_nobody_was_found_stays_as_it_is() -> None:
    photo = Photo(drawn_people(1, 1)[0].picture, box=NOBODY)
    assert np.array_equal(protected_arm("fill", Covering())(photo, generator()), photo.picture)


def test_the_same_seed_gives_the_same_noise_and_another_seed_another() -> None:
    photo, arm = drawn_people(1, 1)[0], protected_arm("dp-pixelate:cells=4,m=16,epsilon=1")
    first = arm(photo, np.random.default_rng(1))
    assert np.array_equal(first, arm(photo, np.random.default_rng(1)))
    assert not np.array_equal(first, arm(photo, np.random.default_rng(2)))


def test_a_track_pays_once_and_pictures_pay_each() -> None:
    photos, method = drawn_people(1, 3), chosen("dp-pixelate:cells=4,m=16,epsilon=1")
    track = TrackArm(method)(photos, generator())
    assert all(np.array_equal(frame, track[0]) for frame in track), "one noisy grid, repainted"
    rng, one = generator(), PictureArm(method)
    alone = [one(photos[0], rng) for _ in range(2)]
    assert not np.array_equal(alone[0], alone[1])


@pytest.mark.parametrize("method", ["fill", "seal", None])
def test_a_file_goes_through_the_verb_or_is_copied(method: str | None, tmp_path: Path) -> None:
    write_picture(tmp_path / "in.png", drawn_people(1, 1)[0].picture)
    again = FileArm(method, tmp_path)(tmp_path / "in.png", generator())
    out = FileArm(method, tmp_path)(tmp_path / "in.png", generator())
    assert again != out, "two arms with one seed do not meet"
    assert out != tmp_path / "in.png" and out.is_file()
    same = out.read_bytes() == (tmp_path / "in.png").read_bytes()
    assert same is (method is None)
    if method:
        assert not cv2.imread(str(out), cv2.IMREAD_GRAYSCALE).any()
