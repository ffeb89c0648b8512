"""`velatura edge export`: a network, tried and signed, in one file for `edge run --model`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.edge.app import app
from velatura.cli.edge.words import finite
from velatura.cli.options import Json, Quiet

if TYPE_CHECKING:
    from velatura.crypto.keys import Signer
    from velatura.edge.export import Exported
    from velatura.edge.integers import Gate

__all__ = ["export"]

EPILOG = "Example: velatura edge export yunet-n -o faces.bundle --calibrate PICTURES; velatura edge run door.mp4 --model faces.bundle -o events.jsonl"


@app.command("export", epilog=EPILOG)
def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a name of `velatura models list`, an ONNX file, MODULE:CALLABLE or a .pt2 of torch")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="BUNDLE", help="the signed file")],
    head: Annotated[str, typer.Option(metavar="NAME", help="whose outputs a file of yours has: yunet-n, yunet-s, centerface, fastestdet")] = "",
    classes: Annotated[Path | None, typer.Option(metavar="FILE", help="labels that it is used for, a line each  [default: all of its head]")] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="pixels that pictures are stretched to  [default: as its head]")] = "",
    level: Annotated[int, typer.Option(metavar="N", help="least privacy level that it may be used at: 3 counts, 2 crossings, 1 tracks")] = 3,
    events: Annotated[str, typer.Option(metavar="WORDS", help="of counts,crossings,tracks, what may be told  [default: all from that level]")] = "",
    target: Annotated[str, typer.Option(metavar="NAME", help="x86-vnni, x86 or arm: chooses the integers  [default: this machine]")] = "",
    calibrate: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="pictures or clips such as the camera sees: int8 is tried  [default: float32]")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="BOXES.json", help="precision is measured against these  [default: against float32's own boxes]")
    ] = None,
    max_drop: Annotated[float, typer.Option(metavar="POINTS", min=0, callback=finite, help="of AP50 that int8 may lose")] = 1.0,
    min_gain: Annotated[float, typer.Option(metavar="TIMES", min=0, callback=finite, help="how much faster int8 must be here")] = 1.15,
    int8: Annotated[bool, typer.Option("--int8/--no-int8", help="try 8-bit integers, where pictures are given")] = True,
    max_mb: Annotated[int, typer.Option(metavar="N", min=1, max=128, help="MiB that the network may have")] = 128,
    name: Annotated[str, typer.Option(metavar="NAME", help="that it is called in the bundle  [default: of the model]")] = "",
    licence: Annotated[str, typer.Option(metavar="SPDX", help="of the network  [default: of the catalogue]")] = "",
    signer: Annotated[Path | None, typer.Option(metavar="KEY", help="signs; made where it is missing  [default: one in velatura's folder]")] = None,
    backend: Annotated[str, typer.Option(metavar="NAME", help="what it runs on")] = "onnxruntime",
    force: Annotated[bool, typer.Option("--force", help="replace BUNDLE")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Make a bundle: the network, in int8 where that is as good and faster, what it may be used for, a self-test, a signature."""
    from velatura.cli.edge.words import lines_of, size_of
    from velatura.cli.options import words
    from velatura.cli.output import emit as told
    from velatura.cli.output import note
    from velatura.edge.export import Wish
    from velatura.edge.export import export as make
    from velatura.models.quantise import this_target

    wish = Wish(
        model=model,
        head=head,
        labels=lines_of(classes) if classes is not None else (),
        size=size_of(size) if size else None,
        name=name,
        licence=licence,
        level=level,
        events=tuple(words(events)),
        target=target or this_target(),
        backend=backend,
        most_mb=max_mb,
        gate=_gate(calibrate, labels, max_drop, min_gain) if int8 and calibrate is not None else None,
    )
    made = make(wish, out, _signer(signer), force=force, say=lambda line: None if quiet else note(line))
    told("edge export", made, json=json, text=_made(made), warnings=[])


def _gate(calibrate: Path, labels: Path | None, max_drop: float, min_gain: float) -> Gate:
    from velatura.edge.integers import Gate

    return Gate(calibrate, labels, max_drop=max_drop, min_gain=min_gain)


def _signer(path: Path | None) -> Signer:
    """The maker's key, made at the first time."""
    import os

    from velatura.crypto.keyfile import load_signer, save_private
    from velatura.crypto.keys import Signer
    from velatura.files import is_there
    from velatura.models.store import home

    chosen = path or home() / "edge" / "bundles.key"
    if not is_there(chosen):
        if path is None:
            chosen.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        save_private(Signer.new(os.urandom), chosen)
    return load_signer(chosen)


def _made(made: Exported) -> str:
    told = made.precision
    return "\n".join(
        [
            f"{made.bundle}: {made.name}, {told.chosen}, {made.size} bytes; from level {made.level} on: {', '.join(made.events)}",
            told.why,
            f"signed by {made.signer}",
            f"velatura edge run SOURCE --model {made.bundle} --verifier {made.signer} -o events.jsonl",
        ]
    )
