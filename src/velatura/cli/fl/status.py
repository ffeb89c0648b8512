"""`velatura fl status`: a federation's server and sites, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from velatura.cli.fl.app import app
from velatura.cli.fl.up import EXAMPLE, State
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.federated.deploy.status import Status

__all__ = ["status"]


@app.command("status", epilog=EXAMPLE)
def status(state: State = None, json: Json = False) -> int:
    """Tell how a federation is, and why a site does not come: exit status 0 where all is well, 1 where something is not."""
    from velatura.cli.output import emit as told
    from velatura.federated.deploy.engine import default_folder
    from velatura.federated.deploy.folder import opened
    from velatura.federated.deploy.status import look

    found = look(opened(state or default_folder()))
    told("fl status", found, json=json, text=_text(found))
    return 0 if found.well else 1


def _text(found: Status) -> str:
    server = found.server
    lines = [f"{' ' if server.well else '!'} server {server.address}: {server.state}{f', process {server.pid}' if server.pid else ''}"]
    lines += [f"  certificate for {', '.join(server.names)}, {server.begins} to {server.ends}"] if server.ends else []
    for node in found.nodes:
        where = f", process {node.pid}" if node.pid else ", elsewhere" if not node.here else ""
        lines.append(f"{' ' if node.well else '!'} {node.name}: {node.state}{where}{f' -> {node.next}' if node.next else ''}")
    lines += [f"! {found.stray} processes of an earlier life are left -> velatura fl down"] if found.stray else []
    return "\n".join(lines + ([f"-> {server.next}"] if server.next else []))
