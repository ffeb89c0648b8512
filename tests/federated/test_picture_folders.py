"""Folders of pictures: whatever lies in them is read, or refused by its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from velatura.errors import BadInput
from velatura.federated.loading import load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, level in (("cats", 0), ("dogs", 255)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("L", (4, 3), level).save(tmp_path / "pictures" / name / "1.png")
    return tmp_path / "pictures"


def refusal(folder: Path, classes: int = 0) -> str:
    with pytest.raises(BadInput) as caught:
        load("pictures", base=folder.parent, classes=classes)
    assert caught.value.code == "federated.data"
    return f"{caught.value.sentence} {caught.value.hint}"


def test_sixteen_bits_of_grey_are_scaled_not_cut_off(folder: Path) -> None:
    ramp = np.linspace(0, 65535, 12).astype(np.uint16).reshape(3, 4)
    for file in ("2.png", "3.tif", "4.pgm"):
        Image.fromarray(ramp).save(folder / "cats" / file)
    table = load("pictures", base=folder.parent)
    assert len(table) == 5 and table.names == ("cats", "dogs")
    for row in table.x[1:4]:
        np.testing.assert_allclose(row[0], ramp / np.float32(65535), atol=1e-6)


def test_every_picture_is_read_whatever_its_type(folder: Path) -> None:
    for number, file in enumerate(("2.tif", "3.TIFF", "4.bmp", "5.webp", "6.jpg")):
        Image.new("L" if number != 3 else "RGB", (4, 3), 9 if number != 3 else (9, 9, 9)).save(folder / "cats" / file)
    (folder / "cats" / "5.webp").unlink()  # always in colour
    for litter in (".DS_Store", "Thumbs.db"):
        (folder / "cats" / litter).write_bytes(b"x")
    assert len(load("pictures", base=folder.parent)) == 6


@pytest.mark.parametrize("name", ["2.dcm", "2.heic", "2.npy", "notes.txt", "more/1.png", "2"])
def test_nothing_is_left_out_without_a_word(folder: Path, name: str) -> None:
    (folder / "dogs" / name).parent.mkdir(exist_ok=True)
    (folder / "dogs" / name).write_bytes(b"x")
    assert f"dogs/{name.partition('/')[0]}" in refusal(folder)
    (folder / "dogs" / name).unlink()


def test_a_picture_in_no_class_is_told(folder: Path) -> None:
    Image.new("L", (4, 3)).save(folder / "stray.png")
    assert "stray.png: lies in no class's folder" in refusal(folder)


def test_a_class_without_pictures_is_refused_unless_the_job_counts_the_classes(folder: Path) -> None:
    (folder / "birds").mkdir()
    assert "birds: no pictures" in refusal(folder) and "data.classes = 3" in refusal(folder)
    table = load("pictures", base=folder.parent, classes=3)
    assert table.classes == 3 and table.y.tolist() == [1, 2] and table.names == ("birds", "cats", "dogs")
    assert "3 folders, and the job has 2 classes" in refusal(folder, classes=2)


def test_sizes_and_colours_that_differ_are_told_with_both_files(folder: Path) -> None:
    Image.new("RGB", (4, 3)).save(folder / "dogs" / "2.png")
    told = refusal(folder)
    assert "dogs/2.png: is 4 x 3 in colour" in told and "cats/1.png is 4 x 3 in grey" in told
    Image.new("L", (5, 3)).save(folder / "dogs" / "2.png")
    assert "is 5 x 3 in grey" in refusal(folder)


def test_what_has_no_plain_values_is_refused(folder: Path) -> None:
    Image.fromarray(np.full((3, 4), 0.5, np.float32)).save(folder / "dogs" / "2.tif")
    assert "2.tif: values of 32 bits" in refusal(folder)
    first, second = Image.new("L", (4, 3), 1), Image.new("L", (4, 3), 2)
    first.save(folder / "dogs" / "2.tif", save_all=True, append_images=[second])
    assert "2.tif: 2 pictures in one file" in refusal(folder)
    (folder / "dogs" / "2.tif").unlink()
    Image.new("LA", (4, 3), (9, 0)).save(folder / "dogs" / "2.png")
    assert "2.png: parts of it are transparent" in refusal(folder)
    Image.new("LA", (4, 3), (9, 255)).save(folder / "dogs" / "2.png")
    assert load("pictures", base=folder.parent).schema.shape == (1, 3, 4)


def test_a_picture_is_turned_as_its_exif_says(folder: Path) -> None:
    turned = Image.new("L", (3, 4), 7)
    exif = turned.getexif()
    exif[0x0112] = 6  # taken with the camera on its side
    turned.save(folder / "dogs" / "2.png", exif=exif)
    assert load("pictures", base=folder.parent).schema.shape == (1, 3, 4)
