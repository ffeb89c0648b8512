"""A report and a comparison as lines for a terminal: the verdict first, then a line and a sentence for each finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from velatura.errors import one_line
from velatura.findings import Finding
from velatura.report.compare import Compared, Move
from velatura.report.report import Report
from velatura.report.words import WORD, against, headline, interval, number, tally

__all__ = ["compared_lines", "report_lines"]

_MOVED = (Move.WORSE, Move.LOST, Move.NEW, Move.GONE, Move.BETTER, Move.CHANGED)


def report_lines(report: Report) -> str:
    """As `velatura report show` prints it."""
    lines = [f"{WORD[report.verdict].upper()}: {one_line(headline(report), 2000)}", f"{one_line(report.title)}: {tally(report)}", ""]
    lines += _table(report.findings)
    if report.limits:
        lines += ["", "Not protected, whatever the verdicts say:", *(f"  - {one_line(sentence, 2000)}" for sentence in report.limits)]
    lines += ["", one_line(report.certainty)] if report.certainty else []
    lines += ["To repeat it: " + one_line(report.command, 2000)] if report.command else []
    return "\n".join(lines)


def compared_lines(compared: Compared) -> str:
    """As `velatura report compare` prints it; findings that are the same are counted, not listed, unless their success moved."""
    lines = [f"{WORD[compared.before].upper()} -> {WORD[compared.after].upper()}: {_moves(compared)}"]
    for change in compared.changes:
        if change.move is not Move.SAME or change.success:
            lines.append(f"{change.move.upper():8s} {one_line(change.attack, 60)}: {one_line(change.target, 200)}: {change.told}")
    if compared.different:
        lines += ["", "The two reports also differ in:", *(f"  - {one_line(sentence, 1000)}" for sentence in compared.different)]
    return "\n".join(lines)


def _moves(compared: Compared) -> str:
    found = [change.move for change in compared.changes]
    told = [f"{found.count(move)} {move.value}" for move in Move if move in found]
    return ", ".join(told) or "no findings"


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    rows = [_row(f) for f in findings]
    wide = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for f, row in zip(findings, rows, strict=True):
        head = "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=False))
        yield f"{head}  {row[3]}".rstrip()
        yield f"{'':{wide[0]}s}  {one_line(f.why, 2000)}"


def _row(f: Finding) -> tuple[str, str, str, str]:
    e = f.estimate
    success = f"{number(e.value, e.unit)} [{interval(e)}], {against(f)}" if e else ""
    return WORD[f.verdict].upper(), one_line(f.attack, 40), one_line(f.target, 60), success
