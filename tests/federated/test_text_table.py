"""Tables from CSV files: one column is the label because somebody said so, and a message names the line that an editor shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from velatura.errors import BadInput
from velatura.federated.loading import load


def table(folder: Path, text: str, **how: object):  # type: ignore[no-untyped-def]
    (folder / "t.csv").write_bytes(text.encode())
    return load("t.csv", base=folder, **how)  # type: ignore[arg-type]


def test_it_is_read_with_the_names_of_its_columns(tmp_path: Path) -> None:
    read = table(tmp_path, "\ufeffage;dose;label\n50;.5;1\n60;1.5;0\n")
    assert read.x.tolist() == [[50, 0.5], [60, 1.5]] and read.y.tolist() == [1, 0]
    assert (read.features, read.label) == (("age", "dose"), "label")
    read = table(tmp_path, "label\tage\n1\t50\n0\t60\n", classes=3)
    assert (read.x.tolist(), read.classes) == ([[50], [60]], 3)


def test_another_column_is_the_label_only_where_it_is_named(tmp_path: Path) -> None:
    text = "outcome,age,ward\n1,50,3\n0,60,4\n"
    with pytest.raises(BadInput, match="no column is called 'label'") as caught:
        table(tmp_path, text)
    assert "data.label" in caught.value.hint and "outcome" in caught.value.hint
    read = table(tmp_path, text, label="outcome")
    assert (read.label, read.features, read.y.tolist()) == ("outcome", ("age", "ward"), [1, 0])
    with pytest.raises(BadInput, match="no column is called 'outcom'") as caught:
        table(tmp_path, text, label="outcom")
    assert "did you mean 'outcome'" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "no table"),
        ("age,label\n", "no rows"),
        ("age,label\n5,1\n,0\n", "line 3, column 'age' is missing"),
        ("age,label\n5,1\nold,0\n", "line 3, column 'age' is no number"),
        ("age,label\n1_000,1\n", "line 2, column 'age' is no number"),
        ("age;label\n1,5;1\n", "line 2, column 'age' is no number"),
        ("age,label\n5,1,7\n", "line 2 has 3 cells"),
        ("age,label\n5,.5\n", "line 2, column 'label' is .5: labels are whole numbers"),
        ("age,label\n5,1e400\n", "line 2, column 'label' is no finite number"),
        ("age,label\n5,1e9\n", "line 2, column 'label' is 1e9"),
        ("age,label\n5,1\n6,-1\n", "line 3, column 'label' is -1"),
        ("age,age\n5,1\n", "two columns are called 'age'"),
        (",age,label\n0,5,1\n", "column 1 of the header has no name"),
        ('age,label\n"5,1\n', "no table"),
    ],
)
def test_what_is_none_is_told_by_its_line(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(BadInput, match=where) as caught:
        table(tmp_path, text)
    assert caught.value.code == "federated.data" and "t.csv" in caught.value.sentence


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("age,label\n5,1\n\n\n,0\n", 5),  # blank lines count
        ('"age\nin years",label\n5,1\nx,0\n', 4),  # so does a break within quotes
        ("age\x0b,label\n5,1\nx,0\n", 3),  # what an editor shows as one line is one
        ("age,label\r\n5,1\r\n\r\ninf,0\r\n", 4),
        ("age,label\n5,1\n\n6,7\n", 4),
    ],
)
def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(BadInput, match=f"line {line}, column"):
        table(tmp_path, text, classes=2)
