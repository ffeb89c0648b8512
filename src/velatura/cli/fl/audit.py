"""`velatura fl audit`: attack a finished run's way of training, and report what still shows."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.audit.federated.names import ATTACKS
from velatura.cli.fl.app import EPILOG, app
from velatura.cli.options import Json, Quiet

if TYPE_CHECKING:
    from velatura.audit.run import Audited
    from velatura.audit.spec import AuditSpec

__all__ = ["audit"]


@app.command("audit", epilog=EPILOG)
def audit(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="a run's folder, or a job.toml")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="where report.json and report.html go")],
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"of {', '.join(ATTACKS)}; may be given again  [default: all that concern the job]")
    ] = None,
    base: Annotated[Path, typer.Option(metavar="FOLDER", help="what the job's paths are relative to; of a job.toml its own folder")] = Path(),
    data: Annotated[str, typer.Option(metavar="TABLE", help="rows to train on instead of the job's own, where they are not here")] = "",
    budget_s: Annotated[float, typer.Option("--budget-s", metavar="SECONDS", help="for all attacks together; one that it ends is named")] = 600.0,
    seed: Annotated[int, typer.Option(metavar="N", help="the same seed gives the same report")] = 1,
    require: Annotated[
        str, typer.Option(metavar="held|not-broken", help="exit with 3 where a verdict is broken (not-broken), or is not held (held)")
    ] = "not-broken",
    force: Annotated[bool, typer.Option("--force", help="replace a report that is there; finished findings that still fit are reused")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Train the run's job again under attack, as it is and without its protections, and say what each attacker gets.

    What the run's ledger says stands in the report. Exit status 3: a verdict is broken; 1: an attack failed.
    """
    from velatura.cli.output import emit as told
    from velatura.cli.verdicts import check_require, exit_status, in_words

    check_require(require)
    spec = _spec(run, out, base, data, tuple(only or ()), seed, budget_s)
    done = _audited(spec, run, out, budget_s=budget_s, force=force, quiet=quiet)
    cut = [f"the time ended {one.attack} before it was done" for one in done.report.findings if one.estimate is not None and one.estimate.cut]
    page = done.folder / "report.html" if done.folder else out
    result = {"report": done.report, "folder": str(out), "kept": done.kept}
    told("fl audit", result, json=json, text=f"{in_words(done.report)}\nopen {page}", warnings=[*done.warnings, *cut])
    return exit_status(done.report, require=require)


def _spec(run: Path, out: Path, base: Path, data: str, only: tuple[str, ...], seed: int, budget_s: float) -> AuditSpec:
    """An equal part of the time to each arm of each attack. Raises BadSpec: `federated.run`: there is no run; `files.same`."""
    from velatura.audit.spec import AuditSpec
    from velatura.errors import BadSpec
    from velatura.federated.run import refuse_inside
    from velatura.specs import convert

    job, place = (run / "job.json", str(base)) if run.is_dir() else (run, "")
    if run.is_dir():
        refuse_inside(run, out)
    if not budget_s > 0 or budget_s == float("inf"):
        raise BadSpec("audit.budget", f"a budget of {budget_s:g} seconds is not possible", hint="600, for all attacks together")
    if not job.is_file():
        raise BadSpec("federated.run", f"{job}: there is no run", hint="the folder of `velatura fl run -o`, or a job.toml")
    each_s = budget_s / 2 / len(only or ATTACKS)
    options = {"job": str(job), "base": place, "data": data, "attacks": only}
    told = {"title": f"What {run.resolve().name} still shows", "room": "federated", "seed": seed, "budget_s": each_s, "pictures": False}
    return convert({**told, "federated": options}, AuditSpec, where="the command line")


def _audited(spec: AuditSpec, run: Path, out: Path, *, budget_s: float, force: bool, quiet: bool) -> Audited:
    from velatura.audit.run import audit as play
    from velatura.cli.progress import progress

    table = spec.federated
    assert table is not None, "it was made here"
    words = ["velatura", "fl", "audit", str(run), "-o", "audit-out", *(word for name in table.attacks for word in ("--only", name))]
    words += [word for name, value in (("--base", table.base), ("--data", table.data)) if value not in ("", ".") for word in (name, value)]
    command = shlex.join([*words, "--budget-s", f"{budget_s:g}", "--seed", str(spec.seed)])
    return play(spec, out, base=Path(), command=command, force=force, progress=progress(quiet=quiet))
