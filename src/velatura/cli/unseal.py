"""`velatura unseal`: put back what was sealed, with the recipient's key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.options import Json, Quiet

__all__ = ["EPILOG", "NO_ARGS_IS_HELP", "command"]

EPILOG = "Example: velatura unseal street-safe.mp4 --identity me.key -o street.mkv"
NO_ARGS_IS_HELP = True


def command(
    public: Annotated[Path, typer.Argument(metavar="PUBLIC", help="the protected picture or clip, as it was made")],
    identity: Annotated[Path, typer.Option("--identity", metavar="KEY", help="the private key that it was sealed to")],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="a lossless file: .png .tiff .webp, or .mkv for a clip; made with mode 0600")
    ],
    sidecar: Annotated[
        Path | None, typer.Argument(metavar="[SIDECAR]", help="its sidecar; if not given: the one that PUBLIC carries, else PUBLIC.vseal")
    ] = None,
    track: Annotated[int | None, typer.Option("--track", metavar="N", min=0, help="only this track; all if not given")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace OUT")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Restore what was sealed, bit by bit as it was decoded, all of it or one track.

    Elsewhere OUT shows what PUBLIC shows. Exit status 3 if the key is another one, or if a bit of PUBLIC or SIDECAR was changed.
    """
    from dataclasses import asdict

    from velatura.cli.output import emit
    from velatura.cli.progress import progress
    from velatura.crypto.keyfile import load_identity
    from velatura.files import refuse_same
    from velatura.obfuscation.unseal import unseal

    key = load_identity(identity)
    refuse_same(identity, out)
    done = unseal(public, sidecar, identity=key, out=out, track=track, force=force, progress=progress(quiet=quiet))
    warnings = [f"{out} shows what was protected: it has mode 0600, keep it so"]
    if done.still_black:
        warnings.append(f"parts stay black: they lie under {_tracks(done.still_black)}, which was covered before; unseal without --track shows them")
    regions, frames = _counted(done.restored, "region"), _counted(done.frames, "frame")
    text = f"{out}: {regions} of {_tracks(done.tracks)} restored in {frames}"
    emit("unseal", {**asdict(done), "out": str(out)}, json=json, text=text, warnings=warnings)


def _tracks(numbers: tuple[int, ...]) -> str:
    return ("track " if len(numbers) == 1 else "tracks ") + (", ".join(map(str, numbers)) or "(none)")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
