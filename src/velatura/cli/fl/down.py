"""`velatura fl down`: a federation ends."""

from __future__ import annotations

from typing import Annotated

import typer

from velatura.cli.fl.app import app
from velatura.cli.fl.up import EXAMPLE, State
from velatura.cli.options import Json

__all__ = ["down"]


@app.command("down", epilog=EXAMPLE)
def down(
    state: State = None,
    forget: Annotated[bool, typer.Option("--forget", help="remove the folder: keys, certificates, registry, logs")] = False,
    json: Json = False,
) -> int:
    """End every process of a federation on this machine, helpers too. Keys stay for the next `fl up`."""
    from velatura.cli.output import emit as told
    from velatura.federated.deploy.down import down as end
    from velatura.federated.deploy.engine import default_folder
    from velatura.federated.deploy.folder import opened

    found = end(opened(state or default_folder()), forget=forget)
    killed = f", {found.killed} of them killed" if found.killed else ""
    kept = "its folder is removed" if found.forgotten else "keys stay"
    told("fl down", found, json=json, text=f"{found.folder}: {found.ended} processes ended{killed} in {found.seconds:g} s; {kept}")
    return 0
