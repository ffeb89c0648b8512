"""What the lock costs: the same packets to a locked vision and to one without any layer, a group of pictures to one and then to the other.

For measuring alone: nothing that runs a camera comes here, and what the unlocked one says is counted and thrown away.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av

from velatura.edge.confinement import vision_confinement
from velatura.edge.containers import header_of
from velatura.edge.feed import Header, Packet, pack
from velatura.edge.pair import Seeing, settings_of
from velatura.edge.policy import Camera
from velatura.edge.processes import cpu_s
from velatura.edge.schema import schema_of
from velatura.edge.tally import width
from velatura.sandbox.child import Child
from velatura.sandbox.confinement import Confinement
from velatura.sandbox.plain import PlainWarm
from velatura.sandbox.warm import Warm

__all__ = ["Compared", "compare", "groups"]

QUIET_S = 0.15  # without a message for so long, a group has been looked at


@dataclass(frozen=True, slots=True)
class Compared:
    """shares: CPU of the locked one over that of the other, for each group of pictures; starts_s: seconds until ready, (locked, unlocked)."""

    shares: tuple[float, ...]
    starts_s: tuple[tuple[float, float], ...]

    @property
    def percent(self) -> float:
        """What the lock adds."""
        return 100 * (statistics.median(self.shares) - 1)

    @property
    def entering_ms(self) -> float:
        """What starting it locked takes longer."""
        return 1000 * statistics.median(locked - free for locked, free in self.starts_s)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Of `percent`."""
        if len(self.shares) < 2:
            return self.percent, self.percent
        low, _, high = statistics.quantiles(self.shares, n=4)
        return 100 * (low - 1), 100 * (high - 1)


def compare(clip: Path, camera: Camera, seeing: Seeing, *, times: int = 1, starts: int = 3) -> Compared:
    """Start both so many times, then feed a clip, so many times over, to the last ones. Raises Missing: vision cannot be locked."""
    limit = width(schema_of(camera))
    found = []
    for turn in range(starts):
        with _both(camera, seeing) as (locked, free, started_s):
            found.append(started_s)
            if turn == starts - 1:
                every = [group for _ in range(times) for group in groups(clip)]
                shares = [_share(group, locked, free, limit, first=number % 2 == 0) for number, group in enumerate(every)]
    return Compared(tuple(shares[1:]), tuple(found))  # the first group makes what the decoder keeps


@contextmanager
def _both(camera: Camera, seeing: Seeing) -> Iterator[tuple[Child, Child, tuple[float, float]]]:
    """A locked and an unlocked vision, and how long each took to start."""
    settings = settings_of(camera, seeing, live=False)
    may = vision_confinement(model=seeing.model, degraded=seeing.degraded)
    begun_s = time.monotonic()
    with Warm(seeing.guest, settings, may) as warm, warm.lock()[0] as locked:
        between_s = time.monotonic()
        with PlainWarm(seeing.guest, settings, Confinement(required=frozenset())) as plain, plain.lock()[0] as free:
            yield locked, free, (between_s - begun_s, time.monotonic() - between_s)


def groups(clip: Path) -> Iterator[list[Header | Packet]]:
    """Messages of a clip, a group for each key frame, the first with the header."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        header = header_of(stream)
        group: list[Header | Packet] = [] if header is None else [header]
        for packet in container.demux(stream):
            if packet.is_keyframe and len(group) > 1:
                yield group
                group = []
            if packet.size:
                at = packet.dts if packet.dts is not None else packet.pts or 0
                stamp_s = float(at * stream.time_base) if stream.time_base else 0.0
                group.append(Packet(0.0, stamp_s, bool(packet.is_keyframe), bytes(packet), packet.pts, packet.dts))
        yield group


def _share(group: Sequence[Header | Packet], locked: Child, free: Child, limit: int, *, first: bool) -> float:
    """CPU of one over that of the other; `first`: the locked one begins."""
    order = (locked, free) if first else (free, locked)
    spent = {child.pid: _spent_s(child, group, limit) for child in order}
    return spent[locked.pid] / spent[free.pid]


def _spent_s(child: Child, group: Sequence[Header | Packet], limit: int) -> float:
    before = cpu_s(child.pid)
    for message in group:
        child.send(pack(message))
    while child.has_come(within_s=QUIET_S):
        child.receive(deadline_s=5.0, limit=limit)
    return cpu_s(child.pid) - before
