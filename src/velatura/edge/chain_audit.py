"""Recomputes everything that a chain of events promises: order, signatures, the record's alphabet, equal ticks, and bits an hour.

Reads a file of lines (`events.jsonl`, or payloads captured from a broker, in which repeated lines are dropped) or an outbox. The bucket is replayed:
from full at the first boot of a chain, from empty at every later one, so that no stretch holds more than the policy's rate and burst allow.
A file that begins behind the chain's beginning was cut, unless the event before it is named (`after`); an outbox keeps what was not received.
Limit: a chain that was cut at its end is a true older state; only who remembers a later event (`at_least`) notices. An aggregate is checked by what
its records would have cost together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from velatura.crypto import keytext
from velatura.crypto.keys import Verifier
from velatura.edge.events import MOST_LINE, Event, Link, digest, follow, parse
from velatura.edge.policy import Camera, capacity
from velatura.edge.promise import camera_of
from velatura.edge.schema import schema_of
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.files import open_regular

__all__ = ["Audited", "Under", "audit", "lines_in", "lines_of"]

_SQLITE = b"SQLite format 3\x00"
ROOM = 1e-6  # bits: of adding floats in another order


@dataclass(frozen=True, slots=True)
class Under:
    """From event `seq` on: the digest of a policy, and what it allows."""

    seq: int
    policy: str
    level: int
    bits_per_hour: float


@dataclass(slots=True)
class Audited:
    """What a chain holds.

    Attributes:
        begins: number of its first event.
        under: the policies in force, in order; one that comes again is here again.
        events, records, withheld, aggregates, gaps, boots: how many.
        bits: told in all; hours: that the ticks span; limit: bits that the policy allows in them.
        repeated: lines that came twice, word for word.
        lost: events that the device says it lost before a gap; nobody can check those.
        degraded: layers of the confinement that did not hold somewhere.
        pinned: the signer's key was given, not read from the chain itself.
    """

    device: str
    camera: str
    pinned: bool
    policies: list[str] = field(default_factory=list)
    under: list[Under] = field(default_factory=list)
    begins: int = 0
    events: int = 0
    records: int = 0
    withheld: int = 0
    aggregates: int = 0
    gaps: int = 0
    boots: int = 0
    bits: float = 0.0
    hours: float = 0.0
    limit: float = 0.0
    repeated: int = 0
    lost: int = 0
    last: int = -1
    degraded: tuple[str, ...] = ()


def audit(
    path: Path,
    *,
    verifier: Verifier | None = None,
    policy: str | Collection[str] | None = None,
    at_least: tuple[int, str] | None = None,
    after: tuple[int, str] | None = None,
) -> Audited:
    """Check a chain whole.

    Args:
        path: lines, or an outbox.
        verifier: of whom they must be; None: who the first policy event names, which proves order and bounds but not the sender.
        policy: digest, or digests, of which every event must name one.
        at_least: (number, digest) of an event seen before.
        after: (number, digest) of the event that the first one follows, where earlier ones lie in another file.

    Raises:
        Withheld: with the line: `edge.event`, `edge.chain`, `edge.signature`, `edge.schema`, `edge.ticks`, `edge.budget`, `edge.policy-changed`,
            `edge.cut`.
        BadInput: `edge.no-events`, `edge.outbox`, `edge.unreadable`.
    """
    check: _Check | None = None
    for number, line in enumerate(lines_of(path), 1):
        try:
            if check is None:
                first = parse(line)
                _refuse_cut_head(path, first, after)
                check = _Check(first, verifier, policy)
                check.done.lost = _begin_of(first) - after[0] - 1 if after is not None else 0
            check.take(line)
        except Withheld as error:
            raise Withheld(error.code, f"{path}: line {number}: {error.sentence}", hint=error.hint) from error
    if check is None:
        raise BadInput("edge.no-events", f"{path}: holds no event")
    if at_least is not None and at_least not in check.seen:
        raise Withheld("edge.cut", f"{path}: event {at_least[0]}, which was seen before, is not in it: it was cut or rewritten")
    return check.done


def _refuse_cut_head(path: Path, first: Event, after: tuple[int, str] | None) -> None:
    begins = _begin_of(first)
    if after is None:
        if begins and not _is_outbox(path):
            hint = "--after NUMBER:SHA256 of the last event before it, of the file that has it"
            raise Withheld("edge.cut", f"it begins with event {begins}, and what came before is not in it: it was cut", hint=hint)
    elif first.prev != after[1] or not (after[0] < begins if first.kind == "gap" else after[0] == begins - 1):
        raise Withheld("edge.cut", f"it begins with event {begins}, which does not follow event {after[0]} as given")


def _begin_of(event: Event) -> int:
    return event.first if event.first is not None else event.seq


def _is_outbox(path: Path) -> bool:
    with open_regular(path) as stream:
        return stream.read(len(_SQLITE)) == _SQLITE


def lines_of(path: Path) -> Iterator[bytes]:
    """Lines without their ends. Raises BadInput `edge.outbox`, `edge.unreadable`, Withheld `edge.event`: a line that is too long, or was cut."""
    try:
        stream = open_regular(path)
    except OSError as error:
        raise BadInput("edge.unreadable", f"{path}: cannot be read: {error.strerror}", hint="check its name and its permissions") from error
    with stream:
        if stream.read(len(_SQLITE)) == _SQLITE:
            yield from _outbox_lines(path)
            return
        stream.seek(0)
        yield from lines_in(stream, where=str(path))


def lines_in(stream: IO[bytes], *, where: str) -> Iterator[bytes]:
    """As `lines_of`, of an open file or pipe."""
    while raw := stream.readline(MOST_LINE + 2):
        if not raw.endswith(b"\n"):
            raise Withheld("edge.event", f"{where}: its last line is cut, or longer than {MOST_LINE} bytes")
        if raw.strip():
            yield raw[:-1]


def _outbox_lines(path: Path) -> Iterable[bytes]:
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            if db.execute("SELECT type FROM sqlite_schema WHERE name = 'events'").fetchone() != ("table",):  # a view could go on for ever
                raise TypeError
            yield from (memoryview(line).tobytes() for (line,) in db.execute("SELECT line FROM events ORDER BY seq"))  # of a number: no zeroes
        finally:
            db.close()
    except (sqlite3.Error, TypeError) as error:
        raise BadInput("edge.outbox", f"{path}: is no outbox of ours") from error


class _Check:
    """One chain as it is read."""

    def __init__(self, first: Event, verifier: Verifier | None, policy: str | Collection[str] | None) -> None:
        self._verifier = verifier or _named(first)
        self._policies = (policy,) if isinstance(policy, str) else policy
        self._link = Link(_begin_of(first), first.prev)
        self._camera: Camera | None = None
        self._boot, self._tick, self._bucket = "", 0, 0.0
        self.seen: set[tuple[int, str]] = set()
        self._digests: dict[int, str] = {}
        self.done = Audited(first.device, first.camera, verifier is not None, begins=self._link.seq)

    def take(self, line: bytes) -> None:
        mine, event = digest(line), parse(line)
        if self._digests.get(event.seq) == mine:
            self.done.repeated += 1
            return
        if event.seq in self._digests:
            raise Withheld("edge.chain", f"event {event.seq} is here twice, and differs: the chain forks")
        if event.kind == "gap" and event.seq > self._link.seq:  # signed: what is missing before it was lost with the device's memory
            self.done.lost += event.seq - self._link.seq
            self._link = Link(event.seq, event.prev)
        event, self._link = follow(line, self._link, self._verifier)
        self._digests[event.seq] = mine
        self.seen.add((event.seq, mine))
        self._follows(event)
        done = self.done
        done.events, done.last = done.events + 1, event.seq
        done.degraded = tuple(sorted({*done.degraded, *event.degraded}))

    def _follows(self, event: Event) -> None:
        if event.camera != self.done.camera:
            raise Withheld("edge.chain", "events of several cameras are mixed")
        if self._policies is not None and event.policy not in self._policies:
            raise Withheld("edge.policy-changed", f"event {event.seq} was made under another policy")
        if event.kind == "policy":
            self._begin(event)
        elif event.kind == "gap":
            self.done.gaps += 1
        else:
            self._record(event)

    def _begin(self, event: Event) -> None:
        assert event.told is not None, "a policy event tells"
        self._camera = camera_of(event.told, event.policy)
        self._bucket = capacity(self._camera) if event.seq == 0 else 0.0
        self._boot, self._tick = event.boot, 0
        self.done.boots += 1
        if event.policy not in self.done.policies:
            self.done.policies.append(event.policy)
        if not self.done.under or self.done.under[-1].policy != event.policy:
            egress = self._camera.egress
            self.done.under.append(Under(event.seq, event.policy, egress.level, egress.bits_per_hour))
        self.done.limit += self._bucket

    def _record(self, event: Event) -> None:
        camera = self._camera
        if camera is None or event.boot != self._boot:
            raise Withheld("edge.chain", f"event {event.seq} comes before the policy event of its boot")
        ticks = event.seq - (event.first if event.first is not None else event.seq) + 1
        if event.tick != self._tick + ticks:
            raise Withheld("edge.ticks", f"event {event.seq} is of tick {event.tick}, {self._tick + ticks} was due")
        self._tick = event.tick
        told = event.records if event.kind == "aggregate" else int(event.record is not None)
        self._charge(event, camera, ticks, told)
        if event.record is not None:
            _in_schema(event, camera, told)
        done = self.done
        done.aggregates += event.kind == "aggregate"
        done.records, done.withheld = done.records + told, done.withheld + ticks - told

    def _charge(self, event: Event, camera: Camera, ticks: int, told: int) -> None:
        """The bucket after some ticks. An aggregate of several may have filled and emptied it in between: it is held to their sum."""
        come = camera.egress.bits_per_hour * camera.egress.tick_s / 3600 * ticks
        cost = schema_of(camera).bits * told
        self._bucket = min(self._bucket + come, capacity(camera)) if ticks == 1 else self._bucket + come
        if cost > self._bucket + ROOM:
            raise Withheld("edge.budget", f"event {event.seq} tells {cost:.2f} bits where {self._bucket:.2f} were left")
        self._bucket = min(self._bucket - cost, capacity(camera))
        self.done.bits += cost
        self.done.hours += camera.egress.tick_s * ticks / 3600
        self.done.limit += come


def _in_schema(event: Event, camera: Camera, told: int) -> None:
    sizes = {field.name: (field.size - 1) * (told if field.kind == "flow" else 1) for field in schema_of(camera).fields}
    record = event.record or {}
    if record.keys() != sizes.keys() or any(value > sizes[name] for name, value in record.items()):
        raise Withheld("edge.schema", f"event {event.seq} has fields or values that its policy does not know")


def _named(first: Event) -> Verifier:
    """The signer that the chain itself names. Raises Withheld `edge.event`."""
    try:
        key = keytext.decode(str((first.told or {})["signer"]))
    except (KeyError, BadSpec, VelaturaError) as error:
        raise Withheld(
            "edge.event", "the chain does not begin with a policy event that names its signer", hint="give the key: --verifier KEY.pub"
        ) from error
    if not isinstance(key, Verifier):
        raise Withheld("edge.event", "the policy event names no verifier's key")
    return key
