"""Peak memory of `velatura remove` on a clip of ten minutes of 1280x720, through the command line with its defaults and FastestDet.

A page of its own, for it takes half an hour: `docs/benchmarks/removal.md` repeats its row. How it is measured: `benchmarks/removal_costs.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.page import Row, table, write
from benchmarks.removal_costs import peak_mib
from benchmarks.removal_runs import detecting

MOST_BYTES = 1.2e9
RATE = 25
WHOLE_S = 600


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.removal_memory")
    parser.add_argument("--seconds", type=int, action="append", metavar="N", help="of the clip; may be given several times  [default: 20 600]")
    given = parser.parse_args(words)
    peaks: dict[int, float] = {}
    for seconds in given.seconds or (20, WHOLE_S):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            peaks[seconds] = peak_mib(folder, detecting(folder / "home"), frames=seconds * RATE)
            print(f"{seconds} s: {peaks[seconds]:.0f} MiB", flush=True)
    row = told(peaks)
    body = f"{__doc__}\n{table(['seconds of 1280x720', 'peak, MiB'], [[seconds, f'{peak:.0f}'] for seconds, peak in peaks.items()])}"
    figures = {"peak_mib": {str(seconds): peak for seconds, peak in peaks.items()}}
    write("removal_memory", "Memory of removal", body, figures, [row])


def told(peaks: Mapping[int, float]) -> Row:
    """The row, from seconds and MiB; a shorter clip does not reach it."""
    longest = max(peaks)
    measured = "; ".join(f"{peak:.0f} MiB at {seconds} s" for seconds, peak in peaks.items())
    if longest < WHOLE_S:
        measured += f"; {WHOLE_S} s were not run"
    return Row("memory on a 10-minute 720p clip", "<= 1.2 GB", measured, longest >= WHOLE_S and peaks[longest] * 2**20 <= MOST_BYTES)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
