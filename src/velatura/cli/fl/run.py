"""`velatura fl run`: a job from start to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.fl.app import EPILOG, app
from velatura.cli.options import Json, Quiet

if TYPE_CHECKING:
    from velatura.federated.run import Ran

__all__ = ["run"]

CLIENTS = 10


@app.command("run", epilog=EPILOG)
def run(
    job: Annotated[Path, typer.Argument(metavar="JOB.toml|APP", help="a job (docs/how-to/federated.md), or the folder of a plain Flower app")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="RUN", help="a new folder: checkpoint, history, final model")],
    engine: Annotated[str, typer.Option(metavar="NAME", help="local: in this process; ray: in some; superlink: of `fl up`")] = "local",
    state: Annotated[Path | None, typer.Option(metavar="FOLDER", help="of `fl up`, for the engine superlink  [default: that of `fl up`]")] = None,
    nodes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="clients of a Flower app; a job names its own  [default: 10; those of `fl up`]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with RUN after its last whole round")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Run a job's rounds. A reply that is not believed is named and left out; a budget of epsilon that is spent ends the run with exit status 3."""
    from velatura.cli.output import emit as told
    from velatura.cli.progress import progress
    from velatura.federated.flower_app import is_app
    from velatura.federated.job import load_job
    from velatura.federated.run import run as train

    engine = f"{engine}:{state}" if state is not None else engine
    if is_app(job):
        return _app(job, out, nodes=nodes, engine=engine, resume=resume, json=json)
    ran = train(load_job(job), out, engine=engine, base=job.parent, resume=resume, progress=progress(quiet=quiet))
    warnings = [f"{count} replies left out: {why}" for why, count in sorted(ran.refused.items())]
    if ran.sites == 1:
        warnings.append("one site: this is training at one place, and nothing of it is federated")
    if ran.stopped:
        warnings.append(f"ended after {ran.rounds} rounds: {ran.stopped}")
    told("fl run", ran, json=json, text=_ran(ran), warnings=warnings)
    return 3 if ran.stopped else 0


def _app(folder: Path, out: Path, *, nodes: int | None, engine: str, resume: bool, json: bool) -> int:
    """A plain Flower app; RUN holds whose replies were left out, and why."""
    from velatura.cli.output import emit as told
    from velatura.errors import BadSpec
    from velatura.federated.engines import DEPLOYED, EVERY, refuse_engine
    from velatura.federated.flower_app import replies_told, run_folder

    refuse_engine(engine)
    if resume:
        raise BadSpec("federated.app", f"{folder}: how a Flower app resumes is its own affair", hint="without --resume")
    if out.exists():
        raise BadSpec("files.exists", f"{out} exists", hint="another folder")
    ran = run_folder(folder, nodes=nodes or (EVERY if engine.partition(":")[0] == DEPLOYED else CLIENTS), engine=engine)
    replies_told(out, ran.replies)
    warnings = [f"{count} replies left out: {why}" for why, count in sorted(ran.refused.items())]
    told("fl run", ran, json=json, text=f"{ran.app}: ran with {ran.nodes} nodes; {out}: replies that were left out", warnings=warnings)
    return 0


def _ran(ran: Ran) -> str:
    figures = []
    if ran.accuracy is not None:
        figures.append(f"accuracy {ran.accuracy:.4f} on the server's test rows")
    elif ran.sites_accuracy is not None:
        figures.append(f"accuracy {ran.sites_accuracy:.4f} as sites judge it")
    if ran.by_site:
        worst = min(ran.by_site, key=ran.by_site.__getitem__)
        figures.append(f"sites judge it from {ran.by_site[worst]:.4f} (site {worst}) to {max(ran.by_site.values()):.4f}")
    if ran.epsilon is not None:
        figures.append(f"epsilon {ran.epsilon:.3f} at delta {ran.delta:g} for each {ran.unit}")
    changed = f", {ran.unchanged} of them without effect" if ran.unchanged else ""
    first = f"{ran.folder}: {ran.rounds} rounds of {ran.sites} sites{changed}, {ran.parameters} parameters, {ran.seconds:.1f} s"
    return "\n".join(["; ".join([first, *figures]), ran.limits])
