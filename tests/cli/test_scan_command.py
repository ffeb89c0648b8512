"""`velatura scan` as a person calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.leakcases.face import MARK
from benchmarks.leakcases.jpegs import exif, jpeg

from velatura.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["scan", *words])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_a_line_for_each_finding_and_no_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(exif=exif(6)))
    status, out, err = run(capsys, str(tmp_path / "a.jpg"))
    lines = out.splitlines()
    assert status == 0 and err == ""
    assert f"{tmp_path}/a.jpg: L03 APP1 IFD0 GPS: GPS position" in lines and any(": L18 " in line for line in lines)
    assert MARK.decode() not in out and "Jane" not in out


def test_json_has_the_form_of_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(comment=MARK))
    (tmp_path / "b.jpg").write_bytes(jpeg())
    status, out, _ = run(capsys, str(tmp_path), "--json", "--quiet")
    document = json.loads(out)
    assert status == 0 and document["schema"] == "velatura/1" and document["command"] == "scan" and MARK.decode() not in out
    assert document["result"]["items"] == [
        {"file": str(tmp_path / "a.jpg"), "findings": [{"case": "L07", "where": "COM", "what": "comment"}]},
        {"file": str(tmp_path / "b.jpg"), "findings": []},
    ]


def test_one_of_several_that_cannot_be_read_sets_the_status_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(jpeg())
    status, out, err = run(capsys, str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))
    assert status == 5 and "a.jpg: could not be read [media.empty]" in out and "b.jpg: nothing beside the pixels" in out
    assert "is empty" in err


def test_a_single_file_that_cannot_be_read_ends_with_its_own_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert run(capsys, str(tmp_path / "a.jpg"))[0] == 5
    status, out, _ = run(capsys, str(tmp_path / "absent.jpg"), "--json")
    assert status == 5 and json.loads(out)["error"]["code"] == "media.missing" and "hint" in json.loads(out)["error"]


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(comment=b"hello"))
    command = f"{sys.executable} -m velatura scan {tmp_path} --quiet | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=280)
    assert "Traceback" not in done.stderr
