"""The consumer's side of a chain: each message checked before it counts, repeated ones dropped, missing ones named, a receipt for what is whole.

No transport here (`sinks/mqtt_receive` has one). The receipt is the highest number up to which nothing is missing; the device keeps events until it
sees that. Messages that come too early wait, as bounded; the state is one small file, written whole.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import msgspec

from velatura.crypto.keys import Verifier
from velatura.edge.events import Event, Link, check_signature, digest, follow, parse
from velatura.errors import Withheld
from velatura.files import atomic_output, is_there
from velatura.specs import Spec, load_spec

__all__ = ["Receiver"]

MOST_EARLY = MOST_SEEN = 1_000


class _State(Spec, frozen=True):
    """What is remembered of one camera. device: the signer's id."""

    device: str
    camera: str
    seq: int
    prev: str


class Receiver:
    """Of one camera.

    Args:
        verifier: whose events are believed.
        camera: its name.
        state: file that remembers how far it came; None: in memory alone.

    Attributes:
        repeated: messages that were here before.
        early: messages that wait for others.
        lost: events that the device says it lost, before a gap.

    Raises:
        Withheld: `edge.receiver`: the state is of another device or camera.
    """

    def __init__(self, verifier: Verifier, camera: str, *, state: Path | None = None) -> None:
        self._verifier, self._camera, self._file = verifier, camera, state
        self._link, self.repeated, self.lost = Link(), 0, 0
        self._early: dict[int, bytes] = {}
        self._seen: OrderedDict[int, str] = OrderedDict()
        if state is not None and is_there(state):
            kept = load_spec(state, _State)
            if (kept.device, kept.camera) != (verifier.id, camera):
                raise Withheld("edge.receiver", f"{state}: belongs to camera {kept.camera} of device {kept.device}", hint="another --state file")
            self._link = Link(kept.seq, kept.prev)
            self._seen[kept.seq - 1] = kept.prev

    @property
    def receipt(self) -> int:
        """The highest number up to which everything is here; -1: nothing."""
        return self._link.seq - 1

    @property
    def early(self) -> int:
        return len(self._early)

    def take(self, line: bytes) -> list[Event]:
        """As `take_lines`, the events alone."""
        return [event for _, event in self.take_lines(line)]

    def take_lines(self, line: bytes) -> list[tuple[bytes, Event]]:
        """One message; the lines and events that are whole with it, in order.

        Raises:
            Withheld: `edge.event`, `edge.signature`; `edge.fork`: it contradicts what is here; `edge.chain`: it is of another camera, or does not
                follow.
        """
        event = parse(line)
        check_signature(event, self._verifier)
        if event.camera != self._camera:
            raise Withheld("edge.chain", f"event {event.seq} is of camera {event.camera}")
        if event.seq < self._link.seq:
            self._check_repeated(event, line)
            return []
        first = event.first if event.first is not None else event.seq
        if event.kind == "gap" and first > self._link.seq:
            self._jump(event)
        if first > self._link.seq:
            self._wait(first, line)
            return []
        if first == self._link.seq and event.prev != self._link.prev:
            raise _fork(event.seq)
        if first < self._link.seq:  # an aggregate of events some of which came one by one
            self._link = Link(first, event.prev)
        found = [self._advance(line)]
        while (next_line := self._early.pop(self._link.seq, None)) is not None:
            found.append(self._advance(next_line))
        return found

    def remember(self) -> None:
        """Write down how far it came: after what was taken is durable elsewhere, and before a receipt is given."""
        if self._file is None:
            return
        kept = _State(self._verifier.id, self._camera, self._link.seq, self._link.prev)
        with atomic_output(self._file, force=True) as part:
            part.write_bytes(msgspec.json.encode(kept))

    def _advance(self, line: bytes) -> tuple[bytes, Event]:
        event, self._link = follow(line, self._link, self._verifier)
        self._seen[event.seq] = self._link.prev  # of an aggregate: what its last event was
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        return line, event

    def _jump(self, gap: Event) -> None:
        """What is missing before a gap was lost with the device's memory; what came of it waits for nothing any more."""
        self.lost += gap.seq - self._link.seq
        self._link = Link(gap.seq, gap.prev)
        self._early = {first: line for first, line in self._early.items() if first >= gap.seq}

    def _check_repeated(self, event: Event, line: bytes) -> None:
        before = self._seen.get(event.seq)
        if before is not None and before != (event.head or digest(line)):
            raise _fork(event.seq)
        self.repeated += 1

    def _wait(self, first: int, line: bytes) -> None:
        if self._early.get(first, line) != line:
            raise _fork(first)
        self.repeated += first in self._early
        if len(self._early) < MOST_EARLY or first < max(self._early):
            self._early[first] = line
        if len(self._early) > MOST_EARLY:
            del self._early[max(self._early)]  # it will be sent again: there is no receipt for it


def _fork(seq: int) -> Withheld:
    return Withheld(
        "edge.fork", f"event {seq} contradicts what came before: the device's chain forks", hint="was a copy of its --state folder put back?"
    )
