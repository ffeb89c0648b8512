"""Peak memory of `velatura remove` on a clip of ten minutes of 1280x720, through the command line with its defaults and FastestDet.

A page of its own, for it takes half an hour: `docs/benchmarks/removal.md` repeats its row. How it is measured: `benchmarks/removal_costs.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.page import Row, table, write
from benchmarks.removal_costs import peak_mib
from benchmarks.removal_runs import detecting

MOST_BYTES = 1.2e9
RATE = 25


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.removal_memory")
    parser.add_argument("--seconds", type=int, action="append", metavar="N", help="of the clip; may be given several times  [default: 20 600]")
    given = parser.parse_args(words)
    peaks: dict[int, float] = {}
    for seconds in given.seconds or (20, 600):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            peaks[seconds] = peak_mib(folder, detecting(folder / "home"), frames=seconds * RATE)
            print(f"{seconds} s: {peaks[seconds]:.0f} MiB", flush=True)
    longest = max(peaks)
    row = Row(f"memory, {longest / 60:g} minutes of 720p", "<= 1.2 GB", f"{peaks[longest]:.0f} MiB", peaks[longest] * 2**20 <= MOST_BYTES)
    body = f"{__doc__}\n{table(['seconds of 1280x720', 'peak, MiB'], [[seconds, f'{peak:.0f}'] for seconds, peak in peaks.items()])}"
    figures = {"peak_mib": {str(seconds): peak for seconds, peak in peaks.items()}}
    write("removal_memory", "Memory of removal", body, figures, [row])


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
