"""`velatura audit`: protect, attack, verdict, from a spec, in one run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.options import Json, Quiet

__all__ = ["EPILOG", "NO_ARGS_IS_HELP", "command"]

NO_ARGS_IS_HELP = True
EPILOG = """\b
A spec, AUDIT.toml:
  title = "Faces of the spring issue"
  room = "obfuscation"
  seed = 1
  [obfuscation]
  methods = ["fill", "pixelate:16px"]
  people = "faces"            a folder with a folder of pictures for each person
\b
Example: velatura audit AUDIT.toml -o audit-out"""


def command(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="what is protected how, and attacked by what")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="where report.json, report.html and pictures go")],
    require: Annotated[
        str, typer.Option(metavar="held|not-broken", help="exit with 3 where a verdict is broken (not-broken), or is not held (held)")
    ] = "not-broken",
    force: Annotated[bool, typer.Option("--force", help="replace a report that is there; finished findings that still fit are reused")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Attack what velatura protects, and report what still shows.

    Each attack plays the unprotected and the protected side of the same data in the same run. An audit that was interrupted goes on with the
    attacks that are missing. Exit status 3: a verdict is broken; 1: an attack failed. The same seed gives the same report.
    """
    from velatura.audit.run import audit
    from velatura.cli.output import emit
    from velatura.cli.progress import progress
    from velatura.cli.verdicts import check_require, exit_status, in_words

    check_require(require)
    done = audit(spec, out, command=shlex.join(["velatura", "audit", spec.name, "-o", "audit-out"]), force=force, progress=progress(quiet=quiet))
    page = done.folder / "report.html" if done.folder else out
    secret = " (it shows originals: keep it like them)" if done.report.pictures else ""
    again = f"{done.kept} of {len(done.report.findings)} findings were there from an earlier run\n" if done.kept else ""
    result = {"report": done.report, "folder": str(out), "kept": done.kept}
    emit("audit", result, json=json, text=f"{in_words(done.report)}\n{again}open {page}{secret}", warnings=done.warnings)
    return exit_status(done.report, require=require)
