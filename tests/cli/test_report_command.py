"""`velatura report` as a person calls it."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from tests.report.samples import BROKEN, HELD, report, write_sample

from velatura.cli.main import main
from velatura.findings import Verdict
from velatura.report.reading import write_report


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["report", *map(str, words)])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "in").parent


def of(folder: Path, *findings: object) -> Path:
    folder.mkdir()
    (folder / "report.json").write_bytes(write_report(report(*findings)))  # type: ignore[arg-type]
    return folder


def test_show_says_the_verdict_first_and_ends_with_0_even_if_it_is_broken(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given in (sample, sample / "report.json"):
        status, out, err = run(capsys, "show", given)
        assert status == 0 and err == "" and out.startswith("BROKEN: 95.6 % of 40 people are recognised")
        assert "7.5 % or more is excluded" in out and "Not protected, whatever the verdicts say:" in out


def test_show_as_json_holds_the_report_with_null_for_an_end_that_is_not_there(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "show", sample, "--json")
    document = json.loads(out)
    assert status == 0 and document["schema"] == "velatura/1" and document["command"] == "report show"
    assert document["result"] == json.loads((sample / "report.json").read_bytes())
    assert document["result"]["findings"][3]["baseline"]["high"] is None


def test_compare_ends_with_3_only_if_something_got_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = of(tmp_path / "held", HELD)
    broken = of(tmp_path / "broken", replace(BROKEN, target=HELD.target, examples=()))
    unknown = of(tmp_path / "unknown", replace(HELD, verdict=Verdict.NOT_RUN, estimate=None, baseline=None))
    assert run(capsys, "compare", held, broken)[0] == 3
    assert run(capsys, "compare", broken, held)[0] == 0
    status, out, _ = run(capsys, "compare", held, unknown)
    assert status == 0 and "LOST" in out and "held 2.3 % [0.6 % to 4.6 %] -> not run" in out
    status, out, _ = run(capsys, "compare", held, broken, "--json")
    told = json.loads(out)["result"]
    assert status == 3 and told["worse"] is True and told["changes"][0]["move"] == "worse" and told["changes"][0]["success"] == "more"


@pytest.mark.parametrize(("form", "begins"), [("html", "<!doctype html>"), ("json", "{"), ("sarif", "{"), ("cyclonedx", "{"), ("dpia", "# DRAFT")])
def test_export_writes_each_form(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, begins: str) -> None:
    out = tmp_path / f"out.{form}"
    status, said, _ = run(capsys, "export", sample, "--format", form, "-o", out)
    assert status == 0 and said == f"{out}: written ({form})\n" and out.read_text("utf-8").startswith(begins)
    assert (stat.S_IMODE(out.stat().st_mode) == 0o600) is (form == "html")


def test_a_page_with_originals_is_private_and_says_so(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(capsys, "export", sample, "--format", "html", "-o", tmp_path / "a.html")
    assert "keep it as you keep them" in err and "data:image/png;base64," in (tmp_path / "a.html").read_text("utf-8")
    plain = of(tmp_path / "plain", replace(HELD, examples=()))
    _, _, err = run(capsys, "export", plain, "--format", "html", "-o", tmp_path / "b.html")
    assert err == "" and stat.S_IMODE((tmp_path / "b.html").stat().st_mode) != 0o600


def test_json_comes_out_as_it_went_in(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "export", sample, "--format", "json", "-o", tmp_path / "out.json")
    assert (tmp_path / "out.json").read_bytes() == (sample / "report.json").read_bytes()


def test_nothing_is_overwritten_and_a_report_never_by_its_own_export(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there").write_text("mine")
    status, _, err = run(capsys, "export", sample, "--format", "dpia", "-o", tmp_path / "there")
    assert status == 2 and "files.exists" in err and (tmp_path / "there").read_text() == "mine"
    assert run(capsys, "export", sample, "--format", "dpia", "-o", tmp_path / "there", "--force")[0] == 0
    before = (sample / "report.json").read_bytes()
    status, _, err = run(capsys, "export", sample, "--format", "dpia", "-o", sample / "report.json", "--force")
    assert status == 2 and "files.same" in err and (sample / "report.json").read_bytes() == before


@pytest.mark.parametrize("verb", ["show", "compare", "export"])
@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "report.unreadable"), ("{}", "report.wrong"), ("no json", "report.wrong"), ('{"schema": "velatura-report/9"}', "report.schema")],
)
def test_what_is_no_report_is_refused_in_two_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, content: str | None, code: str
) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    more = {"show": [], "compare": [path], "export": ["--format", "sarif", "-o", tmp_path / "out"]}[verb]
    status, out, err = run(capsys, verb, path, *more)
    lines = err.splitlines()
    assert status == 5 and out == "" and len(lines) == 2 and f"[{code}]" in lines[0] and lines[1].startswith("  ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["show", "compare", "export"])
def test_every_help_ends_in_an_example(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    status, out, _ = run(capsys, verb, "--help")
    assert status == 0 and f"Example: velatura report {verb} " in " ".join(out.split())


def test_a_form_that_there_is_not_is_named_with_those_that_there_are(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "export", sample, "--format", "pdf", "-o", tmp_path / "x")
    assert status == 2 and "cyclonedx" in err
