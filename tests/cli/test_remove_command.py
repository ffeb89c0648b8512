"""The verb at the command line, in this process; real runs of the installed program are in tests/system."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.removal import scenes

from velatura.cli.batch_told import as_json, warnings
from velatura.cli.main import main
from velatura.cli.remove import _text
from velatura.errors import BadInput
from velatura.media.each import Failed, Report
from velatura.removal.limits import REMOVAL
from velatura.removal.report import Gone, Removed, ShotTold, Shows

WENT = tuple(Gone(number, label, 0, 1, 5, 0.9) for number, label in enumerate(("person", "person", "plate")))
DONE = Removed(
    Path("a.mp4"), Path("b.mp4"), "clip", 64, 48, 10, 5, WENT, (), (ShotTold(0, 10, "standing"),),
    0.05, 0.1, 0.0, 0, "fill", 1, True, (), {"person": 0.2}, ("fastestdet",), "L",
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELATURA_HOME", str(tmp_path / "no-models"))


def velatura(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def mask(path: Path) -> Path:
    white = np.zeros((120, 160), np.uint8)
    white[20:110, 60:100] = 255
    cv2.imwrite(str(path), white)
    return path


def test_a_photo_is_filled_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = scenes.photo(tmp_path).path
    assert velatura("remove", photo, "-o", tmp_path / "out.png", "--mask", mask(tmp_path / "mask.png"), "-q") == 0
    out, err = capsys.readouterr()
    assert "out.png: what is masked taken out, 18.75% of the picture" in out and REMOVAL in out
    assert "nothing could be searched for in it" in out and "velatura models pull fastestdet" in err


def test_json_is_one_document_with_all_that_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, given = scenes.photo(tmp_path).path, mask(tmp_path / "mask.png")
    assert velatura("remove", photo, "-o", tmp_path / "out.png", "--mask", given, "--masks-out", tmp_path / "masks", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    (item,) = told["result"]["items"]
    assert (told["command"], told["schema"], item["kind"], item["touched"]) == ("remove", "velatura/1", "picture", 1)
    assert (item["out"], item["mask"], item["masks"]) == tuple(str(tmp_path / name) for name in ("out.png", "mask.png", "masks"))
    assert {"gone", "left", "shots", "mask_share", "invented", "covered", "fallback", "rounds", "rechecked", "shows", "detectors"} <= item.keys()
    written = cv2.imread(str(tmp_path / "masks" / "000000.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(written, cv2.imread(str(given), cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["--targets", "motion,persn"], "remove.target", "did you mean 'person'"),
        (["--targets", ","], "remove.target", ""),
        (["--camera", "statc"], "remove.camera", "did you mean 'static'"),
        (["--fallback", "blr"], "remove.fallback", "did you mean 'blur'"),
        (["--preset", "fastr"], "remove.preset", "did you mean 'fast"),
        (["--audio", "yes"], "remove.audio", "keep"),
        (["--every", "0"], "remove.every", "1"),
        (["--dilate", "nan"], "remove.dilate", ".12"),
        (["--dilate", "-1"], "remove.dilate", ".12"),
        (["--seed", "-1"], "remove.seed", "0"),
        (["--from", "2", "--to", "1"], "remove.span", "seconds"),
        (["--from", "-1"], "remove.span", "seconds"),
        (["--to", "inf"], "remove.span", "seconds"),
        (["--pick", "1,2"], "remove.pick", "--pick 2.5,640,300"),
        (["--pick", "1,2,x"], "remove.pick", "--pick 2.5,640,300"),
        (["--pick", "1,2,3", "--targets", "motion"], "remove.pick", "--targets motion,person"),
        (["--inpainter", "nowhere.onnx"], "remove.inpainter", "nowhere.onnx"),
        (["-o", "b.doc"], "media.unknown-output", ""),
        (["-o", "a.png"], "files.same", ""),
        (["-o", ""], "files.no-name", ""),
        (["-o", "no/b.png"], "files.no-folder", ""),
    ],
)
def test_a_wrong_word_is_one_line_and_the_next_step(
    words: list[str], code: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scenes.photo(tmp_path).path.rename("a.png")
    before = Path("a.png").read_bytes()
    status = velatura("remove", "a.png", *([] if "-o" in words else ["-o", "b.png"]), *words)
    err = capsys.readouterr().err
    assert status == (5 if "--inpainter" in words else 2), err
    assert f"[{code}" in err and hint in err and "Traceback" not in err and len(err.splitlines()) <= 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"] and Path("a.png").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words", "status", "code"),
    [
        ("photo", [], 4, "remove.no-detector"),
        ("photo", ["--targets", "plate"], 4, "models.none"),
        ("photo", ["--pick", "0,80,60"], 4, "remove.no-detector"),
        ("walker", ["--camera", "moving"], 4, "remove.no-detector"),
        ("walker", ["--from", "9"], 2, "remove.span"),
        ("walker", ["--mask", "nowhere.png"], 5, "media.missing"),
        ("walker", ["--mask", "folder"], 5, "remove.mask-empty"),
        ("walker", ["--masks-out", "out.mp4/masks"], 2, "remove.masks-out"),
        ("walker", ["-o", "clip.png"], 2, "media.wrong-output"),
        ("few", [], 4, "remove.no-detector"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    name: str, words: list[str], status: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = scenes.make(tmp_path / ("in" + scenes.SCENES[name].suffix), replace(scenes.SCENES[name], frames=min(scenes.SCENES[name].frames, 8)))
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    assert velatura("remove", made.path.name, *([] if "-o" in words else ["-o", f"out{made.path.suffix}"]), *words, "-q") == status
    err = capsys.readouterr().err
    assert f"[{code}]" in err and "Traceback" not in err and len(err.splitlines()) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", made.path.name]


def test_a_batch_names_what_failed_goes_on_and_is_not_done_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    scenes.walker(folder, frames=8)
    bad = folder / "bad.mp4"
    bad.write_bytes((folder / "walker.mp4").read_bytes()[:700])
    words = ("remove", folder, "-o", tmp_path / "out", "-q")
    assert velatura(*words) == 5
    out, err = capsys.readouterr()
    assert "bad.mp4: NOT DONE" in out and "bad.mp4" in err
    first = (tmp_path / "out" / "walker.mp4").stat()
    bad.unlink()
    assert velatura(*words) == 0
    assert "walker.mp4: done before" in capsys.readouterr().out
    assert velatura(*words, "--force") == 0
    assert "taken out in" in capsys.readouterr().out and (tmp_path / "out" / "walker.mp4").stat().st_mtime_ns > first.st_mtime_ns
    assert velatura(*words, "--seed", "7") == 2  # other options, and the output is there


@pytest.mark.parametrize("option", [["--pick", "0,1,1"], ["--mask", "m.png"], ["--masks-out", "masks"]])
def test_what_speaks_of_one_file_is_refused_for_several(
    option: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name in ("a.png", "b.png"):
        scenes.photo(tmp_path / "in").path.rename(Path("in") / name)
    status = velatura("remove", "in", "-o", "out", *option)
    assert (status, "[remove.one-file]" in capsys.readouterr().err) == ((4, False) if "--pick" in option else (2, True))


def test_the_summary_counts_who_went_and_says_how_the_check_was_done() -> None:
    told = _text(Report((DONE,)))
    assert told.splitlines() == [
        "b.mp4: 2 persons, 1 plate taken out in 5 of 10 frames, 5.00% of the picture (10.00% at most); camera standing; "
        "searched again: no detections at threshold person 0.20 by fastestdet",
        "L",
    ]
    motion = replace(DONE, gone=(), thresholds={}, detectors=())
    assert "what moves taken out" in _text(Report((motion,))) and "nothing differs from the background" in _text(Report((motion,)))
    assert "NOT searched again" in _text(Report((replace(DONE, rechecked=False),)))
    assert "1 places covered by the fallback" in _text(Report((replace(DONE, shows=(Shows(3, 0.1, (0, 0, 5, 5), "differs"),)),)))
    assert _text(Report((replace(DONE, touched=0, gone=()),))).startswith("b.mp4: nothing taken out in 0 of 10 frames; camera")


def test_a_failure_names_its_file_once_and_the_next_step() -> None:
    error = BadInput("media.truncated", "in/b.jpg: the file ends within the picture", hint="copy it again")
    report = Report((), (Failed(Path("in/b.jpg"), error),))
    assert _text(report) == "in/b.jpg: NOT DONE, the file ends within the picture [media.truncated]; copy it again"
    assert as_json(report)["failed"] == [
        {"file": "in/b.jpg", "code": "media.truncated", "sentence": "in/b.jpg: the file ends within the picture", "hint": "copy it again", "exit": 5}
    ]


def test_warnings_name_their_file_where_there_are_several() -> None:
    loud = replace(DONE, warnings=("look at it",), dropped=("sound track (aac)",))
    assert warnings(Report((loud,), left=(Path("a.xmp"),))) == [
        "look at it",
        "not in the output: sound track (aac)",
        "neither treated nor copied: a.xmp",
    ]
    assert warnings(Report((loud, DONE)))[0] == "b.mp4: look at it"
