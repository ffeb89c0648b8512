"""report.json in and out. A report is read as what a stranger sent: sizes first, then form, then whether its verdicts can stand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from velatura.errors import BadInput, Unsupported, one_line
from velatura.files import open_regular
from velatura.report.document import ReportDocument, from_document, to_document
from velatura.report.report import SCHEMA, Report
from velatura.specs import dump_json

__all__ = ["MOST_BYTES", "Pictures", "pictures_beside", "read_report", "write_report"]

MOST_BYTES = 8 << 20
MOST_PICTURE_BYTES = 1 << 20
_HINT = "give a report.json that `velatura audit` wrote, or the folder it lies in"

Pictures = Callable[[str], bytes | None]
"""The content of a picture by the name that an example has; None where it is not there."""


class _Head(msgspec.Struct):
    schema: str = ""


def read_report(path: Path) -> Report:
    """Read report.json, or the one in a folder.

    Raises:
        BadInput: `report.unreadable`; `report.too-large`: more than `MOST_BYTES`; `report.wrong`: it is no report, or its verdicts contradict
            its numbers.
        Unsupported: `report.schema`: a report of another velatura.
    """
    path = path / "report.json" if path.is_dir() else path
    raw = _bytes(path)
    _check_schema(raw, path)
    try:
        return from_document(msgspec.json.decode(raw, type=ReportDocument))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # ValidationError is a ValueError
        raise BadInput("report.wrong", f"{path}: not a report: {error}", hint=_HINT) from error


def write_report(report: Report) -> bytes:
    """report.json: indented, in a fixed order, the same bytes for the same report. Raises ValueError: see `to_document`."""
    return dump_json(to_document(report))


def pictures_beside(path: Path) -> Pictures:
    """Reads the pictures of the report at `path` (a file or its folder); nothing outside of that folder is ever opened.

    A picture that is not there, is a link, leads outside, or is larger than `MOST_PICTURE_BYTES` is None.
    """
    folder = (path if path.is_dir() else path.parent).resolve()

    def read(name: str) -> bytes | None:
        picture = folder / name
        if picture.is_symlink() or not picture.resolve().is_relative_to(folder):
            return None
        try:
            with open_regular(picture) as stream:
                raw = stream.read(MOST_PICTURE_BYTES + 1)
        except OSError:
            return None
        return raw if len(raw) <= MOST_PICTURE_BYTES else None

    return read


def _bytes(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        why = error.strerror or os.strerror(error.errno or 0)
        raise BadInput("report.unreadable", f"{path}: cannot be read: {why}", hint=_HINT) from error
    if len(raw) > MOST_BYTES:
        raise BadInput("report.too-large", f"{path}: larger than {MOST_BYTES} bytes", hint=_HINT)
    return raw


def _check_schema(raw: bytes, path: Path) -> None:
    try:
        found = msgspec.json.decode(raw, type=_Head).schema
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadInput("report.wrong", f"{path}: not a report: {error}", hint=_HINT) from error
    if found != SCHEMA and found.startswith("velatura-report/"):
        sentence = f"{path}: it is {one_line(found, 60)!r}, and this velatura reads {SCHEMA!r}"
        raise Unsupported("report.schema", sentence, hint="read it with the velatura that wrote it, or a newer one")
