"""`velatura he estimate`: cost and security of a program, on this machine where it was measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.he.app import app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.homomorphic.cost import Factors

__all__ = ["estimate"]

EXAMPLE = "Example: velatura he estimate prog/server.vlhe; once on each machine: velatura he estimate --calibrate"
FACTORS = "he-costs.json"


@app.command("estimate", epilog=EXAMPLE)
def estimate(
    server: Annotated[Path | None, typer.Argument(metavar="[PROG/server.vlhe]", help="the program", show_default=False)] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="measure SEAL on this machine (seconds), and keep the figures in the user's data folder")
    ] = False,
    json: Json = False,
) -> None:
    """Foretell time, bytes and memory of a program, and estimate its security beside the table that decides."""
    from velatura.cli.output import emit as told
    from velatura.errors import BadSpec
    from velatura.homomorphic.artefacts import load_server
    from velatura.homomorphic.cost import MEASURED
    from velatura.homomorphic.estimate import estimate as go

    if server is None and not calibrate:
        raise BadSpec("he.nothing-asked", "there is nothing to estimate", hint="a PROG/server.vlhe, or --calibrate")
    artefact = load_server(server) if server else None
    factors, where = _factors(calibrate=calibrate)
    if artefact is None:
        told("he estimate", {"measured": str(where)}, json=json, text=f"{where}: what SEAL takes on this machine")
        return
    found = go(artefact, measured=factors or MEASURED)
    each, whose = "a batch" if found.batch else "a sample", "measured on this machine" if factors else "on a machine like the one measured"
    lines = [
        f"{found.ms:.0f} ms {each} on one core (the first {found.first_ms:.0f}), {whose}; {found.rotations} rotations by {found.galois_keys} keys",
        f"upload {found.upload_bytes / 1e3:.0f} kB, result {found.result_bytes / 1e3:.0f} kB, evaluation keys {found.eval_key_bytes / 1e6:.1f} MB",
        f"memory: {found.server_bytes / 2**20:.0f} MiB at the server for each owner, {found.keygen_bytes / 2**20:.0f} MiB to make keys",
        f"security: {found.log_qp:g} of {found.allowed_log_qp} bits of primes at degree {found.n}; estimated {found.estimated_bits:.0f} bits",
    ]
    warnings = ["insecure: these parameters do not give 128 bits of security; for trials alone"] if found.insecure else []
    told("he estimate", found, json=json, text="\n".join(lines), warnings=warnings)


def _factors(*, calibrate: bool) -> tuple[tuple[Factors, ...] | None, Path]:
    from velatura.homomorphic.calibration import calibrate as measure
    from velatura.homomorphic.calibration import kept, remembered
    from velatura.models.store import home

    path = home() / FACTORS
    if calibrate:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept(measure(), path)
    return (remembered(path) if path.exists() else None), path
