"""Pictures and labels as a network's inputs: evenly from a folder, boxes scaled with their picture, of the labels that the network has."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.edge.watching import walk

from velatura.edge.calibration import labels_of, shown, spread, thinned, truth_of
from velatura.errors import BadInput, BadSpec
from velatura.media.input_form import InputForm

FACES = [{"box": [80, 40, 40, 60], "blur": 1}, {"box": [0, 0, 100, 100], "invalid": 1, "label": "cat"}, {"box": [0, 0, 9, 9]}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(3):
        Image.fromarray(np.full((320, 640, 3), 60 * number, np.uint8)).save(images / f"{number}.png")
    (images / "notes.txt").write_text("no picture")
    (tmp_path / "boxes.json").write_text(json.dumps({"0.png": {"width": 640, "faces": FACES}, "1.png": {"faces": []}}))
    return tmp_path


def test_files_are_taken_evenly(folder: Path) -> None:
    assert [path.name for path in spread(folder, 9)] == ["0.png", "1.png", "2.png"]
    assert [path.name for path in spread(folder, 2)] == ["0.png", "1.png"]
    assert thinned(list(range(100)), 4) == [0, 25, 50, 75]
    for wrong in (folder / "boxes.json", folder / "nowhere"):
        with pytest.raises(BadSpec, match=r"edge\.calibration"):
            spread(wrong, 9)


def test_a_label_lies_where_its_face_is_in_the_input(folder: Path) -> None:
    (one,) = shown([folder / "images" / "0.png"], InputForm("BGR"), 320)
    assert one.x.shape == (3, 160, 320) and one.scale == pytest.approx((0.5, 0.5))
    truth = truth_of(one, labels_of(folder / "boxes.json", frozenset({"face"}))["0.png"])
    assert truth.boxes[0].tolist() == [40, 20, 60, 50]
    assert truth.counts.tolist() == [True, False, False]  # the second is said to be invalid, the third has 4 pixels


def test_a_network_of_several_labels_takes_its_own(folder: Path) -> None:
    assert [len(faces) for faces in labels_of(folder / "boxes.json", frozenset({"cat", "dog"})).values()] == [1, 0]


def test_of_a_clip_some_frames_are_taken(tmp_path: Path) -> None:
    seen = list(shown([walk(tmp_path / "walk.mp4", frames=40)], InputForm("BGR"), 320))
    assert 8 <= len(seen) <= 12 and {one.name for one in seen} == {"walk.mp4"}
    assert len({one.x.tobytes() for one in seen}) == len(seen)


@pytest.mark.parametrize("text", ["", "[]", '{"a.png": 3}', '{"a.png": {"faces": [{"box": [1, 2, 3]}]}}'])
def test_labels_that_are_none_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text(text)
    with pytest.raises(BadSpec):
        labels_of(tmp_path / "boxes.json", frozenset({"face"}))


def test_what_is_no_picture_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"media\."):
        list(shown([tmp_path / "a.png"], InputForm("BGR"), 320))
