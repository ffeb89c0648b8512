"""What leaves: one signed line of JSON a tick, each with the SHA-256 of the line before.

    {"v":1,"kind":"policy","device":"<verifier id>","camera":"entrance","boot":"<hex>","seq":0,"tick":0,"prev":"<64 zeros>",...,"signature":"<hex>"}
    {"v":1,"kind":"record",...,"seq":1,"tick":1,"prev":"<sha256 of line 0>","policy":"<digest>","record":{"in":2,"out":0,"inside":1,"health":0},...}

Kinds: `policy` begins every boot and states in clear what may leave; `record` is one tick, with values or `withheld`; `gap` says that the memory of
earlier events was lost; `aggregate` stands for a range of records that a full outbox had to sum up: it follows the line before its first, and the
line after its last follows it. Every value is a whole number of the record's schema; nothing else comes from whoever saw frames.
Signing is deterministic (RFC 8032), so a signature carries no bit of its own. Whoever holds the signer's key can write another history.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from velatura.crypto.keys import Signer, Verifier
from velatura.errors import VelaturaError, Withheld

__all__ = ["MOST_LINE", "NOTHING_BEFORE", "Chain", "Event", "Link", "follow", "parse"]

VERSION = 1
MOST_LINE = 1 << 16
NOTHING_BEFORE = "0" * 64
_HEX = re.compile(r"[0-9a-f]+")
_encode = msgspec.json.Encoder(order="deterministic").encode
_SIGNED = b"velatura edge event 1\x00"

Kind = Literal["policy", "record", "gap", "aggregate"]


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line.

    Attributes:
        device: `Verifier.id` of the signer.
        boot: names the run that made it; ticks count within it.
        seq: number in the chain; of an aggregate, that of its last record.
        prev: SHA-256 of the line before.
        policy: `policy.digest`.
        degraded: layers of the confinement that did not hold.
        record: field -> value; None: withheld, or another kind.
        told: of a policy: what it says, in clear, with the signer's public key and the published bound.
        first, head, records: of an aggregate: its first number, the SHA-256 of its last line, how many of its records had values.
        signature: Ed25519 over the line without it.
    """

    v: int
    kind: Kind
    device: str
    camera: str
    boot: str
    seq: int
    tick: int
    prev: str
    policy: str
    degraded: tuple[str, ...] = ()
    record: dict[str, int] | None = None
    withheld: bool = False
    told: dict[str, Any] | None = None
    first: int | None = None
    head: str = ""
    records: int = 0
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chain stands: the next line has number `seq` and follows the line with the digest `prev`."""

    seq: int = 0
    prev: str = NOTHING_BEFORE


class Chain:
    """Makes the next lines of one camera.

    Args:
        at: where the chain stands.
        boot: 16 hexadecimal digits, drawn anew at every start.
        policy: `policy.digest` of the camera.
    """

    def __init__(self, signer: Signer, *, camera: str, boot: str, policy: str, degraded: Sequence[str] = (), at: Link | None = None) -> None:
        self._signer, self._device = signer, signer.verifier.id
        self._camera, self._boot, self._policy, self._degraded = camera, boot, policy, tuple(degraded)
        self.at = at or Link()

    def policy(self, told: Mapping[str, Any]) -> bytes:
        """The line that begins a boot."""
        return self._next("policy", 0, told=dict(told))

    def record(self, tick: int, values: Mapping[str, int] | None) -> bytes:
        """The line of a tick; None: withheld."""
        return self._next("record", tick, record=dict(values)) if values is not None else self._next("record", tick, withheld=True)

    def gap(self) -> bytes:
        """The line that says that earlier events were lost."""
        return self._next("gap", 0)

    def aggregate(self, lines: Sequence[bytes], flows: Sequence[str]) -> bytes:
        """One line for several that follow each other: flows are summed, states are the last ones. The chain does not move on.

        Args:
            lines: our own records or aggregates, of one boot.
            flows: names of the fields that are added up.
        """
        events = [parse(line) for line in lines]
        first, last = events[0], events[-1]
        told = [event.record for event in events if event.record is not None]
        summed = {name: sum(one[name] for one in told) if name in flows else told[-1][name] for name in told[-1]} if told else None
        return self._sealed(
            Event(
                VERSION,
                "aggregate",
                self._device,
                self._camera,
                last.boot,
                last.seq,
                last.tick,
                first.prev,
                last.policy,
                degraded=last.degraded,
                record=summed,
                first=first.first if first.first is not None else first.seq,
                head=last.head or digest(lines[-1]),
                records=sum(event.records if event.kind == "aggregate" else event.record is not None for event in events),
            )
        )

    def _next(self, kind: Kind, tick: int, **content: Any) -> bytes:
        event = Event(
            VERSION, kind, self._device, self._camera, self._boot, self.at.seq, tick, self.at.prev, self._policy, degraded=self._degraded, **content
        )
        line = self._sealed(event)
        self.at = Link(event.seq + 1, digest(line))
        return line

    def _sealed(self, event: Event) -> bytes:
        return _encode(msgspec.structs.replace(event, signature=self._signer.sign(_to_sign(event)).hex()))


def digest(line: bytes) -> str:
    """SHA-256 of a line without its end, hexadecimal."""
    return hashlib.sha256(line).hexdigest()


def parse(line: bytes) -> Event:
    """One line without its end; its signature is not looked at.

    Raises:
        Withheld: `edge.event`: no event, or not written as we write it.
    """
    if len(line) > MOST_LINE:
        raise Withheld("edge.event", f"a line has more than {MOST_LINE} bytes")
    try:
        event = msgspec.json.decode(line, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Withheld("edge.event", "a line is no event") from error
    if _encode(event) != line or event.v != VERSION or not _is_whole(event):  # one event, one way to write it
        raise Withheld("edge.event", "a line is not written as we write events")
    return event


def follow(line: bytes, at: Link, verifier: Verifier) -> tuple[Event, Link]:
    """Check a line against where the chain stands; the event, and where it stands then.

    Raises:
        Withheld: `edge.event`; `edge.chain`: it does not follow; `edge.signature`.
    """
    event = parse(line)
    if event.prev != at.prev or (event.first if event.kind == "aggregate" else event.seq) != at.seq:
        raise Withheld("edge.chain", f"event {event.seq} does not follow the one before: events are missing, moved or changed")
    check_signature(event, verifier)
    return event, Link(event.seq + 1, event.head if event.kind == "aggregate" else digest(line))


def check_signature(event: Event, verifier: Verifier) -> None:
    """Raises Withheld `edge.signature`."""
    try:
        verifier.check(bytes.fromhex(event.signature), _to_sign(event))
    except (VelaturaError, ValueError) as error:
        raise Withheld("edge.signature", f"event {event.seq} is not signed by {verifier.id}") from error
    if event.device != verifier.id:
        raise Withheld("edge.signature", f"event {event.seq} names another device than its signer")


def _to_sign(event: Event) -> bytes:
    return _SIGNED + _encode(msgspec.structs.replace(event, signature=""))


def _is_whole(event: Event) -> bool:
    """What types alone do not say."""
    digests = (event.prev, event.policy, *((event.head,) if event.kind == "aggregate" else ()))
    if not all(len(word) == 64 and _HEX.fullmatch(word) for word in digests) or len(event.signature) != 128 or not _HEX.fullmatch(event.signature):
        return False
    if min(event.seq, event.tick, event.records, event.first or 0, *(event.record or {"": 0}).values()) < 0:
        return False
    has = (event.record is not None, event.withheld, event.told is not None, event.first is not None)
    if event.kind == "aggregate":
        return has == (event.records > 0, False, False, True) and (event.first or 0) <= event.seq
    wanted = {"policy": [(False, False, True, False)], "record": [(True, False, False, False), (False, True, False, False)], "gap": [(False,) * 4]}
    return has in wanted[event.kind] and not event.head and not event.records
