"""report.json comes back as it was written, and what a stranger wrote is refused in one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.samples import BROKEN, FINDINGS, HELD, WEAKENED, hostile, pictures, report, write_sample

from velatura.errors import BadInput, VelaturaError
from velatura.findings import Claim, Estimate, Example, Finding, Verdict, judge
from velatura.report.document import schema
from velatura.report.reading import MOST_BYTES, pictures_beside, read_report, write_report
from velatura.report.report import Report
from velatura.specs import dump_json

SCHEMA = Path(__file__).parents[2] / "src" / "velatura" / "report" / "schema.json"


def written(folder: Path, tree: Any) -> Path:
    path = folder / "report.json"
    path.write_bytes(tree if isinstance(tree, bytes) else json.dumps(tree).encode())
    return path


def tree() -> dict[str, Any]:
    return dict(json.loads(write_report(report())))


def test_a_report_is_read_as_it_was_written_from_its_file_or_its_folder(tmp_path: Path) -> None:
    path = write_sample(tmp_path)
    assert read_report(path) == read_report(tmp_path) == report()
    assert write_report(read_report(path)) == path.read_bytes()


def test_an_end_that_is_infinite_is_null_in_the_file_and_comes_back(tmp_path: Path) -> None:
    endless = replace(BROKEN.baseline, low=-inf, high=inf) if BROKEN.baseline else None
    path = tmp_path / "report.json"
    path.write_bytes(write_report(report(replace(BROKEN, baseline=endless, verdict=Verdict.INCONCLUSIVE))))
    told = json.loads(path.read_bytes())["findings"][0]["baseline"]
    assert told["low"] is None and told["high"] is None
    assert read_report(path).findings[0].baseline == endless


@pytest.mark.parametrize("field", ["value", "chance"])
def test_a_value_or_a_chance_without_end_is_not_written(field: str) -> None:
    assert HELD.estimate is not None
    endless = replace(HELD.estimate, **{field: inf}, **({"high": inf} if field == "value" else {}))
    with pytest.raises(ValueError, match="only the ends"):
        write_report(report(replace(HELD, verdict=Verdict.ERROR, estimate=endless)))


@given(st.floats(-20, 20), st.floats(0, 5), st.floats(0, 5), st.floats(0, 1), st.booleans(), st.booleans(), st.none() | st.floats(0, 9), st.text())
def test_every_finding_that_can_be_made_is_read_back(
    value: float, below: float, above: float, chance: float, no_low: bool, no_high: bool, bound: float | None, words: str
) -> None:
    e = Estimate(value, -inf if no_low else value - below, inf if no_high else value + above, chance, 7, "runs", words)
    claim = Claim(bound)
    f = Finding("dp", words, judge(e, e, claim), e, e, claim, words, words, words, {words: words})
    clean = words.encode("utf-8", "replace").decode()
    raw = write_report(report(f))
    assert clean in json.loads(raw)["findings"][0]["target"]
    with TemporaryDirectory() as folder:
        back = read_report(written(Path(folder), raw)).findings[0]
    assert (back.estimate, back.claim, back.verdict) == (replace(e, unit=clean), claim, f.verdict)


def change(*keys: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def do(whole: Any) -> None:
        for key in keys[:-1]:
            whole = whole[key]
        if to is KeyError:
            del whole[keys[-1]]
        else:
            whole[keys[-1]] = to

    return do


WRONG = {
    "a key that nobody knows": change("extra", to=1),
    "a key of an estimate that nobody knows": change("findings", 0, "estimate", "hgih", to=1),
    "a title that is missing": change("title", to=KeyError),
    "a verdict that there is not": change("findings", 0, "verdict", to="fine"),
    "a seed below nought": change("seed", to=-1),
    "a bound that is text": change("findings", 0, "claim", "bound", to="1"),
    "a value without end": change("findings", 0, "estimate", "value", to=None),
    "a picture outside": change("findings", 0, "examples", 0, "seen", to="pictures/../../etc/passwd"),
    "an absolute picture": change("findings", 0, "examples", 0, "seen", to="/etc/passwd"),
    "a picture in no folder": change("findings", 0, "examples", 0, "seen", to="a.png"),
    "a picture with a line end": change("findings", 0, "examples", 0, "seen", to="pictures/a.png\n"),
    "an address as a picture": change("findings", 0, "examples", 0, "seen", to="https://example.org/a.png"),
    "a hidden picture": change("findings", 0, "examples", 0, "seen", to="pictures/.a.png"),
    "too many examples": change("findings", 0, "examples", to=[{"seen": "", "recovered": ""}] * 13),
    "too long a title": change("title", to="x" * 20_001),
}
CONTRADICTS = {
    "a held whose attack fell nowhere": change("findings", 2, "baseline", to=None),
    "a held that is broken": change("findings", 0, "verdict", to="held"),
    "a broken that is only stated": change("findings", 0, "verdict", to="stated"),
    "a report better than its worst finding": change("verdict", to="held"),
    "a value outside of its interval": change("findings", 2, "estimate", "value", to=0.9),
    "a bound below nought": change("findings", 3, "claim", "bound", to=-1),
}


@pytest.mark.parametrize("spoil", [*WRONG.values(), *CONTRADICTS.values()], ids=[*WRONG, *CONTRADICTS])
def test_what_cannot_stand_is_refused_in_one_line(tmp_path: Path, spoil: Callable[[dict[str, Any]], None]) -> None:
    spoilt = tree()
    spoil(spoilt)
    with pytest.raises(BadInput, match=r"report\.wrong") as caught:
        read_report(written(tmp_path, spoilt))
    assert caught.value.hint and "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{}", b"[" * 100_000, b'{"schema": 1}', b"\xff", b'{"schema": "velatura/1"}', b"NaN"])
def test_what_is_no_report_is_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        read_report(written(tmp_path, raw))
    assert caught.value.code == "report.wrong" and caught.value.exit_status == 5


def test_a_report_of_the_future_names_its_form(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="velatura-report/2") as caught:
        read_report(written(tmp_path, {"schema": "velatura-report/2", "new": []}))
    assert caught.value.code == "report.schema"


def test_a_file_that_is_absent_endless_or_huge_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    codes = {}
    for name in ("absent.json", "fifo.json", "huge.json", "."):
        with pytest.raises(VelaturaError) as caught:
            read_report(tmp_path / name)
        codes[name] = caught.value.code
    unreadable = dict.fromkeys(("absent.json", "fifo.json", "."), "report.unreadable")
    assert codes == {**unreadable, "huge.json": "report.too-large"}


def test_the_schema_in_the_package_is_that_of_the_types() -> None:
    """After a change of document.py: python -c "import sys; from velatura.report.document import schema; from velatura.specs import dump_json;
    sys.stdout.buffer.write(dump_json(schema()))" > src/velatura/report/schema.json
    """
    assert SCHEMA.read_bytes() == dump_json(schema())
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_schema_takes_real_reports() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes()))
    for each in (report(), hostile("x" * 400), *(report(f) for f in FINDINGS)):
        validator.validate(json.loads(write_report(each)))


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_the_schema_refuses_what_the_reader_refuses_by_its_form(spoil: Callable[[dict[str, Any]], None]) -> None:
    spoilt = tree()
    spoil(spoilt)
    assert not jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes())).is_valid(spoilt)


def test_a_report_cannot_be_made_better_than_its_worst_finding() -> None:
    with pytest.raises(ValueError, match="worst finding: broken, not held"):
        report(BROKEN, HELD, verdict=Verdict.HELD)
    assert report(WEAKENED, HELD).verdict is Verdict.WEAKENED


def test_a_picture_elsewhere_is_not_written() -> None:
    for name in ("../a.png", "/a.png", "pictures/a/b.png", "a.png", "pictures/a.svg"):
        with pytest.raises(ValueError, match="plain name"):
            write_report(report(replace(BROKEN, examples=(Example(name, ""),))))


def test_only_files_in_the_reports_own_folder_are_opened(tmp_path: Path) -> None:
    path = write_sample(tmp_path / "in")
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\nsecret")
    (tmp_path / "in" / "pictures" / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(tmp_path / "in" / "pictures" / "fifo.png")
    (tmp_path / "in" / "pictures" / "huge.png").write_bytes(bytes((1 << 20) + 1))
    read = pictures_beside(path)
    name, raw = next(iter(pictures().items()))
    assert read(name) == raw
    assert [read(f"pictures/{name}") for name in ("link.png", "fifo.png", "huge.png", "absent.png", "../../secret.png")] == [None] * 5
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pictures").symlink_to(tmp_path / "in" / "pictures")
    assert pictures_beside(tmp_path / "other")(name) is None


def test_a_report_without_findings_can_be_written_and_says_nothing(tmp_path: Path) -> None:
    empty = Report(title="", room="", version="", seed=0, command="", verdict=Verdict.STATED, certainty="", judged=0, findings=())
    path = written(tmp_path, write_report(empty))
    assert read_report(path) == empty
