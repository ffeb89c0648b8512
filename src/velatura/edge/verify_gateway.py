"""What a hostile vision gets out by the one way that is meant to be there: it is locked in vision's place, and the real gateway hears it.

Each rogue is heard for a few ticks by `Live` and `Egress` through a real `Pair`. A record may hold what a message of the right width says and nothing
else; no tick may come late by a tick or more, and what the gateway keeps may not grow. Limit: how far a tick is moved by a busy processor, which
everybody on it feels, is not judged.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from velatura.edge.egress import NO_FRAMES, RESTARTED, Egress, Record
from velatura.edge.live import Ear, Live
from velatura.edge.pair import Pair, Seeing
from velatura.edge.policy import Camera, capacity
from velatura.edge.samples import SAMPLES
from velatura.edge.sources import Source

__all__ = ["GateProbe", "probe_gateway"]

ROGUES = "velatura.edge.verify_rogues"
TICK_S, TICKS = 0.4, 5
AGAIN = 2
MOST_GROWN_MB = 16
MOST_RESTARTS = 4  # in the time of TICKS, by the back-off


@dataclass(frozen=True, slots=True)
class GateProbe:
    """One attempt. did: what shows that it was made, "" if nothing does; leak: what came of it, "" nothing."""

    name: str
    did: str
    leak: str


@dataclass(slots=True)
class _Heard:
    """What the gateway made of one rogue. taken, dropped: messages; late: ticks that came a tick late or more; closed_s: the longest `close`."""

    records: list[Record] = field(default_factory=list)
    late: int = 0
    taken: int = 0
    dropped: int = 0
    restarts: int = 0
    grown_mb: float = 0.0
    closed_s: float = 0.0

    @property
    def fresh(self) -> int:
        """Records that say that something new came."""
        return sum(one.values is None or one.values["health"] not in (NO_FRAMES, RESTARTED) for one in self.records)

    @property
    def counts(self) -> int:
        """Records that count anything."""
        return sum(one.values is None or any(value for name, value in one.values.items() if name != "health") for one in self.records)


def probe_gateway(camera: Camera, seeing: Seeing, *, hear: Callable[[Camera, Seeing], Live] | None = None) -> list[GateProbe]:
    """All of them, one after the other: three seconds each.

    Args:
        hear: makes the gateway that is tried; by default the real one.

    Raises:
        Missing: as `Pair`.
    """
    egress = replace(camera.egress, tick_s=TICK_S, bits_per_hour=1e9, burst_bits=0.0, epsilon=None, k=0)
    camera, hear = replace(camera, egress=egress), hear or gateway
    found = []
    for name, rogue, judge in _PROBES:
        heard = _hear(hear(camera, _rogue(seeing, rogue)))
        for _ in range(AGAIN):
            if heard.late:  # a busy machine may do that once, a rogue that can does it each time
                heard = _hear(hear(camera, _rogue(seeing, rogue)))
        did, leak = judge(heard)
        found.append(GateProbe(name, did, leak or _moved(heard)))
    return found


def gateway(camera: Camera, seeing: Seeing) -> Live:
    """The real one, before a source that gives no frame."""
    source = Source("file", str(SAMPLES), live=True)
    return Live(Egress(camera, capacity(camera), os.urandom), lambda: Pair(camera, source, seeing), random.Random(0))


def _rogue(seeing: Seeing, name: str) -> Seeing:
    from dataclasses import replace as changed

    return changed(seeing, guest=f"{ROGUES}:{name}")


def _hear(live: Live) -> _Heard:
    heard = _Heard()
    begin = live.begin
    live.begin = lambda: _Ear(begin(), heard)
    first, before_mb = live.begin(), _memory_mb()
    begun_s = time.monotonic()

    def publish(record: Record) -> None:
        heard.records.append(record)
        heard.late += time.monotonic() >= begun_s + (len(heard.records) + 1) * TICK_S

    live.run(first, publish, lambda: len(heard.records) >= TICKS)
    heard.dropped, heard.restarts, heard.grown_mb = live.egress.dropped, live.restarts, _memory_mb() - before_mb
    return heard


class _Ear:
    """The real one, with what passes by it counted."""

    def __init__(self, inner: Ear, heard: _Heard) -> None:
        self._inner, self._heard = inner, heard

    def hear(self, *, within_s: float, limit: int) -> bytes | None:
        raw = self._inner.hear(within_s=within_s, limit=limit)
        self._heard.taken += raw is not None
        return raw

    def close(self) -> object:
        begun_s = time.monotonic()
        try:
            return self._inner.close()
        finally:
            self._heard.closed_s = max(self._heard.closed_s, time.monotonic() - begun_s)


def _memory_mb() -> float:
    """Resident, of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def _moved(heard: _Heard) -> str:
    """What no rogue may do."""
    if heard.late:
        return f"{heard.late} ticks came late"
    return f"the gateway grew by {heard.grown_mb:.0f} MB" if heard.grown_mb > MOST_GROWN_MB else ""


def _odd_times(heard: _Heard) -> tuple[str, str]:
    return f"{heard.taken} messages at odd times" if heard.taken else "", ""


def _lengths(heard: _Heard) -> tuple[str, str]:
    told = f"{heard.fresh} records say something" if heard.fresh or heard.counts else ""
    return f"{heard.dropped} messages of other lengths" if heard.dropped else "", told


def _large(heard: _Heard) -> tuple[str, str]:
    return "a message of a megabyte" if heard.restarts else "", "it was taken for a record" if heard.fresh or heard.counts else ""


def _flood(heard: _Heard) -> tuple[str, str]:
    return f"{heard.taken} of a million messages were read" if heard.taken > 10 * TICKS else "", ""


def _half(heard: _Heard) -> tuple[str, str]:
    return "half a message, then silence" if heard.taken else "", "half a message was taken for a record" if heard.fresh > 1 else ""


def _exits(heard: _Heard) -> tuple[str, str]:
    did = f"{heard.restarts} ends" if heard.restarts else ""
    if heard.fresh or heard.counts:
        return did, "a record says how it ended"
    return did, f"it was started {heard.restarts} times" if heard.restarts > MOST_RESTARTS else ""


def _deaf(heard: _Heard) -> tuple[str, str]:
    return f"{heard.taken} messages" if heard.taken else "", f"it took {heard.closed_s:.0f} s to end it" if heard.closed_s > TICK_S * TICKS else ""


_PROBES: tuple[tuple[str, str, Callable[[_Heard], tuple[str, str]]], ...] = (
    ("writes at odd times", "OddTimes", _odd_times),
    ("lengths of writes", "Lengths", _lengths),
    ("a write larger than a record", "Large", _large),
    ("a million writes", "Flood", _flood),
    ("half a record, then silence", "Half", _half),
    ("ends and starts anew", "Exits", _exits),
    ("does not hear that nobody reads", "Deaf", _deaf),
)
