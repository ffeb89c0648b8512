"""`velatura detect` as a person calls it, with the real detectors where their files are here."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from velatura.cli.main import main
from velatura.detect.document import read_regions, sheet_for
from velatura.models.store import ModelStore

FACE = (177, 72, 269, 196)  # of the portrait


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["detect", *words])
    said = capsys.readouterr()
    return int(done.value.code or 0), said.out, said.err


@pytest.fixture
def home(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELATURA_HOME", str(store.folder.parent))


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    from skimage import data

    path = tmp_path / "portrait.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


@pytest.fixture
def pan(tmp_path: Path) -> Path:
    """Fifteen frames of the portrait, three pixels further on each."""
    from skimage import data

    path = tmp_path / "pan.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for k in range(15):
            shown = np.ascontiguousarray(data.astronaut()[20:260, 60 + 3 * k : 380 + 3 * k])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode())
    return path


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


@pytest.mark.usefixtures("home")
def test_the_portrait_has_one_face_and_the_document_can_be_fed_back(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run([str(portrait), "--json"], capsys)
    assert status == 0
    (item,) = json.loads(out)["result"]["items"]
    assert (item["file"], item["width"], item["height"]) == (str(portrait), 512, 512)
    (face,) = item["regions"]
    assert {"box", "label", "score", "track", "time"} <= face.keys()
    assert overlap(tuple(face["box"]), FACE) > 0.5
    path = tmp_path / "regions.json"
    path.write_text(out, "utf-8")
    assert sheet_for(read_regions(path), portrait) is not None


@pytest.mark.usefixtures("home")
def test_a_clip_is_followed_between_looks(pan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run([str(pan), "--every", "5", "--json", "--quiet"], capsys)
    regions = json.loads(out)["result"]["items"][0]["regions"]
    faces = [
        row
        for row in regions
        if overlap(tuple(row["box"]), tuple(s - (60 + 3 * row["frame"]) * (k % 2 == 0) - 20 * (k % 2) for k, s in enumerate(FACE))) > 0.3
    ]
    assert status == 0
    assert [row["frame"] for row in faces] == list(range(15))
    assert len({row["track"] for row in faces}) == 1


@pytest.mark.usefixtures("home")
def test_a_person_reads_one_line_a_track(portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run([str(portrait)], capsys)
    assert status == 0
    assert out.startswith(f"{portrait}: face 0: [")
    assert len(out.splitlines()) == 1


@pytest.mark.usefixtures("home")
def test_one_bad_file_of_several_is_named_and_sets_the_status(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    status, out, err = run([str(bad), str(portrait), "--json"], capsys)
    result = json.loads(out)["result"]
    assert status == 5
    assert [item["file"] for item in result["items"]] == [str(portrait)]
    assert [failed["file"] for failed in result["failed"]] == [str(bad)]
    assert "bad.jpg" in err


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["missing.png"], 5, "media.missing"),
        (["missing.png", "--every", "0"], 2, "detect.every"),
        (["missing.png", "--targets", "faec"], 2, "did you mean 'face'"),
        (["missing.png", "--no-such-option"], 2, "--help"),
    ],
)
def test_a_mistake_is_one_clear_line(words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    got, out, err = run(words, capsys)
    assert (got, out) == (status, "")
    assert said in err


def test_without_a_detector_the_command_that_brings_it_is_named(
    portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VELATURA_HOME", str(tmp_path / "empty"))
    status, _, err = run([str(portrait)], capsys)
    assert status == 4
    assert "velatura models pull" in err
