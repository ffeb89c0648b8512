"""`velatura edge receive`: the consumer's side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.edge.app import app
from velatura.cli.edge.words import finite
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.crypto.keys import Verifier
    from velatura.edge.consume import Received

__all__ = ["receive"]

EXAMPLE = "Example: velatura edge receive --mqtt mqtts://broker/velatura#login=FILE --verifier KEY.pub --camera door -o received.jsonl"


@app.command("receive", epilog=EXAMPLE)
def receive(
    out: Annotated[Path, typer.Option("--output", "-o", metavar="RECEIVED.jsonl", help="whole, verified events; continued where it is there")],
    verifier: Annotated[str, typer.Option(metavar="KEY.pub", help="the device's public key; the first event states it")],
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="a file of lines, or - for stdin; without --mqtt", show_default=False)] = "",
    camera: Annotated[str, typer.Option(metavar="NAME", help="of the device's cameras")] = "camera",
    mqtt: Annotated[str, typer.Option(metavar="WORD", help="mqtts://HOST/PREFIX#login=FILE&ca=FILE; receipts go back")] = "",
    for_s: Annotated[float, typer.Option("--for-s", min=0, callback=finite, help="end after so many seconds; 0: with Ctrl-C or SIGTERM")] = 0.0,
    force: Annotated[bool, typer.Option("--force", help="replace RECEIVED.jsonl, and forget what came before")] = False,
    json: Json = False,
) -> int:
    """Take in events: each is verified, repeated ones are dropped, a fork is refused, a missing one waited for; exit status 3 where not all held."""
    from velatura.cli.output import emit as told
    from velatura.cli.output import warn
    from velatura.crypto.keyfile import load_verifier
    from velatura.edge.consume import from_lines
    from velatura.edge.policy import is_name
    from velatura.errors import BadSpec

    if bool(file) == bool(mqtt):
        raise BadSpec("edge.receive", "events come from a FILE, or from --mqtt", hint="one of both")
    if not is_name(camera):
        raise BadSpec("edge.receive", f"--camera {camera}: there can be no camera of that name", hint="as the device's policy names it")
    key = load_verifier(verifier)
    if file:
        done = from_lines(_lines(file), key, camera, out, force=force, told=lambda error: warn(str(error)))
    else:
        done = _from_broker(mqtt, key, camera, out, force=force, for_s=for_s)
    warnings = [f"events after {done.last} are missing [edge.gap]"] if done.missing else []
    told("edge receive", done, json=json, text=_text(done, out), warnings=warnings)
    return 3 if done.refused or done.missing else 0


def _from_broker(word: str, key: Verifier, camera: str, out: Path, *, force: bool, for_s: float) -> Received:
    """Until Ctrl-C, SIGTERM, or so many seconds."""
    import signal
    import threading
    import time

    from velatura.cli.output import warn
    from velatura.edge.consume import from_broker
    from velatura.edge.destinations import ToMqtt, destination_of
    from velatura.errors import BadSpec

    broker = destination_of(word)
    if not isinstance(broker, ToMqtt):
        raise BadSpec("edge.receive", "--mqtt names no broker", hint="mqtts://HOST/PREFIX#login=FILE")
    ending, until_s, states = threading.Event(), time.monotonic() + for_s if for_s else float("inf"), [""]

    def unreached(state: str) -> None:
        if state != states[-1]:
            states.append(state)
            warn(f"the broker: {state}; tried again")

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    return from_broker(
        broker,
        key,
        camera,
        out,
        force=force,
        told=lambda error: warn(str(error)),
        ends=lambda: ending.is_set() or time.monotonic() > until_s,
        pause=lambda seconds: ending.wait(min(seconds, max(until_s - time.monotonic(), 0.0))),
        unreached=unreached,
    )


def _lines(word: str) -> Iterator[bytes]:
    import sys

    from velatura.edge.chain_audit import lines_in, lines_of

    if word == "-":
        yield from lines_in(sys.stdin.buffer, where="stdin")
        return
    yield from lines_of(Path(word))


def _text(done: Received, out: Path) -> str:
    parts = [f"{out}: {done.events} events of camera {done.camera} of device {done.device}, up to {done.last}"]
    parts += [f"{done.repeated} came again"] if done.repeated else []
    parts += [f"{done.refused} were not believed"] if done.refused else []
    parts += [f"{done.lost} are lost, says the device"] if done.lost else []
    return "; ".join(parts)
