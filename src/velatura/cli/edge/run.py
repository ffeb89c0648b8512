"""`velatura edge run`: watch a source, and write what may leave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.edge.app import EPILOG, app
from velatura.cli.edge.words import finite
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.edge.policy import Policy
    from velatura.edge.run import Ran

__all__ = ["run"]

LEVELS = {"tracks": 1, "crossings": 2, "counts": 3}


@app.command("run", epilog=EPILOG)
def run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="a clip, a folder of clips, rtsp://CAMERA, http://CAMERA (MJPEG), /dev/videoN  [default: those of the policy]"
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="EVENTS.jsonl", help="signed events, one a line; of several cameras a folder")
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD", help="events go there too: mqtts://HOST/PREFIX#login=FILE&ca=FILE, https://HOST/PATH#token=FILE, prometheus:PORT"
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="NAME|BUNDLE", help="of `velatura models list` (yunet-n, yunet-s, centerface, fastestdet), or of `edge export`")
    ] = "yunet-n",
    verifier: Annotated[str, typer.Option(metavar="KEY.pub", help="whose BUNDLE it must be  [default: whoever it names]")] = "",
    backend: Annotated[str, typer.Option(metavar="NAME", help="what the network runs on, locked up  [default: the model's own]")] = "",
    emit: Annotated[str, typer.Option(help="counts (level 3), crossings (2) or tracks (1)  [default: by --level]")] = "",
    level: Annotated[int | None, typer.Option(metavar="N", help="privacy level: 3 counts, 2 crossings, 1 quantised tracks  [default: 3]")] = None,
    policy: Annotated[Path | None, typer.Option(metavar="POLICY.toml", help="lines, zones, masks, budget; see docs/how-to/edge.md")] = None,
    state: Annotated[Path | None, typer.Option(metavar="FOLDER", help="keeps key and what was not received  [default: for this run]")] = None,
    live: Annotated[bool, typer.Option("--live", help="play a file as a camera would: the newest frame counts")] = False,
    looks_per_s: Annotated[float, typer.Option("--looks-per-s", min=0, callback=finite, help="looks a second at most; 0: every frame")] = 0.0,
    fast_decode: Annotated[bool, typer.Option("--fast-decode", help="leave the deblocking filter out: less work, coarser pictures")] = False,
    for_s: Annotated[float, typer.Option("--for-s", min=0, callback=finite, help="end after so many seconds; 0: with the source")] = 0.0,
    allow_degraded: Annotated[
        list[str] | None, typer.Option(metavar="LAYER", help="of the confinement, may be absent (uid, namespaces, landlock ...); said in every event")
    ] = None,
    login: Annotated[Path | None, typer.Option(metavar="FILE", help="user and password of the camera, a line each; mode 0600")] = None,
    ca: Annotated[
        str, typer.Option(metavar="FILE", help="PEM: who signed a camera's certificate (rtsps, https), or it itself  [default: anybody]")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="replace EVENTS.jsonl")] = False,
    json: Json = False,
) -> int:
    """Watch a source, and write what may leave: one signed record at every tick, never more bits an hour than the policy says."""
    import signal
    import sys
    import threading
    import time

    sys.dont_write_bytecode = True  # a camera's process writes what was named to it, and no cache of Python's
    from velatura.cli.output import emit as told
    from velatura.cli.output import warn, worst
    from velatura.crypto.keyfile import load_verifier
    from velatura.edge.login import login_of
    from velatura.edge.run import run as watch
    from velatura.edge.seeing import is_bundle
    from velatura.errors import BadSpec
    from velatura.models.store import ModelStore

    chosen = _with_sinks(_policy(source, policy, emit, level, model), sink or [])
    if out is None and not chosen.sinks:
        raise BadSpec("edge.nowhere", "events go nowhere", hint="-o EVENTS.jsonl, --sink, or [[sinks]] in the policy")
    ending = threading.Event()
    until_s = time.monotonic() + for_s if for_s else float("inf")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    ran = watch(
        chosen,
        out,
        model=model,
        verifier=load_verifier(verifier) if verifier else None,
        backend=backend,
        state=state,
        live=live,
        looks_per_s=looks_per_s,
        fast=fast_decode,
        degraded=allow_degraded or (),
        force=force,
        login=login_of(login) if login is not None else None,
        ca=ca,
        failed=lambda name, error: warn(f"{name}: {error}"),
        tell=warn,
        ends=lambda: ending.is_set() or time.monotonic() > until_s,
    )
    whose = "the bundle's signer is the one that it names itself: it is whole, but whose it is was not asked (--verifier)"
    left = _left(ran, state)
    missed = [f"{camera.name}: {sentence}" for camera in ran.cameras for sentence in camera.missed]
    notes = [f"{camera.name}: {sentence}" for camera in ran.cameras for sentence in camera.notes]
    warnings = [*left, *missed, *notes, *([whose] if not verifier and is_bundle(model, ModelStore()) else [])]
    told("edge run", ran, json=json, text=_ran(ran, out), warnings=warnings)
    return worst([*(one.exit for one in ran.failed), *([1] if missed or (left and state is None) else [])])


def _policy(source: str, policy: Path | None, emit: str, level: int | None, model: str) -> Policy:
    """The file's, or one of a single camera; SOURCE is where its only camera looks."""
    from msgspec.structs import replace

    from velatura.edge.policy import Camera, Egress, Policy, load_policy
    from velatura.edge.seeing import labels_found
    from velatura.errors import BadSpec, nearest
    from velatura.models.store import ModelStore

    if emit and emit not in LEVELS:
        raise BadSpec("edge.emit", f"--emit {emit}: there is no such word", hint=nearest(emit, LEVELS))
    if level == 0:
        raise BadSpec("edge.level", "--level 0 is a still, which never goes the way of events", hint="velatura edge snapshot, at the machine")
    if level is not None and level not in LEVELS.values():
        raise BadSpec("edge.level", f"--level {level}: there is no such level", hint="3 counts, 2 crossings, 1 tracks")
    if emit and level and LEVELS[emit] != level:
        raise BadSpec("edge.emit", f"--emit {emit} is level {LEVELS[emit]}, not {level}", hint="one of both is enough")
    chosen = level or LEVELS.get(emit, 0)
    if policy is None and not source:
        raise BadSpec("edge.source", "there is nothing to look at", hint="give a SOURCE, or a policy whose cameras have one")
    if policy is None:
        camera = Camera("camera", source, labels=labels_found(model, ModelStore()), egress=Egress(level=chosen or 3))
        return Policy((camera,))
    read = load_policy(policy)
    if chosen and any(camera.egress.level != chosen for camera in read.cameras):
        raise BadSpec("edge.emit", f"{policy}: says another level than {chosen}", hint="what leaves is the policy's to say")
    if not source:
        for camera in read.cameras:
            if not camera.source:
                raise BadSpec("edge.source", f"{policy}: camera {camera.name} has no source", hint="source = 'rtsp://...' in the policy")
        return read
    if len(read.cameras) > 1:
        raise BadSpec("edge.source", f"{policy}: names {len(read.cameras)} cameras, and one SOURCE is given", hint="leave SOURCE out")
    return replace(read, cameras=(replace(read.cameras[0], source=source),))


def _with_sinks(policy: Policy, words: list[str]) -> Policy:
    from msgspec.structs import replace

    from velatura.edge.destinations import destination_of

    return replace(policy, sinks=(*policy.sinks, *(destination_of(word) for word in words)))


def _left(ran: Ran, state: Path | None) -> list[str]:
    """Sinks that did not get everything."""
    kept = f"what it did not get is kept in {state}" if state is not None else "what it did not get is lost, for there is no --state"
    return [f"{camera.name}: {name}: {word}; {kept}" for camera in ran.cameras for name, word in camera.sinks.items() if word != "ok"]


def _ran(ran: Ran, out: Path | None) -> str:
    lines = []
    for camera in ran.cameras:
        totals = ", ".join(f"{name} {value}" for name, value in camera.totals.items())
        lines.append(f"{camera.name}: {camera.records} records told, {camera.withheld} withheld{f'; {totals}' if totals else ''}; {camera.bound}")
    lines.append(f"{out}: signed by {ran.device}; velatura edge audit {out}" if out is not None else f"signed by {ran.device}")
    return "\n".join([*lines, ran.limits])
