"""Three hospitals train on a table together: what would leave each, what the model is worth, and what each would have had alone.

    python examples/federated/table/run_example.py [RUN]

RUN: a new folder for the run; without one it is removed at the end. Needs pip install 'velatura[fl,train]'. Nothing leaves this machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
JOB = HERE / "job.toml"
NAMES = ("north", "south", "west")


def main() -> int:
    from velatura.federated.job import load_job
    from velatura.federated.site import pooled, split

    job = load_job(JOB)
    rows, test = pooled(job, HERE)
    assert test is not None, "the job keeps rows to judge by"
    own = [rows.rows(part) for part in split(job, rows)]
    with tempfile.TemporaryDirectory(prefix="velatura-example-") as scratch:
        for name, table in zip(NAMES, own, strict=True):
            np.savez(Path(scratch) / f"{name}.npz", x=table.x, y=table.y)
            print(f"{name}: {len(table)} patients; velatura fl preview job.toml --data {name}.npz says:")
            print("    " + velatura("preview", str(JOB), "--data", str(Path(scratch) / f"{name}.npz")).replace("\n", "\n    "))
        run = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch) / "run"
        print("together: " + velatura("run", str(JOB), "-o", str(run), "--quiet").splitlines()[0])
    for name, table in zip(NAMES, own, strict=True):
        print(f"{name} alone: accuracy {alone(job, table, test):.4f}")
    return 0


def alone(job, table, test) -> float:  # type: ignore[no-untyped-def]
    """The same network and as many passes over one hospital's rows."""
    from msgspec.structs import replace

    from velatura.federated.networks import made
    from velatura.federated.training import judged, trained

    network = made(job.model.network, table.schema, seed=job.seed)
    trained(network, table, replace(job.training, epochs=job.training.epochs * job.rounds.count), seed=job.seed)
    return judged(network, test)[1]


def velatura(*words: str) -> str:
    """What the command line says. Ends the example where it fails; it has said why."""
    done = subprocess.run([Path(sys.executable).parent / "velatura", "fl", *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
