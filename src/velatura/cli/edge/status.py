"""`velatura edge status`: how a run is, in states with names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from velatura.cli.edge.app import app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.edge.status import Fact, Status

__all__ = ["status"]

DEFAULT = Path("/var/lib/velatura-edge")
EXAMPLE = "Example: velatura edge status /var/lib/velatura-edge"


@app.command("status", epilog=EXAMPLE)
def status(
    folder: Annotated[Path, typer.Argument(metavar="[STATE_FOLDER]", help="of `edge run --state`", show_default=True)] = DEFAULT,
    json: Json = False,
) -> int:
    """Tell how a run is, while it runs and after: exit status 0 where all is well, 3 where something is not (docs/reference/edge-states.md)."""
    from velatura.cli.output import emit as told
    from velatura.edge.status import facts, life_of, read_status

    read = read_status(folder)
    found = list(facts(read, life_of(read, folder)))
    told("edge status", _result(read, found), json=json, text=_text(read, found))
    return 3 if any(fact.state.grade == "fault" for fact in found) else 0


def _result(read: Status, found: list[Fact]) -> dict[str, Any]:
    states = [
        {
            "camera": fact.of,
            "what": fact.what,
            "state": fact.word,
            "since_s": fact.since_s,
            "grade": fact.state.grade,
            "means": fact.state.means,
            "next": fact.state.next,
        }
        for fact in found
    ]
    cameras = [
        {
            "name": one.name,
            "seq": one.seq,
            "head": one.head,
            "restarts": one.restarts,
            "held": one.held,
            "degraded": one.degraded,
            "error": one.error,
            "hint": one.hint,
        }
        for one in read.cameras
    ]
    well = all(fact.state.grade != "fault" for fact in found)
    return {"device": read.device, "began_s": read.began_s, "written_s": read.written_s, "well": well, "states": states, "cameras": cameras}


def _text(read: Status, found: list[Fact]) -> str:
    lines = [f"device {read.device}, velatura {read.version}, as of {_time(read.written_s)}"]
    for name in ("", *(camera.name for camera in read.cameras)):
        lines += [_line(fact) for fact in found if fact.of == name]
        lines += [line for camera in read.cameras if camera.name == name for line in _rest(camera)]
    return "\n".join(lines)


def _line(fact: Fact) -> str:
    sign = {"well": " ", "note": "-", "fault": "!"}[fact.state.grade]
    place = f"{fact.of}: {fact.what}" if fact.of else fact.what
    more = f": {fact.state.means}" + (f" -> {fact.state.next}" if fact.state.next else "")
    return f"{sign} {place}: {fact.word} since {_time(fact.since_s)}{'' if fact.state.grade == 'well' else more}"


def _rest(camera: Any) -> list[str]:
    lines = [
        f"  {camera.name}: held: {', '.join(camera.held) or 'nothing yet'}" + (f"; not: {', '.join(camera.degraded)}" if camera.degraded else "")
    ]
    if camera.seq >= 0:
        lines.append(f"  {camera.name}: last event on disk: velatura edge audit --at-least {camera.seq}:{camera.head}")
    if camera.error:
        lines.append(f"! {camera.name}: {camera.error}" + (f" -> {camera.hint}" if camera.hint else ""))
    return lines


def _time(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
