"""Folders of people as they come: numbers, mixed sizes, broken files, strangers in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.audit.obfuscation.faces import drawn_people, write_people, write_picture

from velatura.audit.obfuscation.people import NOBODY, fingerprint, read_people
from velatura.audit.obfuscation.plates import read_plates
from velatura.errors import BadInput, BadSpec
from velatura.media.source import Decoder
from velatura.obfuscation.policy import Covering


def test_each_folder_is_a_person_and_pictures_keep_their_pixels(tmp_path: Path, decoder: Decoder) -> None:
    photos = drawn_people(3, 2, colour=True)
    people = read_people(write_people(tmp_path, photos), region="whole", decoder=decoder)
    assert people.names == ["person00", "person01", "person02"]
    assert [photo.person for photo in people.photos] == [0, 0, 1, 1, 2, 2]
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(people.photos, photos, strict=True))
    assert fingerprint(people.photos) == fingerprint(photos)


def test_numbers_are_read_as_numbers(tmp_path: Path, decoder: Decoder) -> None:
    photos = drawn_people(1, 1)
    for name in ("s10", "s9"):
        (tmp_path / name).mkdir()
        write_picture(tmp_path / name / "1.png", photos[0].picture)
    assert read_people(tmp_path, region="whole", decoder=decoder).names == ["s9", "s10"]


def test_what_cannot_be_read_is_left_out_and_named(tmp_path: Path, decoder: Decoder) -> None:
    write_people(tmp_path, drawn_people(2, 2))
    (tmp_path / "person01" / "cut.png").write_bytes((tmp_path / "person01" / "01.png").read_bytes()[:200])
    (tmp_path / "person01" / "empty.jpg").write_bytes(b"")
    people = read_people(tmp_path, region="whole", decoder=decoder)
    assert len(people.photos) == 4
    assert sorted(sentence.partition(":")[0] for sentence in people.left_out) == ["cut.png", "empty.jpg"]


def test_a_picture_alone_is_one_person_and_a_flat_folder_many(tmp_path: Path, decoder: Decoder) -> None:
    for name, photo in zip(("a.png", "b.png"), drawn_people(2, 1), strict=True):
        write_picture(tmp_path / name, photo.picture)
    assert [photo.person for photo in read_people(tmp_path, region="whole", decoder=decoder).photos] == [0, 1]
    assert len(read_people(tmp_path / "a.png", region="whole", decoder=decoder).photos) == 1


@pytest.mark.parametrize("make", ["missing", "empty", "broken"])
def test_nothing_to_read_is_refused_in_one_line(make: str, tmp_path: Path, decoder: Decoder) -> None:
    place = tmp_path / "people"
    if make != "missing":
        (place / "a").mkdir(parents=True)
    if make == "broken":
        (place / "a" / "x.png").write_bytes(b"no picture")
    with pytest.raises(BadInput) as refused:
        read_people(place, region="whole", decoder=decoder)
    assert refused.value.code in ("media.missing", "audit.no-people", "media.no-media")


def test_crops_are_what_the_mask_covers(tmp_path: Path, decoder: Decoder) -> None:
    write_people(tmp_path, drawn_people(1, 1))
    people = read_people(tmp_path, region=(10.0, 12.0, 30.0, 36.0), decoder=decoder)
    assert people.crops(Covering(dilate=0.0))[0].picture.shape == (32, 24), "whole squares of 8 pixels: 8..40 by 8..32"
    outside = read_people(tmp_path, region=(500.0, 500.0, 600.0, 600.0), decoder=decoder)
    with pytest.raises(BadInput, match="outside"):
        outside.crops(Covering())


def test_a_picture_without_a_face_is_named_and_never_cropped(tmp_path: Path, decoder: Decoder) -> None:
    write_people(tmp_path, drawn_people(1, 1))

    class FindsNobody:
        def __call__(self, frame: object, *, low: bool) -> tuple[()]:
            return ()

    people = read_people(tmp_path, region="detect", decoder=decoder, finder=FindsNobody())  # type: ignore[arg-type]
    assert people.photos[0].box == NOBODY
    assert people.unfound == ["01.png"]
    assert people.crops(Covering()) == []


def test_plates_come_with_their_texts(tmp_path: Path, decoder: Decoder) -> None:
    picture = np.arange(100 * 60, dtype=np.uint8).reshape(60, 100)
    write_picture(tmp_path / "a.png", picture)
    (tmp_path / "a.txt").write_text("a.png\t10\t20\t50\t30\tAB123\n")
    write_picture(tmp_path / "b.png", picture)
    (tmp_path / "b.txt").write_text("b.png 10 20\n")
    plates, left_out = read_plates(".", base=tmp_path, decoder=decoder, seed=1)
    assert [plate.text for plate in plates] == ["AB123"]
    assert np.array_equal(plates[0].picture, picture[20:50, 10:60])
    assert left_out == ["b.png: b.txt is not: file, x, y, width, height, text, separated by tabs"]


def test_rendered_plates_follow_the_seed() -> None:
    first, again, other = (read_plates("rendered:3", base=Path(), decoder=None, seed=seed)[0] for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert [plate.text for plate in first] == [plate.text for plate in again] != [plate.text for plate in other]


@pytest.mark.parametrize("count", ["", "0", "-1", "1e3", "99999999"])
def test_a_wrong_number_of_plates_is_refused(count: str, decoder: Decoder) -> None:
    with pytest.raises(BadSpec):
        read_plates(f"rendered:{count}", base=Path(), decoder=decoder, seed=1)
