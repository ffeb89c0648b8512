"""One camera from its source to its outbox: messages of vision in, one signed record a tick out. No frame comes here.

A camera's ticks are those of this process' monotonic clock, whatever vision does; where both processes have to be started anew they are, with
back-off, and ticks go on meanwhile. A file's ticks are its own time, and end with it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from velatura.crypto import keytext
from velatura.crypto.keys import Signer
from velatura.edge.egress import ClipEgress, Egress, Record
from velatura.edge.events import Chain
from velatura.edge.live import Live
from velatura.edge.outbox import Outbox
from velatura.edge.pair import Pair, Seeing
from velatura.edge.policy import Camera, capacity, digest
from velatura.edge.promise import told
from velatura.edge.schema import schema_of
from velatura.edge.sources import Source
from velatura.edge.tally import width
from velatura.errors import BadInput

__all__ = ["Gateway"]

POLL_S = 0.1


@dataclass(slots=True)
class Gateway:
    """See the module.

    Args:
        outbox: its chain is continued.
        boot: 16 hexadecimal digits, drawn anew.
        began_s: Unix time.
        published: called after each tick.
        entropy: of the noise.
    """

    camera: Camera
    source: Source
    seeing: Seeing
    signer: Signer
    outbox: Outbox
    boot: str
    began_s: int
    version: str
    published: Callable[[], None]
    entropy: Callable[[int], bytes]
    rng: random.Random = field(default_factory=random.Random)
    records: int = 0
    withheld: int = 0
    restarts: int = 0
    totals: dict[str, int] = field(default_factory=dict)

    def run(self, ends: Callable[[], bool]) -> None:
        """Until the source ends, or `ends` says so.

        Raises:
            Missing: vision cannot be locked.
            BadInput: `edge.vision-ended`: it broke on a file.
        """
        with Pair(self.camera, self.source, self.seeing) as pair:
            chain, egress = self._begin(pair)
            if self.source.live:
                self._live(pair, chain, egress, ends)
            else:
                self._file(pair, chain, ClipEgress(egress), ends)

    def _begin(self, pair: Pair) -> tuple[Chain, Egress]:
        """The chain with its policy event on disk, and the way out."""
        at = self.outbox.link
        self.totals = dict(self.outbox.read("totals") or {})
        chain = Chain(self.signer, camera=self.camera.name, boot=self.boot, policy=digest(self.camera), degraded=pair.degraded, at=at)
        lines = [] if self.outbox.aside is None else [chain.gap()]
        says = told(self.camera, signer=keytext.encode(self.signer.verifier), version=self.version, began_s=self.began_s)
        lines.append(chain.policy(says))
        level = capacity(self.camera) if at.seq == 0 and self.outbox.aside is None else 0.0
        self._commit(chain, lines)
        return chain, Egress(self.camera, level, self.entropy)

    def _live(self, pair: Pair, chain: Chain, egress: Egress, ends: Callable[[], bool]) -> None:
        live = Live(egress, lambda: Pair(self.camera, self.source, self.seeing), self.rng)
        live.run(pair, lambda record: self._publish(chain, record), ends)
        self.restarts = live.restarts

    def _file(self, pair: Pair, chain: Chain, egress: ClipEgress, ends: Callable[[], bool]) -> None:
        limit = width(egress.inner.schema)
        while not ends():
            try:
                raw = pair.hear(within_s=POLL_S, limit=limit)
            except BadInput:
                break
            if raw is not None:
                egress.take(raw)
            for record in egress.until(pair.ingest.seconds):
                self._publish(chain, record)
        if ends():
            return
        pair.ingest.finish()
        well, seconds, packets = pair.close(), pair.ingest.seconds, pair.ingest.counts.get("packets", 0)
        for record in egress.finish(seconds):
            self._publish(chain, record)
        if not well or pair.ingest.state != "ended":
            raise BadInput("edge.vision-ended", f"{self.source.word}: vision broke off; what it had counted is signed", hint="velatura doctor")
        if not packets:
            raise BadInput("edge.no-video", f"{self.source.word}: no picture in it could be read ({_why(pair)})", hint="velatura scan")

    def _publish(self, chain: Chain, record: Record) -> None:
        flows = [one.name for one in schema_of(self.camera).fields if one.kind == "flow"]
        for name in flows if record.values is not None else ():
            assert record.values is not None, "just asked"
            self.totals[name] = self.totals.get(name, 0) + record.values[name]
        self.records += record.values is not None
        self.withheld += record.values is None
        self._commit(chain, [chain.record(record.tick, record.values)])

    def _commit(self, chain: Chain, lines: list[bytes]) -> None:
        flows = [one.name for one in schema_of(self.camera).fields if one.kind == "flow"]
        keep: Mapping[str, Any] = {"totals": self.totals}
        self.outbox.commit(lines, chain.at, keep, aggregate=lambda run: chain.aggregate(run, flows))
        self.published()


def _why(pair: Pair) -> str:
    return "its container is damaged or of no known kind" if pair.ingest.counts.get("malformed") else "no picture stream, or a codec that is not read"
