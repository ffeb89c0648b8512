"""`velatura he encrypt`: samples to ciphertexts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.he.app import ClientFile, Secret, app
from velatura.cli.options import Force, Json, Quiet

__all__ = ["encrypt"]

EXAMPLE = "Example: velatura he encrypt prog/client.vlhe --key keys/secret.key x.npz -o in.ct"


@app.command("encrypt", epilog=EXAMPLE)
def encrypt(
    client: ClientFile,
    samples: Annotated[Path, typer.Argument(metavar="X.npz", help="`x`: (samples, ...) as the model takes them")],
    key: Secret,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="IN.ct", help="for the server")],
    clip: Annotated[bool, typer.Option("--clip", help="bring values outside the calibrated range to its bounds, in place of refusing them")] = False,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Encrypt samples for the server. A value outside the calibrated range is refused, by its place, or clipped: it could wrap unseen."""
    from velatura.cli.output import emit as told
    from velatura.cli.progress import progress
    from velatura.files import atomic_output, refuse_same
    from velatura.homomorphic.client import Client
    from velatura.homomorphic.client_input import number_outside
    from velatura.homomorphic.samples import load_samples
    from velatura.homomorphic.wire import read_header

    refuse_same(samples, out)
    with Client(client, key) as owner, atomic_output(out, force=force) as part:
        x = load_samples(samples).x
        message = owner.encrypt(x, clip=clip, progress=progress(quiet=quiet))
        clipped = number_outside(owner.artefact, x)
        part.write_bytes(message)
    count = read_header(message).count
    told(
        "he encrypt",
        {"file": str(out), "ciphertexts": count, "bytes": len(message), "clipped": clipped},
        json=json,
        text=f"{out}: {count} ciphertexts, {len(message) / 1e3:.0f} kB",
        warnings=[f"values outside the calibrated range, brought to its bounds: {clipped}; answers are for what was encrypted"] if clipped else [],
    )
