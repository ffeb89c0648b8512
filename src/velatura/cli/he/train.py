"""`velatura he train`: a linear classifier on an encrypted table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.he.app import app
from velatura.cli.options import Force, Json, Quiet

__all__ = ["train"]

EXAMPLE = "Example: velatura he train job.toml -o weights.npz; see examples/homomorphic/breast_cancer"


@app.command("train", epilog=EXAMPLE)
def train(
    job: Annotated[Path, typer.Argument(metavar="JOB.toml", help='data = "table.npz", steps = 20; every key: examples/homomorphic/breast_cancer')],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.npz", help="`coefficients`, `intercepts`, `classes` (0600)")],
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a linear classifier on a table that the trainer cannot read; you refresh the ciphertexts, a round trip a step. Both ends run here."""
    import numpy as np

    from velatura.cli.output import emit as told
    from velatura.cli.progress import progress
    from velatura.files import private_output, refuse_same
    from velatura.homomorphic.trainer import LIMITS
    from velatura.homomorphic.training_job import load_job, run_job

    refuse_same(job, out)
    with private_output(out, force=force) as part:
        spec, table, test = load_job(job)
        for one in filter(None, (spec.data, spec.test)):
            refuse_same(job.parent / one, out)
        made, found = run_job(spec, table, test, progress=progress(quiet=quiet))
        with part.open("wb") as stream:
            np.savez(stream, coefficients=made.coefficients, intercepts=made.intercepts, classes=made.classes)
    tested = "" if found.accuracy_test is None else f"; on the test table {found.accuracy_test:.4f}"
    lines = [
        f"{out}: accuracy {found.accuracy:.4f} ({found.accuracy_open:.4f} by the same steps in the open){tested}",
        f"{found.round_trips} round trips, each {found.upload_bytes / 1e3:.0f} kB to the trainer and {found.download_bytes / 1e3:.0f} kB back; "
        f"once: table {found.table_bytes / 1e6:.1f} MB, keys {found.keys_bytes / 1e6:.1f} MB",
        f"weights are off by {found.deviation:.1e} of the largest; {found.spare_bits:g} spare bits, proven, at degree {found.degree}",
        *([f"weights met the norm for which that is proven {found.bounded} times, and were kept to it"] if found.bounded else []),
        LIMITS,
    ]
    told("he train", {**_plain(found), "limits": LIMITS}, json=json, text="\n".join(lines))


def _plain(found: object) -> dict[str, object]:
    import msgspec

    made = msgspec.to_builtins(found)
    assert isinstance(made, dict)
    return made
