"""One camera from its source to its outbox: messages of vision in, one signed record a tick out. No frame comes here.

A camera's ticks are those of this process' monotonic clock, whatever vision does; where both processes have to be started anew they are, with
back-off, and ticks go on meanwhile. A file's ticks are its own time, and end with it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from velatura.crypto import keytext
from velatura.crypto.keys import Signer
from velatura.edge.egress import NO_FRAMES, ClipEgress, Egress, Record
from velatura.edge.events import Chain, Link
from velatura.edge.live import Live
from velatura.edge.outbox import Outbox
from velatura.edge.pair import Pair, Seeing
from velatura.edge.policy import Camera, capacity, digest
from velatura.edge.promise import told
from velatura.edge.remarks import Fault, unread
from velatura.edge.schema import HEALTH, schema_of
from velatura.edge.sources import Source
from velatura.edge.states import state_of
from velatura.edge.tally import width
from velatura.errors import BadInput, VelaturaError
from velatura.sandbox.confinement import Layer

__all__ = ["Gateway"]

POLL_S = 0.1
SETTLE, SETTLE_S = 4, 0.5
CODEC = HEALTH.index("codec")
_HINT = "velatura scan says what is in it; ffmpeg -i CLIP -c:v libx264 NEW.mp4 makes of most clips one that is read"


@dataclass(slots=True)
class Gateway:
    """See the module.

    Args:
        outbox: its chain is continued.
        boot: 16 hexadecimal digits, drawn anew.
        began_s: Unix time.
        published: called after each tick.
        entropy: of the noise.

    Attributes:
        vision: "starting", "running" or "restarting", as of the last tick.
        resume: where the chain goes on, where that is not what the outbox says: it was damaged.
        head: (number, SHA-256) of the last event that is on disk; (-1, ""): none.
        health: of the last record that was told; "none": there was none.
        held, degraded: layers that do and do not hold.
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
    vision: str = "starting"
    health: str = "none"
    degraded: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    resume: Link | None = None
    head: tuple[int, str] = (-1, "")
    _pair: Pair | None = None
    _live_ear: Live | None = None
    _camera_word: str = "connecting"
    _came: bool = False  # packets, to an ingest before the one that is there now

    @property
    def camera_word(self) -> str:
        """Of `ingest.STATES`: what ingest said last. "connecting" is said only as long as nothing else was: the reason of a loss stays."""
        if self._pair is None:
            return self._camera_word
        said = self._pair.ingest.reason
        if said == "ended" and not self.counts.get("packets"):
            said = next((word for _, word in self.faults), "no-video")
        if said != "connecting":
            self._camera_word = said
        return self._camera_word

    def run(self, ends: Callable[[], bool]) -> None:
        """Until the source ends, or `ends` says so.

        Raises:
            Missing: vision cannot be locked.
            VelaturaError: `edge.outbox-disk-full`, `edge.outbox-read-only`: events never came onto the disk.
            BadInput: of a camera: `edge.nothing-seen`: not one picture ever came of it.
                Of a file: `edge.vision-ended`, `edge.vision-hangs`: it broke on it; `edge.ingest-ended`: who reads it did; `edge.no-video`.
        """
        with self._paired() as pair:
            chain, egress = self._begin(pair)
            try:
                if self.source.live:
                    self._live(pair, chain, egress, ends)
                    self._refuse_unseen()
                else:
                    self._file(pair, chain, ClipEgress(egress), ends)
            finally:
                self._settle(chain)

    def _settle(self, chain: Chain) -> None:
        """What waits for room on the disk is tried some more times; then it is lost, and that is an error."""
        for _ in range(SETTLE):
            if not self.outbox.waiting:
                return
            time.sleep(SETTLE_S)
            self._commit(chain, [])
        if self.outbox.waiting:
            code = "edge.outbox-read-only" if self.outbox.state == "read-only" else "edge.outbox-disk-full"
            lost = chain.at.seq - self.outbox.link.seq
            sentence = f"{self.outbox.path}: the disk takes nothing: the last {lost} events never came onto it, and are lost"
            raise VelaturaError(code, sentence, hint="make room, or another --state folder")

    def _begin(self, pair: Pair) -> tuple[Chain, Egress]:
        """The chain with its policy event on disk, and the way out."""
        at = self.resume or self.outbox.link
        self.degraded = pair.degraded
        self.held = tuple(layer.value for layer in Layer if layer.value not in pair.degraded)
        self.totals = dict(self.outbox.read("totals") or {})
        chain = Chain(self.signer, camera=self.camera.name, boot=self.boot, policy=digest(self.camera), degraded=pair.degraded, at=at)
        lines = [] if self.outbox.aside is None else [chain.gap()]
        says = told(self.camera, signer=keytext.encode(self.signer.verifier), version=self.version, began_s=self.began_s)
        lines.append(chain.policy(says))
        level = capacity(self.camera) if at.seq == 0 and self.outbox.aside is None else 0.0
        self._commit(chain, lines)
        return chain, Egress(self.camera, level, self.entropy, silence=lambda: CODEC if self.camera_word == "codec" else NO_FRAMES)

    def _live(self, pair: Pair, chain: Chain, egress: Egress, ends: Callable[[], bool]) -> None:
        live = self._live_ear = Live(egress, self._paired, self.rng)
        live.run(pair, lambda record: self._publish(chain, record), ends)
        self.restarts = live.restarts

    def _refuse_unseen(self) -> None:
        """Records of a camera that never came say "no-frames", one like the other: who reads them may take that for a quiet street."""
        if self._came or self.counts.get("packets"):
            return
        state = state_of("camera", self.camera_word)
        sentence = f"{self.camera.name}: {self.source.shown}: not one picture came of it: {self.camera_word}: {state.means}"
        raise BadInput("edge.nothing-seen", sentence, hint=state.next)

    def _paired(self) -> Pair:
        self._came = self._came or bool(self.counts.get("packets"))
        self._pair = Pair(self.camera, self.source, self.seeing)
        return self._pair

    @property
    def counts(self) -> Mapping[str, int]:
        """Of `pair.COUNTS`, as ingest said last."""
        return self._pair.ingest.counts if self._pair is not None else {}

    @property
    def faults(self) -> list[Fault]:
        """Of clips, as ingest said."""
        return self._pair.ingest.faults if self._pair is not None else []

    def _file(self, pair: Pair, chain: Chain, egress: ClipEgress, ends: Callable[[], bool]) -> None:
        limit = width(egress.inner.schema)
        while not ends():
            try:
                raw = pair.hear(within_s=POLL_S, limit=limit)
            except BadInput as error:
                if error.code == "edge.vision-hangs":
                    raise
                break
            if raw is not None:
                egress.take(raw)
            self._publish_all(chain, egress.until(pair.ingest.seconds), ends)
        if ends():
            return
        pair.ingest.finish()
        well, seconds, packets = pair.close(), pair.ingest.seconds, pair.ingest.counts.get("packets", 0)
        self._publish_all(chain, egress.finish(seconds), ends)
        if well and pair.ingest.state != "ended":
            sentence = f"{self.source.shown}: its reader broke off; what was counted before is signed"
            raise BadInput("edge.ingest-ended", sentence, hint="velatura doctor")
        if not well:
            raise BadInput("edge.vision-ended", f"{self.source.shown}: vision broke off; what it had counted is signed", hint="velatura doctor")
        if not packets:
            raise BadInput("edge.no-video", f"{self.source.shown}: no picture in it could be read: {unread(self.source, self.faults)}", hint=_HINT)

    def _publish_all(self, chain: Chain, records: Iterator[Record], ends: Callable[[], bool]) -> None:
        """A long file has many ticks: who wants to end waits for one."""
        for record in records:
            self._publish(chain, record)
            if ends():
                return

    def _publish(self, chain: Chain, record: Record) -> None:
        flows = [one.name for one in schema_of(self.camera).fields if one.kind == "flow"]
        for name in flows if record.values is not None else ():
            assert record.values is not None, "just asked"
            self.totals[name] = self.totals.get(name, 0) + record.values[name]
        self._look(record)
        self.records += record.values is not None
        self.withheld += record.values is None
        self._commit(chain, [chain.record(record.tick, record.values)])

    def _look(self, record: Record) -> None:
        """Words that vision has a part in change with a tick alone."""
        live = self._live_ear
        self.vision = "restarting" if live is not None and live.away else "running"
        self.restarts = live.restarts if live is not None else 0
        if record.values is not None:
            self.health = HEALTH[record.values["health"]]

    def _commit(self, chain: Chain, lines: list[bytes]) -> None:
        flows = [one.name for one in schema_of(self.camera).fields if one.kind == "flow"]
        keep: Mapping[str, Any] = {"totals": self.totals}
        if self.outbox.commit(lines, chain.at, keep, aggregate=lambda run: chain.aggregate(run, flows)):
            self.head = (chain.at.seq - 1, chain.at.prev)
        self.published()
