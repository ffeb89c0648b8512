"""A table from a CSV file: a header, numbers, and one column of labels that somebody named.

Messages name the line of the file, as an editor counts it: blank lines and line breaks within quotes count.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import numpy as np

from velatura.errors import BadInput, nearest
from velatura.federated.table import MOST_CLASSES, Table
from velatura.files import open_regular

__all__ = ["LABEL", "text_table"]

LABEL = "label"
"""The column of labels, where a job names none."""

BETWEEN = ",;\t"
LARGEST = float(np.finfo(np.float32).max)


def text_table(path: Path, *, label: str = "", classes: int = 0) -> Table:
    """Read it.

    Args:
        label: the column with whole numbers from 0; "": the one called `LABEL`. All others are features, in their order.
        classes: number of labels; 0: as many as there are.

    Raises:
        BadInput: `federated.data`: names line and column.
    """
    lines = _lines(path, _text(path))
    _, head = next(lines, (0, []))
    head = [name.strip() for name in head]
    _refuse_head(path, head)
    at = _label_at(path, head, label or LABEL)
    rows: list[list[float]] = []
    for number, line in lines:
        if len(line) != len(head):
            raise BadInput("federated.data", f"{path}: line {number} has {len(line)} cells, and the header {len(head)}")
        row = [_number(path, number, name, cell) for name, cell in zip(head, line, strict=True)]
        if row[at] != int(row[at]) or not 0 <= row[at] < (classes or MOST_CLASSES):
            most = f"from 0 to {(classes or MOST_CLASSES) - 1}"
            raise BadInput("federated.data", f"{path}: line {number}, column {head[at]!r} is {line[at].strip()}: labels are whole numbers {most}")
        rows.append(row)
    if not rows:
        raise BadInput("federated.data", f"{path}: no table: no rows below the header")
    values = np.array(rows, np.float64)
    y = values[:, at].astype(np.int64)
    features = tuple(head[:at] + head[at + 1 :])
    return Table(np.delete(values, at, axis=1).astype(np.float32), y, classes or int(y.max()) + 1, str(path), features=features, label=head[at])


def _text(path: Path) -> str:
    try:
        with open_regular(path) as stream:
            return stream.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("federated.data", f"{path}: not UTF-8 text") from error
    except OSError as error:
        raise BadInput("federated.data", f"{path}: cannot be read: {error.strerror}") from error


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """(number of the line on which a row ends, its cells); blank lines are passed over."""
    first = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(BETWEEN, key=first.count), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise BadInput("federated.data", f"{path}: line {reader.line_num}: no table: {error}") from error


def _refuse_head(path: Path, head: list[str]) -> None:
    if len(head) < 2:
        raise BadInput("federated.data", f"{path}: no table: a header and rows are needed, with commas, semicolons or tabs between cells")
    if "" in head:
        hint = "name it in the header; a column of row numbers that a program wrote along does not belong in the table"
        raise BadInput("federated.data", f"{path}: column {head.index('') + 1} of the header has no name", hint=hint)
    if twice := next((name for name in head if head.count(name) > 1), None):
        raise BadInput("federated.data", f"{path}: two columns are called {twice!r}")


def _label_at(path: Path, head: list[str], label: str) -> int:
    if label not in head:
        hint = f'data.label = "NAME" in the job says which column is the label: {nearest(label, head)}'
        raise BadInput("federated.data", f"{path}: no column is called {label!r}", hint=hint)
    return head.index(label)


def _number(path: Path, line: int, column: str, cell: str) -> float:
    try:
        number = float(cell) if "_" not in cell else float("x")  # Python alone reads 1_000
        if isfinite(number) and abs(number) <= LARGEST:
            return number
        told = "is no finite number, or too large a one"
    except ValueError:
        told = "is missing" if not cell.strip() else "is no number"
    hint = "decimals are written with a point" if "," in cell else ""
    raise BadInput("federated.data", f"{path}: line {line}, column {column!r} {told}", hint=hint)
