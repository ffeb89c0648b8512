"""The verb at the command line, in this process; real runs of the installed program are in tests/system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.obfuscation.street import picture

from velatura.cli.main import main
from velatura.cli.obfuscate import EPILOG, _text, _warnings
from velatura.cli.output import worst
from velatura.errors import BadInput, BadSpec, Missing, VelaturaError, Withheld
from velatura.media.each import Failed
from velatura.obfuscation.limits import SENTENCES
from velatura.obfuscation.parameters import chosen
from velatura.obfuscation.report import Protected, Report, Track


def velatura(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def regions(path: Path, *files: Path) -> Path:
    items = [{"file": str(file), "width": 64, "height": 48, "regions": [{"box": [16, 8, 32, 32]}]} for file in files]
    path.write_text(json.dumps({"schema": "velatura/1", "result": {"items": items}}))
    return path


def test_a_file_is_covered_and_told(tmp_path, capsys):
    source = picture(tmp_path / "a.png")
    given = regions(tmp_path / "r.json", source)
    assert velatura("obfuscate", source, "-o", tmp_path / "b.png", "--regions", given, "--no-recheck", "--quiet") == 0
    out, err = capsys.readouterr()
    assert "1 face covered (fill)" in out and SENTENCES["fill"] in out and "not searched again" in err


def test_json_is_one_document_with_all_that_is_known(tmp_path, capsys):
    source = picture(tmp_path / "a.png")
    given = regions(tmp_path / "r.json", source)
    assert velatura("obfuscate", source, "-o", tmp_path / "b.png", "--regions", given, "--no-recheck", "--json", "--method", "blur:10%") == 0
    told = json.loads(capsys.readouterr().out)
    (item,) = told["result"]["items"]
    assert (told["command"], told["schema"], item["method"], item["cosmetic"]) == ("obfuscate", "velatura/1", "blur:10%", True)
    assert item["out"] == str(tmp_path / "b.png") and item["tracks"][0]["label"] == "face" and item["limits"] in told["warnings"]
    assert {"kind", "frames", "regions", "shows", "faint", "dropped", "confined", "detectors", "passes", "sidecar"} <= item.keys()


def test_a_batch_names_what_failed_and_goes_on(tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    good, bad = picture(folder / "a.png"), folder / "b.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    given = regions(tmp_path / "r.json", good, bad)
    words = ("obfuscate", folder, "-o", tmp_path / "out", "--regions", given, "--no-recheck")
    assert velatura(*words) == 5
    out, err = capsys.readouterr()
    assert "b.png: NOT DONE" in out and "b.png" in err and (tmp_path / "out" / "a.png").exists()
    picture(bad)
    assert velatura(*words) == 0
    assert "a.png: done before" in capsys.readouterr().out


def test_a_failure_names_its_file_once_and_the_next_step():
    error = BadInput("media.truncated", "in/b.jpg: the file ends within the picture", hint="copy it again")
    told = _text(Report((), (Failed(Path("in/b.jpg"), error),)))
    assert told == "in/b.jpg: NOT DONE, the file ends within the picture [media.truncated]; copy it again"


def test_folders_that_were_not_entered_are_told_apart_from_files(tmp_path):
    (tmp_path / "deeper").mkdir()
    told = _warnings(Report((), left=(tmp_path / "a.xmp", tmp_path / "deeper")))
    assert told == [
        "neither treated nor copied: a.xmp",
        "folders inside IN are not descended into: deeper (name them, or give IN/**)",
    ]


@pytest.mark.parametrize("words", [("", "-o", "b.png"), ("a.png", "-o", "")])
def test_an_empty_name_is_refused(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "a.png")
    assert velatura("obfuscate", *words) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_wrong_method_is_one_line_and_the_valid_ones(tmp_path, capsys):
    assert velatura("obfuscate", picture(tmp_path / "a.png"), "-o", tmp_path / "b.png", "--method", "pixelat:8") == 2
    err = capsys.readouterr().err
    assert "did you mean 'pixelate'" in err and "dp-pixelate" in err and "Traceback" not in err


def failed(*errors: VelaturaError) -> Report:
    return Report((), tuple(Failed(Path("a"), error) for error in errors))


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ((), 0),
        ((BadInput("a.b", "c"), Withheld("a.b", "c"), Missing("a.b", "c")), 3),
        ((VelaturaError("a.b", "c"), Missing("a.b", "c"), BadInput("a.b", "c")), 5),
        ((VelaturaError("a.b", "c"), Missing("a.b", "c")), 4),
        ((VelaturaError("a.b", "c"), BadSpec("a.b", "c")), 2),
        ((VelaturaError("a.b", "c"),), 1),
    ],
)
def test_the_worst_failure_decides_the_exit_status(errors, status):
    assert worst(one.error.exit_status for one in failed(*errors).failed) == status


def test_what_still_shows_cannot_be_missed():
    from velatura.obfuscation.report import Shows

    done = Protected(
        Path("a.mp4"), Path("b.mp4"), "clip", 64, 48, 10, (Track(0, "face", 0, 1, 5, 0.9),), 5, "fill", "L", False, ("yunet-n",),
        shows=(Shows(3, 0.1, (0, 0, 5, 5), "face", 0.9),),
    )  # fmt: skip
    assert "1 regions STILL SHOW" in _text(Report((done,)))


@pytest.mark.parametrize("text", ["fill", "pixelate:8", "blur:5", "dp-pixelate:cells=4,m=roi,epsilon=1", "seal"])
def test_help_and_report_say_the_same_of_a_method(text):
    sentence = SENTENCES[text.partition(":")[0]]
    assert sentence in EPILOG and chosen(text).limits.startswith(sentence)
