"""`velatura edge verify`: try every way out of the process that sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.edge.app import app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.edge.policy import Camera
    from velatura.edge.verify import Verified

__all__ = ["verify"]

EXAMPLE = "Example: velatura edge verify --policy door.toml"


@app.command("verify", epilog=EXAMPLE)
def verify(
    policy: Annotated[Path | None, typer.Option(metavar="POLICY.toml", help="whose vision is tried, of one camera  [default: one of counts]")] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="of `velatura models list`")] = "yunet-n",
    allow_degraded: Annotated[
        list[str] | None, typer.Option(metavar="LAYER", help="of the confinement, may be absent, as of `edge run`; then this is what is tried")
    ] = None,
    json: Json = False,
) -> int:
    """Lock vision as `edge run` does, and try every way out that we know of, from inside; each must work outside, or its denial counts for nothing.

    Run by root it tries root's vision and an ordinary user's. Exit status 3 if anything gets out, 4 if a layer of the confinement is missing. Takes
    up to a minute. No camera is opened.
    """
    from velatura.cli.output import emit as told
    from velatura.edge.policy import Policy
    from velatura.edge.seeing import seeing_of
    from velatura.edge.verify import verify as try_all
    from velatura.models.store import ModelStore

    camera = _camera(policy)
    found = try_all(camera, seeing_of(model, Policy((camera,)), ModelStore(), degraded=allow_degraded or ()))
    told("edge verify", found, json=json, text=_text(found), warnings=_warnings(found))
    return 3 if found.leaks else 0


def _camera(path: Path | None) -> Camera:
    from velatura.edge.policy import Camera, load_policy
    from velatura.errors import BadSpec

    if path is None:
        return Camera()
    cameras = load_policy(path).cameras
    if len(cameras) > 1:
        raise BadSpec("edge.source", f"{path}: names {len(cameras)} cameras; one is tried at a time", hint="a policy for each camera")
    return cameras[0]


def _warnings(found: Verified) -> list[str]:
    said = [f"{column}: not run: {why}" for column, why in found.not_run.items()]
    said += [f"{column}: no {layer}: {word}" for column, held in found.layers.items() for layer, word in held.items() if word not in _HELD]
    if found.unproven:
        said.append(f"their denial proves nothing, for they do not work outside either: {', '.join(found.unproven)}")
    return said + [f"OPEN: {leak}" for leak in found.leaks]


_HELD = ("kernel", "self")


def _text(found: Verified) -> str:
    columns = list(found.layers)
    rows: list[Sequence[str]] = [("group", "probes", "work outside", *(f"denied inside: {column}" for column in columns))]
    for group in dict.fromkeys(one.group for one in found.probes):
        these = [one for one in found.probes if one.group == group]
        denied = (sum(column not in one.open_in for one in these) for column in columns)
        rows.append((group, str(len(these)), str(sum(one.outside == "OPEN" for one in these)), *map(str, denied)))
    totals = (sum(column not in one.open_in for one in found.probes) for column in columns)
    rows.append(("all", str(len(found.probes)), str(found.proven), *map(str, totals)))
    layers = [
        f"{column}: {', '.join(layer if word in _HELD else f'no {layer}' for layer, word in held.items())}; {found.threads[column] or '?'} thread"
        for column, held in found.layers.items()
    ]
    gateway = [f"  {one.name}: {one.leak or one.did or 'could not be tried'}" for one in found.gateway]
    verdict = f"{len(found.leaks)} ways out are open" if found.leaks else f"{found.proven} ways out that work outside are denied inside"
    return "\n".join([*_table(rows), "", *layers, "rogues in vision's place, at the gateway:", *gateway, "", verdict])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) if not index else cell.rjust(width) for index, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
