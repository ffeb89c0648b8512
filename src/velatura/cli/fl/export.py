"""`velatura fl export`: the model of a run, for others to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.fl.app import app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.federated.export import Exported

__all__ = ["export"]

EPILOG = "Example: velatura fl export run --safetensors model.safetensors --onnx model.onnx"


@app.command("export", epilog=EPILOG)
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="the folder of `velatura fl run -o`")],
    safetensors: Annotated[Path | None, typer.Option(metavar="FILE", help="the weights")] = None,
    onnx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the network with its weights, tried by onnxruntime against torch; needs the extra: export")
    ] = None,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="take the last whole round of a run that has no end")] = False,
    base: Annotated[Path, typer.Option(metavar="FOLDER", help="of job.toml: needed for --onnx with --unfinished, or a network of yours")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="replace FILE")] = False,
    json: Json = False,
) -> None:
    """Write the final model as safetensors, as ONNX, or both. What the model tells of those whose rows it saw goes with it."""
    from velatura.cli.output import emit as told
    from velatura.federated.export import export as write

    wrote = write(run, safetensors=safetensors, onnx=onnx, base=base, unfinished=unfinished, force=force)
    warnings = [f"of round {wrote.rounds} of {wrote.of}: the run has no end"] if wrote.rounds < wrote.of else []
    told("fl export", wrote, json=json, text=_told(wrote), warnings=warnings)


def _told(wrote: Exported) -> str:
    lines = [f"{', '.join(wrote.files)}: {wrote.parameters} parameters after {wrote.rounds} rounds"]
    if wrote.difference is not None:
        lines.append(f"onnxruntime and torch agree on random rows to {wrote.difference:.1g}")
    if wrote.epsilon is None:
        lines.append("nothing bounds what these weights tell of single rows")
    else:
        lines.append(f"epsilon {wrote.epsilon:.3f} for each {'row' if wrote.level == 'sample' else 'site'}")
    return "\n".join(lines)
