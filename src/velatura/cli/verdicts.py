"""How `attack` and `audit` answer: a report as text, and the exit status of its verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from velatura.errors import BadSpec, nearest
from velatura.findings import Verdict

if TYPE_CHECKING:
    from velatura.findings import Finding
    from velatura.report.report import Report

__all__ = ["REQUIREMENTS", "check_require", "exit_status", "in_words"]

REQUIREMENTS = ("held", "not-broken")
NAME_WIDTH = 13


def check_require(require: str) -> None:
    """Raises BadSpec `audit.require`."""
    if require not in REQUIREMENTS:
        raise BadSpec("audit.require", f"there is no requirement {require!r}", hint=nearest(require, REQUIREMENTS))


def exit_status(report: Report, *, require: str) -> int:
    """3 where a verdict is broken, or, with `held`, where one is not held or nothing was judged; 1 where an attack failed; else 0."""
    verdicts = {finding.verdict for finding in report.findings} - {Verdict.STATED}
    if Verdict.BROKEN in verdicts or (require == "held" and verdicts != {Verdict.HELD}):
        return 3
    return 1 if Verdict.ERROR in verdicts else 0


def in_words(report: Report) -> str:
    """Verdict first, then two lines a finding."""
    lines = [f"{report.verdict.upper()}: {report.title}"]
    for finding in report.findings:
        lines += _lines(finding)
    return "\n".join([*lines, report.certainty])


def _lines(finding: Finding) -> list[str]:
    return [f"{finding.verdict.upper():{NAME_WIDTH}s}{finding.attack}: {finding.target}", f"{'':{NAME_WIDTH}s}{finding.why}"]
