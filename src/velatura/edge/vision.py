"""The process that sees: a sandbox guest that decodes, masks, infers, tracks, counts, and tells numbers of fixed width.

It is given a model and a policy, tries once every codec that may come, and is locked; after that it has an inbox of packets and an outbox of tallies.
Of a camera it looks at the newest frame that is there; of a file at every one. Nothing that it says is trusted, and no word of it is ever passed on.
"""

from __future__ import annotations

import hashlib
import select
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import av

from velatura.edge import container, manifest, selftest
from velatura.edge.analytics import Analytics
from velatura.edge.feed import End, Header, Message, Packet, unpack
from velatura.edge.latest import Stream
from velatura.edge.load import Load
from velatura.edge.masks import Masks
from velatura.edge.network import Network
from velatura.edge.policy import Camera
from velatura.edge.samples import samples
from velatura.edge.schema import schema_of
from velatura.edge.spotting import Spotter
from velatura.edge.tally import Tally, health, pack
from velatura.errors import BadInput
from velatura.sandbox.guest import Inbox, Outbox
from velatura.sandbox.seccomp import INBOX
from velatura.specs import convert

__all__ = ["Vision"]

MASKED_OUT = 0.999  # share of the picture under masks: nothing can be seen
REST_S = 1.2  # a look is due again after so many seconds, whatever was asked


class Vision:
    """A `sandbox.Guest`.

    Args:
        model: path of the network's file, read while warming.
        sha256: of the file; another one is refused.
        network: fields of `spotting.Network`.
        camera: fields of `policy.Camera`.
        live: the newest frame counts.
        looks_per_s: at most so many looks a second of the source's time; 0: every frame.
        fast: see `latest.Stream`.
        bundle: the file is a bundle, whose self-test is asked first.
    """

    def __init__(
        self,
        *,
        model: str,
        sha256: str,
        network: Mapping[str, Any],
        camera: Mapping[str, Any],
        live: bool,
        looks_per_s: float = 0.0,
        fast: bool = False,
        bundle: bool = False,
    ) -> None:
        self._bundle = bundle
        self._path, self._sha256 = Path(model), sha256
        self._network = convert(dict(network), Network, where="vision")
        self._camera = convert(dict(camera), Camera, where="vision")
        self._live, self._every_s, self._fast = live, 1 / looks_per_s if looks_per_s else 0.0, fast
        self._schema = schema_of(self._camera)
        self._masks = Masks(self._camera.masks)

    def warm(self) -> None:
        raw = self._path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != self._sha256:
            raise BadInput("edge.model", "the model is not the one that was checked")
        parts = container.unpack(raw) if self._bundle else {container.MODEL: raw}
        self._spotter = Spotter(parts[container.MODEL], self._network)
        if self._bundle:
            selftest.check(manifest.decode(parts[container.MANIFEST]), parts[container.VECTORS], self._spotter.backend)
        self._spotter.rehearse()
        self._poll = select.poll()
        self._poll.register(INBOX, select.POLLIN)
        self._rehearse()

    def _begin(self) -> None:
        """Nothing was seen yet."""
        self._spotter.cut()
        self._stream: Stream | None = None
        self._analytics: Analytics | None = None
        self._looks, self._next_s, self._words = 0, 0.0, set[str]()
        self._said: dict[str, float] = {}
        self._last: Tally | None = None
        self._size = (0, 0)
        self._load = Load(self._every_s)

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        waiting: tuple[av.VideoFrame, float] | None = None
        while (raw := inbox.get()) is not None:
            message = unpack(raw)
            if message is None or isinstance(message, End):
                return  # what does not parse ends the stream
            for frame, stamp_s in self._decoded(message):
                if not self._live:
                    self._tell(outbox, frame, stamp_s)
                    continue
                waiting = frame, stamp_s
                if self._load.decoded(stamp_s):
                    self._words.add("overload")
            if self._words and isinstance(message, Packet):
                self._tell_damage(outbox, message.stamp_s)
            if waiting is not None and not self._poll.poll(0):  # nothing newer is here
                self._tell(outbox, *waiting)
                waiting = None

    def _decoded(self, message: Message) -> Iterator[tuple[av.VideoFrame, float]]:
        if isinstance(message, Header):
            self._stream = Stream(message, fast=self._fast)
            self._spotter.cut()
            self._load.begin()
        elif isinstance(message, Packet) and self._stream is not None:
            before = self._stream.corrupt
            for frame in self._stream.frames(message):
                yield frame, message.stamp_s
            if self._stream.corrupt > before:
                self._words.add("corrupt")

    def _tell(self, outbox: Outbox, frame: av.VideoFrame, stamp_s: float) -> None:
        if self._next_s - REST_S < stamp_s < self._next_s:
            return
        self._next_s = stamp_s + self._every_s
        values = self._values(frame, stamp_s)
        self._looks += 1
        self._load.looked()
        self._last = Tally(stamp_s, self._looks, values)
        outbox.put(pack(self._last, self._schema))

    def _tell_damage(self, outbox: Outbox, stamp_s: float) -> None:
        """At once, with what was seen last: the next frame that can be trusted may be ticks away, or never come."""
        if self._last is not None:
            worst = health(self._lately(self._words, stamp_s))  # health is the last field
            self._last = Tally(stamp_s, self._looks, (*self._last.values[:-1], worst))
            self._words = set()
            outbox.put(pack(self._last, self._schema))

    def _values(self, frame: av.VideoFrame, stamp_s: float) -> tuple[int, ...]:
        size = frame.width, frame.height
        if self._analytics is None:
            self._analytics = Analytics(self._camera, size)
        elif size != self._size:
            self._analytics.resize(size)
            self._spotter.cut()
        self._size = size
        self._masks.burn_frame(frame)
        try:
            found, too_many = self._spotter.look(frame, stamp_s)
        except BadInput:
            found, too_many = (), True
        words = self._words | ({"model-error"} if too_many else set()) | ({"masked-out"} if self._masks.share > MASKED_OUT else set())
        self._words = set()
        return self._analytics.see(found, stamp_s, health=health(self._lately(words, stamp_s)))

    def _lately(self, words: Collection[str], stamp_s: float) -> Collection[str]:
        """These, and those of the last tick: the gateway takes one message of a tick, the last."""
        self._said.update(dict.fromkeys(words, stamp_s))
        self._said = {word: at_s for word, at_s in self._said.items() if abs(stamp_s - at_s) < self._camera.egress.tick_s}
        return self._said

    def _rehearse(self) -> None:
        """Once through everything, with pictures of one's own: after the lock nothing can be imported, and no codec be opened for the first time."""
        self._begin()
        for message in samples():
            if isinstance(message, Header):
                self._begin()
            for frame, stamp_s in self._decoded(message):
                self._values(frame, stamp_s)
        self._poll.poll(0)
        self._begin()
