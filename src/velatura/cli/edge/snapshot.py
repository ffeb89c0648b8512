"""`velatura edge snapshot`: one still for drawing lines and zones, for whoever sits at the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.edge.app import app
from velatura.cli.edge.words import finite
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.edge.snapshot import Snapshot

__all__ = ["snapshot"]

EXAMPLE = "Example: velatura edge snapshot rtsp://camera/stream -o still.png --policy door.toml"


@app.command("snapshot", epilog=EXAMPLE)
def snapshot(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="as of `edge run`")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="STILL.png", help=".png or .jpg; mode 0600")],
    policy: Annotated[Path | None, typer.Option(metavar="POLICY.toml", help="its masks are burned in, its lines and zones drawn")] = None,
    camera: Annotated[str, typer.Option(metavar="NAME", help="of the policy  [default: its only one]")] = "",
    at_s: Annotated[float, typer.Option("--at-s", min=0, callback=finite, help="seconds to pass over first")] = 0.0,
    login: Annotated[Path | None, typer.Option(metavar="FILE", help="user and password of the camera, a line each; mode 0600")] = None,
    ca: Annotated[
        str, typer.Option(metavar="FILE", help="PEM: who signed a camera's certificate (rtsps, https), or it itself  [default: anybody]")
    ] = "",
    yes_local: Annotated[bool, typer.Option("--yes-local", help="make it though this is no terminal, or a remote shell")] = False,
    allow_degraded: Annotated[list[str] | None, typer.Option(metavar="LAYER", help="of the confinement, may be absent")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace STILL.png")] = False,
    json: Json = False,
) -> None:
    """Write one still of a camera, masks burned in, lines and zones drawn: privacy level 0, for setting a camera up.

    Only at a terminal of this machine: stdin and stderr are terminals, and no SSH. It is never signed, never sent, and no sink takes it.
    """
    import os
    import sys

    from velatura.cli.output import emit as told
    from velatura.edge.login import login_of
    from velatura.edge.policy import Camera, load_policy
    from velatura.edge.snapshot import camera_of, refuse_elsewhere
    from velatura.edge.snapshot import snapshot as make
    from velatura.edge.sources import source_of

    refuse_elsewhere(terminal=sys.stdin.isatty() and sys.stderr.isatty(), environment=os.environ, yes_local=yes_local)
    chosen = camera_of(load_policy(policy), camera) if policy is not None else Camera()
    reached = source_of(source, login=login_of(login) if login is not None else None, ca=ca)
    made = make(reached, out, chosen, at_s=at_s, degraded=allow_degraded or (), force=force)
    warnings = [] if chosen.masks else ["no mask is burned in: the still shows all that the camera sees"]
    warnings += [f"its process did without: {', '.join(made.degraded)}"] if made.degraded else []
    told("edge snapshot", made, json=json, text=_text(made), warnings=warnings)


def _text(made: Snapshot) -> str:
    drawn = ", ".join([*(f"line {name}" for name in made.lines), *(f"zone {name}" for name in made.zones)])
    return (
        f"{made.file}: {made.width}x{made.height}, {made.masks} masks burned in{f', {drawn} drawn' if drawn else ''}; delete it when the lines stand"
    )
