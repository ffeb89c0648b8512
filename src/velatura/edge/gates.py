"""Whether 8-bit integers are worth it: as good as float32 on pictures, and quicker on this processor; else float32 stays, and the reason is kept.

Time is CPU time of one thread, in turns, the median of rounds: what disturbs the machine disturbs both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from velatura.detect.region import Region
from velatura.edge.backend import InferenceBackend
from velatura.edge.manifest import Precision
from velatura.edge.network import Network
from velatura.edge.precision import Truth, average_precision
from velatura.edge.spotting import checked_head
from velatura.errors import BadInput

__all__ = ["Drawn", "judged", "pace_ms", "precisions", "processor"]

ROUNDS, PASSES = 9, 10
FAINT = 0.02
"""Score from which boxes are ranked."""

Drawn = Sequence[NDArray[np.float32]]


def pace_ms(backends: Sequence[InferenceBackend], x: NDArray[np.float32], *, rounds: int = ROUNDS) -> list[float]:
    """CPU milliseconds of a pass of each. x: (1, 3, height, width)."""
    for backend in backends:
        for _ in range(3):
            backend.run(x)
    times: list[list[float]] = [[] for _ in backends]
    for _ in range(rounds):
        for backend, mine in zip(backends, times, strict=True):
            begun_s = time.process_time()
            for _ in range(PASSES):
                backend.run(x)
            mine.append((time.process_time() - begun_s) * 1000 / PASSES)
    return [statistics.median(mine) for mine in times]


def precisions(
    fp32: InferenceBackend, int8: Sequence[InferenceBackend], network: Network, inputs: Drawn, truths: Sequence[Truth] | None
) -> tuple[list[float], int]:
    """Average precision of float32 and of each of the others, and how many objects it was counted on.

    Args:
        truths: of the inputs; None: what float32 finds with a score of `high` and more is the truth.
    """
    before = _found(fp32, network, inputs)
    if truths is None:
        truths = [Truth.of((one.label, one.box) for one in found if one.score >= network.scores.high) for found in before]
    every = [before, *(_found(backend, network, inputs) for backend in int8)]
    told = [average_precision(found, truths) for found in every]
    if not told[0][1]:
        raise BadInput("edge.no-objects", "nothing is on these pictures that precision could be counted on", hint="give other pictures, or --labels")
    return [value for value, _ in told], told[0][1]


def _found(backend: InferenceBackend, network: Network, inputs: Drawn) -> list[Sequence[Region]]:
    head: Any = checked_head(backend, network)
    return [head.detect(x, threshold=FAINT) for x in inputs]


def judged(measured: Precision) -> Precision:
    """The choice, and why; `min_gain` and `max_drop` are what it is held against."""
    gain, drop = measured.fp32_ms / measured.int8_ms, measured.ap50_fp32 - measured.ap50_int8
    truth = "labels" if measured.against == "labels" else "float32's own boxes"
    told = f"int8 is {gain:.2f}x as fast and loses {drop:.2f} points of AP50 against {truth}"
    reasons = []
    if gain < measured.min_gain:
        reasons.append(f"less than {measured.min_gain:.2f}x")
    if drop > measured.max_drop:
        reasons.append(f"more than {measured.max_drop:.2f} points")
    why = f"{told}: {' and '.join(reasons)}, float32 stays" if reasons else told
    return msgspec.structs.replace(measured, gain=gain, drop=drop, chosen="fp32" if reasons else "int8", why=why)


def processor() -> str:
    """Its name, as the system tells it."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.machine()
