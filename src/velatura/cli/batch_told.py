"""What verbs that treat a batch say of it alike: what was done before, what could not be done, what was left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from velatura.errors import one_line

if TYPE_CHECKING:
    from velatura.media.each import Failed, Report

__all__ = ["as_json", "lines", "named", "warnings"]


def lines(report: Report[Any]) -> list[str]:
    """Of the files that this run has not made."""
    return [f"{path}: done before" for path in report.skipped] + [_not_done(failed) for failed in report.failed]


def _not_done(failed: Failed) -> str:
    """The sentences of errors begin with the file: once is enough."""
    said = str(failed.error).removeprefix(f"{one_line(str(failed.file))}: ")
    return f"{failed.file}: NOT DONE, {said}" + (f"; {failed.error.hint}" if failed.error.hint else "")


def named(report: Report[Any]) -> bool:
    """Whether a sentence about one file must say which: there are several."""
    return len(report.items) + len(report.failed) > 1


def warnings(report: Report[Any]) -> list[str]:
    """Of each item, then of what was left beside them."""
    found = []
    for done in report.items:
        where = f"{done.out.name}: " if named(report) else ""
        found += [where + sentence for sentence in done.warnings]
        if done.dropped:
            found.append(f"{where}not in the output: {', '.join(done.dropped)}")
    return found + _left(report.left)


def _left(paths: Sequence[Path]) -> list[str]:
    folders = [path.name for path in paths if path.is_dir()]
    files = [path.name for path in paths if not path.is_dir()]
    found = ["neither treated nor copied: " + ", ".join(files)] if files else []
    if folders:
        found.append(f"folders inside IN are not descended into: {', '.join(folders)} (name them, or give IN/**)")
    return found


def as_json(report: Report[Any]) -> dict[str, Any]:
    """The whole run."""
    return {
        "items": [{key: str(value) if isinstance(value, Path) else value for key, value in asdict(done).items()} for done in report.items],
        "failed": [_failed(failed) for failed in report.failed],
        "skipped": [str(path) for path in report.skipped],
        "left": [str(path) for path in report.left],
    }


def _failed(failed: Failed) -> dict[str, Any]:
    error = failed.error
    return {"file": str(failed.file), "code": error.code, "sentence": error.sentence, "hint": error.hint, "exit": error.exit_status}
