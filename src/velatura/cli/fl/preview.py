"""`velatura fl preview`: what would leave a site, before it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.fl.app import EPILOG, app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.federated.preview import Preview

__all__ = ["preview"]


@app.command("preview", epilog=EPILOG)
def preview(
    job: Annotated[Path, typer.Argument(metavar="JOB.toml", help="the job that a site is asked to take part in")],
    data: Annotated[str, typer.Option(metavar="TABLE", help="the site's own .npz, .csv or folder  [default: the job's source]")] = "",
    json: Json = False,
) -> None:
    """Say what would leave this site, how often, and who would see it. Nothing is sent and nothing is trained."""
    from velatura.cli.output import emit as told
    from velatura.federated.job import load_job
    from velatura.federated.preview import preview as look

    found = look(load_job(job), base=job.parent, data=data)
    told("fl preview", found, json=json, text=_told(found))


def _told(found: Preview) -> str:
    lines = [
        f"{found.rows} rows of shape {found.row_shape}, {found.classes} classes: they stay here",
        *_columns(found),
        f"once leave: {', '.join(found.once)}",
        f"in {found.rounds:g} rounds leave each time: {', '.join(found.each_round)}, and {len(found.arrays)} arrays of {found.bytes} bytes",
        *(f"    {array.name} {array.type} {array.shape}" for array in found.arrays),
        f"a single update is seen by {found.sees}",
    ]
    if found.epsilon is None:
        lines.append("nothing bounds what these arrays tell of single rows")
    else:
        what = "each row's gradient is" if found.unit == "row" else "updates are"
        of = f"epsilon {found.epsilon:.3f} at delta {found.delta:g} for each {found.unit}"
        lines.append(f"{what} clipped to norm {found.clip:g}; what leaves in the whole run has {of}")
    return "\n".join(lines)


def _columns(found: Preview) -> list[str]:
    """Which column is what, and which class has which number: whoever has them in another order trains on something else."""
    labels = [f"{number} {name} ({count} rows)" for number, (name, count) in enumerate(zip(found.names, found.labels, strict=False))]
    told = [f"    label: column {found.label!r}", f"    features: {', '.join(found.features)}"] if found.label else []
    return [*told, f"    classes: {', '.join(labels)}"] if labels else told
