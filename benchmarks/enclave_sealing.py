"""What sealing a data set costs on one core: in memory, file to file, and back. `python -m benchmarks.enclave_sealing [MIB]` prints JSON.

Both files lie in the working folder, and the sync to the disk counts, beside a plain copy that is synced too. Medians of five rounds that take turns.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from velatura.crypto.aead import ChunkedAead
from velatura.crypto.secret import Secret
from velatura.enclave.datasets import Terms, open_dataset, seal, unseal
from velatura.files import atomic_output, private_output

__all__ = ["figures"]

ROUNDS = 5
TERMS = Terms(policy="00" * 32, purpose="measure", uses=1, outputs=("none",))
KEY = Secret(bytes(32))


def figures(mib: int, folder: Path) -> dict[str, dict[str, float]]:
    """MB/s by what is done: by the CPU's seconds, by those that pass, by those of the best round. folder: on the disk to measure."""
    size = mib << 20
    plain, sealed, back = folder / "plain", folder / "sealed", folder / "back"
    content = os.urandom(size)
    plain.write_bytes(content)
    held = io.BytesIO(bytes(size + (size >> 10)))

    def in_memory() -> None:
        held.seek(0)  # its memory is there from the first round on
        writer = ChunkedAead(KEY, TERMS.context).writer(held, entropy=os.urandom)
        view = memoryview(content)
        for at in range(0, size, 4 << 20):
            writer.write(view[at : at + (4 << 20)])
        writer.finish()

    def out_of_memory() -> None:
        held.truncate(held.tell())
        held.seek(0)
        assert sum(len(chunk) for chunk in ChunkedAead(KEY, TERMS.context).reader(held)) == size

    def to_file() -> None:
        with atomic_output(sealed, force=True) as part, part.open("wb") as sink:
            seal([plain], sink, TERMS, KEY, entropy=os.urandom)

    def from_file() -> None:
        with private_output(back, force=True) as part, sealed.open("rb") as source:
            assert unseal(source, part, TERMS, KEY) == size

    def copied() -> None:
        with atomic_output(sealed, force=True) as part, part.open("wb") as sink, plain.open("rb") as source:
            while piece := source.read(1 << 20):
                sink.write(piece)

    def only_read() -> None:
        with sealed.open("rb") as source:
            assert sum(len(chunk) for chunk in open_dataset(source, TERMS, KEY)[1]) == size

    steps: dict[str, Callable[[], None]] = {
        "seal in memory": in_memory,
        "unseal in memory": out_of_memory,
        "copy file to file": copied,
        "seal file to file": to_file,
        "unseal file to file": from_file,
        "read for a job": only_read,
    }
    passed: dict[str, list[float]] = {name: [] for name in steps}
    worked: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            began, busy = time.perf_counter(), time.process_time()
            step()
            passed[name].append(size / 1e6 / (time.perf_counter() - began))
            worked[name].append(size / 1e6 / (time.process_time() - busy))
    return {name: {"cpu": statistics.median(worked[name]), "clock": statistics.median(passed[name]), "best": max(passed[name])} for name in steps}


def main() -> None:
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        found = figures(mib, Path(folder))
    print(json.dumps({"mib": mib, "mb_per_s": {name: {key: round(rate) for key, rate in one.items()} for name, one in found.items()}}, indent=1))


if __name__ == "__main__":
    main()
