"""`velatura report`: show a report, compare two, hand one on in the form that another tool reads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.report.report import Report

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="Show a report of `velatura audit`, compare two, or hand one on: HTML, SARIF, CycloneDX, a DPIA draft.",
    epilog="Example: velatura report show spring-report",
)

REPORT = "a report.json, or the folder it lies in"


class Form(StrEnum):
    """What a report can be handed on as."""

    HTML = "html"
    JSON = "json"
    SARIF = "sarif"
    CYCLONEDX = "cyclonedx"
    DPIA = "dpia"


@app.command("show", epilog="Example: velatura report show spring-report")
def show(report: Annotated[Path, typer.Argument(metavar="REPORT", help=REPORT)], json: Json = False) -> None:
    """Print the verdict and every finding. The exit status is 0 whatever the verdict is: `audit` is what judges."""
    from velatura.cli.output import emit
    from velatura.report.document import to_document
    from velatura.report.reading import read_report
    from velatura.report.text import report_lines

    found = read_report(report)
    emit("report show", to_document(found), json=json, text=report_lines(found))


@app.command("compare", epilog="Example: velatura report compare spring-report summer-report")
def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help=REPORT)],
    after: Annotated[Path, typer.Argument(metavar="B", help=REPORT)],
    json: Json = False,
) -> int:
    """Say what changed from A to B: verdicts, and successes whose intervals do not overlap.

    Exit status 3 if an attack that is in both is weakened or broken in B and was not, or was weakened and is broken. What held in A and is
    not shown to hold in B (inconclusive, not run, gone) is listed as lost, and does not change the exit status.
    """
    from velatura.cli.output import emit
    from velatura.report.compare import compare
    from velatura.report.reading import read_report
    from velatura.report.text import compared_lines

    compared = compare(read_report(before), read_report(after))
    told = {"worse": compared.worse, "before": compared.before, "after": compared.after, "changes": compared.changes, "different": compared.different}
    emit("report compare", told, json=json, text=compared_lines(compared))
    return 3 if compared.worse else 0


@app.command("export", epilog="Example: velatura report export spring-report --format sarif -o spring.sarif")
def export(
    report: Annotated[Path, typer.Argument(metavar="REPORT", help=REPORT)],
    form: Annotated[Form, typer.Option("--format", help="html: one page; sarif: for CI; cyclonedx: a model card; dpia: a draft in Markdown")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="the file to write")],
    force: Annotated[bool, typer.Option("--force", help="replace OUT")] = False,
    json: Json = False,
) -> None:
    """Write a report in another form. A page with pictures of the secrets is written with mode 0600: keep it as the originals."""
    from velatura.cli.output import emit
    from velatura.files import refuse_same
    from velatura.report.reading import read_report

    source = report / "report.json" if report.is_dir() else report
    found = read_report(source)
    refuse_same(source, out)
    raw = _written(form, source)(found)
    with _output(form, found)(out, force=force) as part:
        part.write_bytes(raw)
    secret = form is Form.HTML and found.pictures
    warnings = ["the page shows originals: keep it as you keep them"] if secret else []
    told = {"file": str(out), "format": form.value, "bytes": len(raw), "secret": secret}
    emit("report export", told, json=json, text=f"{out}: written ({form.value})", warnings=warnings)


def _written(form: Form, source: Path) -> Callable[[Report], bytes]:
    from velatura.report.cyclonedx import cyclonedx
    from velatura.report.dpia import dpia
    from velatura.report.page import render
    from velatura.report.reading import pictures_beside, write_report
    from velatura.report.sarif import sarif

    forms: dict[Form, Callable[[Report], bytes]] = {
        Form.HTML: lambda found: render(found, pictures_beside(source)).encode("utf-8"),
        Form.JSON: write_report,
        Form.SARIF: sarif,
        Form.CYCLONEDX: cyclonedx,
        Form.DPIA: lambda found: dpia(found).encode("utf-8"),
    }
    return forms[form]


def _output(form: Form, found: Report) -> Callable[..., AbstractContextManager[Path]]:
    from velatura.files import atomic_output, private_output

    return private_output if form is Form.HTML and found.pictures else atomic_output
