"""`velatura fl up`: a federation's processes."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.fl.app import app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.federated.deploy.asked import Asked, AskedSite
    from velatura.federated.deploy.folder import Federation

__all__ = ["State", "up"]

EXAMPLE = "Example: velatura fl up --nodes 3; velatura fl run job.toml --engine superlink -o run; velatura fl down"

KEPT = "[default: as the folder was started before; or {}]"

State = Annotated[
    Path | None,
    typer.Option("--state", "-o", metavar="FOLDER", help="keys, certificates, registry, logs  [default: federation in the user's data folder]"),
]


@app.command("up", epilog=EXAMPLE)
def up(
    nodes: Annotated[
        int | None, typer.Option(min=0, max=1000, metavar="N", help=f"sites on this machine; 0: the server alone  {KEPT.format(2)}")
    ] = None,
    state: State = None,
    host: Annotated[str, typer.Option(metavar="ADDR", help=f"address that the server listens on  {KEPT.format('127.0.0.1')}")] = "",
    port: Annotated[int | None, typer.Option(min=1, max=65535, metavar="PORT", help=f"of the server  {KEPT.format(9443)}")] = None,
    name: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="by which sites reach the server; into its certificate; again for more")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="TABLE", help=f"a site's own rows, once for each site  {KEPT.format('the job, dealt')}")
    ] = None,
    renew: Annotated[bool, typer.Option("--renew", help="make the server's certificate anew")] = False,
    register: Annotated[list[Path] | None, typer.Option(metavar="SITE.pub", help="let a site of another machine in; the server runs")] = None,
    join: Annotated[str, typer.Option(metavar="HOST:PORT", help="be one site of a server elsewhere; with --ca, --site, --partition, --data")] = "",
    ca: Annotated[Path | None, typer.Option(metavar="CA.crt", help="the server's authority, by a way that you trust")] = None,
    site: Annotated[str, typer.Option(metavar="NAME", help=f"of this site; its key is keys/NAME(.pub)  {KEPT.format('site')}")] = "",
    partition: Annotated[
        int | None, typer.Option(min=0, metavar="I", help=f"this site's number, from 0; no two have the same  {KEPT.format(0)}")
    ] = None,
    of: Annotated[int | None, typer.Option(min=1, metavar="N", help=f"sites in all  {KEPT.format(1)}")] = None,
    peers: Annotated[Path | None, typer.Option(metavar="PEERS", help="the lines of all sites, for secure aggregation; got from them")] = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="turn into the server (--nodes 0) or the site (--join), for systemd")] = False,
    wait_s: Annotated[float, typer.Option(min=1, max=86400, metavar="S", help="seconds for the server, and for its sites")] = 120.0,
    json: Json = False,
) -> int:
    """Start a federation on Flower's server and sites, with TLS and a key for each site; returns when all are there, or leaves nothing running.

    Its folder keeps what it was started with: after `fl down`, `fl up` alone starts the same one, a server or a site.
    """
    from velatura.errors import BadSpec
    from velatura.federated.deploy.asked import Asked, AskedSite
    from velatura.federated.deploy.engine import default_folder
    from velatura.federated.deploy.folder import opened

    if isnan(wait_s):  # within any range, by the rules of comparison
        raise BadSpec("federated.wait", "--wait-s nan: waiting has a limit", hint="--wait-s 120")
    path = state or default_folder()
    if register:
        return _register(path, register, json=json)
    old = opened(path).told if (path / "federation.json").exists() else None
    asked = Asked(nodes, host, port, tuple(name or ()), tuple(data or ()), renew)
    if join or (old is not None and not old.bind and asked in (Asked(), Asked(data=asked.data))):
        asked_site = AskedSite(join, ca, site, partition, of, data[0] if data else "")
        return _join(path, asked_site, old, peers, foreground=foreground, wait_s=wait_s, json=json)
    return _serve(path, asked, old, foreground=foreground, wait_s=wait_s, json=json)


def _serve(path: Path, asked: Asked, old: Federation | None, *, foreground: bool, wait_s: float, json: bool) -> int:
    from velatura.cli.output import emit as told
    from velatura.errors import BadSpec
    from velatura.federated.deploy.start import become
    from velatura.federated.deploy.up import prepare
    from velatura.federated.deploy.up import up as start

    if foreground:
        if asked.nodes or (asked.nodes is None and (old is None or old.nodes)):
            raise BadSpec(
                "federated.foreground", "one process cannot be server and sites", hint="--foreground --nodes 0; each site: --foreground --join"
            )
        become(prepare(path, asked), None)
    found = start(path, asked, wait_s=wait_s)
    sites = f"{len(found.nodes)} sites: {', '.join(found.nodes)}" if found.nodes else "no site yet: --register SITE.pub lets one in"
    lines = [f"{found.address}: up after {found.seconds:g} s, process {found.pid}; {sites}"]
    lines.append(f"{found.folder}: keys and certificate (until {found.certificate_ends}); velatura fl status, velatura fl down")
    told("fl up", found, json=json, text="\n".join(lines))
    return 0


def _register(path: Path, keys: list[Path], *, json: bool) -> int:
    from velatura.cli.output import emit as told
    from velatura.federated.deploy.folder import opened
    from velatura.federated.deploy.up import register
    from velatura.federated.quiet import switch_off

    folder = opened(path)
    switch_off(folder.home("command"))
    new = register(folder, keys)
    text = f"let in: {', '.join(new)}" if new else "all of them were let in before"
    told("fl up", {"folder": str(path), "registered": new}, json=json, text=text)
    return 0


def _join(path: Path, asked: AskedSite, old: Federation | None, peers: Path | None, *, foreground: bool, wait_s: float, json: bool) -> int:
    from velatura.cli.output import emit as told
    from velatura.federated.deploy.asked import site
    from velatura.federated.deploy.site import admitted, join
    from velatura.federated.deploy.start import become
    from velatura.federated.deploy.up import prepare_site

    address, authority, one = site(asked, old, path)
    folder = prepare_site(path, address, authority, one, peers=peers)
    if foreground:
        admitted(folder)
        become(folder, one)
    pid = join(folder, wait_s=wait_s)
    told("fl up", {"folder": str(path), "address": address, "site": one.name, "pid": pid}, json=json, text=f"{one.name}: at {address}, process {pid}")
    return 0
