"""Six times more frames than the network can look at, for a minute: how old is what is looked at, and how many looks were lost.

A clip of 1440x810 at 25 frames/s, played by the real ingest as a camera would; the network is large (CenterFace on the whole picture), and so vision
is slow. The age is taken inside vision when a look begins (`benchmarks/edge_aged.py`), from the moment when ingest had the packet.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.edge_aged import HEAD
from benchmarks.edge_clips import RATE
from velatura.edge.confinement import vision_confinement
from velatura.edge.pair import Ingest, Seeing, settings_of
from velatura.edge.policy import Camera
from velatura.edge.schema import schema_of
from velatura.edge.sources import Source
from velatura.edge.tally import width
from velatura.sandbox.warm import Warm

__all__ = ["overloaded"]

HERE = Path(__file__).parent  # a folder of its own on the path: some wheels bring a package named benchmarks
IDLE_S, SETTLING = 8.0, 3


def overloaded(clip: Path, camera: Camera, seeing: Seeing, *, seconds: float) -> dict[str, float]:
    """Ages in milliseconds, looks, and how many would have been possible: by a look's time where nothing waits."""
    idle = looks(clip, camera, replace(seeing, looks_per_s=1.0), seconds=IDLE_S)
    found = looks(clip, camera, replace(seeing, looks_per_s=0.0), seconds=seconds)
    ages = [1000 * age_s for age_s, _ in found]
    half = len(ages) // 2
    look_s = statistics.median(took_s for _, took_s in idle)
    return {
        "overload": RATE * look_s,
        "look_ms": 1000 * look_s,
        "median_ms": statistics.median(ages),
        "p95_ms": _p95(ages),
        "first_ms": _p95(ages[:half]),
        "second_ms": _p95(ages[half:]),
        "looks": float(len(ages)),
        "possible": seconds / look_s,
        "share": len(ages) * look_s / seconds,
    }


def looks(clip: Path, camera: Camera, seeing: Seeing, *, seconds: float) -> list[tuple[float, float]]:
    """(age when it began, how long it took), seconds, of each look after the first few; the real pair, for so long after them."""
    limit, source = width(schema_of(camera)), Source("file", str(clip), live=True)
    settings, may = settings_of(camera, seeing, live=True), vision_confinement(model=seeing.model)
    ingest = Ingest(source)
    found: list[tuple[float, float]] = []
    try:
        with Warm("edge_aged:Aged", settings, may, path=[HERE]) as warm, warm.lock()[0] as vision:
            ingest.begin(vision.hand_over_inbox())
            settling, until_s = SETTLING, float("inf")
            while time.monotonic() < until_s:
                if not vision.has_come(within_s=0.1):
                    continue
                age_s, took_us = HEAD.unpack_from(vision.receive(deadline_s=5.0, limit=limit))
                settling -= 1
                if settling < 0:
                    found.append((age_s, took_us / 1e6))
                elif not settling:
                    until_s = time.monotonic() + seconds
    finally:
        ingest.close()
    return found


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
