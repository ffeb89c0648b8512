"""`velatura he simulate`: accuracy on a data set, before a key exists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.he.app import app
from velatura.cli.options import Json, Quiet

__all__ = ["simulate"]

EXAMPLE = "Example: velatura he simulate prog test.npz"


@app.command("simulate", epilog=EXAMPLE)
def simulate(
    program: Annotated[Path, typer.Argument(metavar="PROG", help="the folder of `velatura he compile`")],
    samples: Annotated[Path, typer.Argument(metavar="X.npz", help="`x`, and `y` with their labels for the accuracy")],
    clip: Annotated[bool, typer.Option("--clip", help="bring values outside the calibrated range to its bounds, in place of refusing them")] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="of the noise")] = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a program on readable numbers with the noise that encryption has: accuracy, error and spare bits, without keys and in seconds."""
    import numpy as np

    from velatura.cli.output import emit as told
    from velatura.cli.progress import progress
    from velatura.homomorphic.artefacts import CLIENT, SERVER, load_client, load_server
    from velatura.homomorphic.client_input import checked_input
    from velatura.homomorphic.samples import load_samples
    from velatura.homomorphic.simulate import simulate as go

    server, client = load_server(program / SERVER), load_client(program / CLIENT)
    read = load_samples(samples)
    x = checked_input(client, read.x, clip=clip)
    found = go(server, client, x, read.labels, rng=np.random.default_rng(seed), progress=progress(quiet=quiet))
    lines = [f"{found.samples} samples: {found.agreement:.2%} keep the label of exact arithmetic; error {found.error:.1e} of the largest output"]
    if found.accuracy is not None and found.accuracy_exact is not None:
        lines.insert(0, f"accuracy {found.accuracy:.4f}; exact arithmetic {found.accuracy_exact:.4f}")
    lines.append(f"least room: {found.spare_bits:.1f} spare bits, at {found.least_at}; decrypting all this takes {found.queries} queries of a key")
    warnings = [f"a value wrapped at {found.least_at}: real answers would be garbage"] if found.spare_bits < 0 else []
    told("he simulate", found, json=json, text="\n".join(lines), warnings=warnings)
