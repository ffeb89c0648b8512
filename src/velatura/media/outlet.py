"""The child's side of the wire: gets the file's bytes, hands over facts, frames and sound.

Planes are copied, tightly packed, into a slot of the shared mapping; a slot is used again when the parent says that it has its copy. So the
child runs ahead by as many frames as there are slots, and no further.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.media.feed import Feed
from velatura.media.frame import PixelForm, Plane
from velatura.media.reader import Facts
from velatura.media.wire import CREDIT, DATA, End, Form, Heard, Leak, Leaks, Open, Opened, Read, Refused, Shown, encode, ratio

__all__ = ["Inbox", "Outbox", "Outlet", "Space", "frame_bytes"]

_MOST_SLOTS = 6  # 6 frames of 1080p 4:2:0 are 19 MiB; more did not make the clip faster


class Inbox(Protocol):
    def get(self) -> bytes | None: ...


class Outbox(Protocol):
    def put(self, message: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Space:
    """A slot of the mapping, as planes to write into."""

    slot: int
    form: PixelForm
    planes: list[Plane]


class Outlet:
    """What a decoder in the child is given; `file` is the input, `request` what was asked."""

    def __init__(self, inbox: Inbox, outbox: Outbox, mapping: memoryview, request: Open) -> None:
        self._inbox, self._outbox = inbox, outbox
        self._mapping: NDArray[np.uint8] = np.frombuffer(mapping, np.uint8)
        self.request = request
        self.file = Feed(self._fetch, request.size)
        self._free: deque[int] = deque()
        self._slot_bytes = 0

    def open(self, facts: Facts, *, slot_bytes: int | None = None, sound_rate: int = 0, sound_channels: int = 0) -> None:
        """Say what the file is, before its first frame.

        Args:
            facts: `confined` is the parent's to say and is not sent.
            slot_bytes: the largest frame that will come; None: frames of any size, one after the other.
            sound_rate, sound_channels: of the samples that `sound` will bring, 0 for none.

        Raises:
            BadInput: `media.too-large` where the mapping cannot hold a frame.
        """
        size = -(-slot_bytes // 64) * 64 if slot_bytes else len(self._mapping)
        slots = min(_MOST_SLOTS, len(self._mapping) // size)
        if not slots:
            raise BadInput("media.too-large", f"a frame of {size >> 20} MiB is more than the limit allows")
        self._slot_bytes = size
        self._free.extend(range(slots))
        self._outbox.put(encode(_opened(facts, slots, size, sound_rate, sound_channels)))

    def frame(
        self,
        planes: Sequence[Plane],
        form: PixelForm,
        *,
        time: Fraction = Fraction(0),
        duration: Fraction | None = None,
        orientation: int = 1,
        corrupt: bool = False,
        shot_starts: bool = False,
    ) -> None:
        """Hand a frame over; waits while every slot is taken. Planes may have any strides."""
        height, width = planes[0].shape
        space = self.space(form, width, height)
        for room, plane in zip(space.planes, planes, strict=True):
            room[...] = plane
        self.show(space, time=time, duration=duration, orientation=orientation, corrupt=corrupt, shot_starts=shot_starts)

    def space(self, form: PixelForm, width: int, height: int) -> Space:
        """Room for a frame, to be filled and then shown; waits while every slot is taken. It holds what an earlier frame left there.

        Raises:
            BadInput: `media.too-large`: the frame is larger than was announced.
        """
        if frame_bytes(form, width, height) > self._slot_bytes:
            raise BadInput("media.too-large", f"a frame of {width}x{height} pixels is larger than the file announced")
        slot = self._slot()
        at, planes = slot * self._slot_bytes, []
        for shape in form.shapes(width, height):
            end = at + shape[0] * shape[1] * form.dtype().itemsize
            planes.append(self._mapping[at:end].view(form.dtype).reshape(shape))
            at = end
        return Space(slot, form, planes)

    def show(
        self,
        space: Space,
        *,
        time: Fraction = Fraction(0),
        duration: Fraction | None = None,
        orientation: int = 1,
        corrupt: bool = False,
        shot_starts: bool = False,
    ) -> None:
        """Hand over what was filled; from here on it is the parent's."""
        height, width = space.planes[0].shape
        lasting = None if duration is None else ratio(duration)
        self._outbox.put(encode(Shown(space.slot, width, height, Form.of(space.form), ratio(time), lasting, orientation, corrupt, shot_starts)))

    def sound(self, time: Fraction, samples: bytes) -> None:
        """Hand over samples (int16, little-endian, interleaved), at most 2 MiB at once."""
        self._outbox.put(encode(Heard(ratio(time), samples)))

    def leaks(self, found: Sequence[Mapping[str, str]]) -> None:
        """Answer a scan: each with "case", "where", "what"."""
        self._outbox.put(encode(Leaks(tuple(Leak(f["case"][:64], f["where"][:400], f["what"][:400]) for f in found[:5_000]))))

    def end(self, *notes: str) -> None:
        self._outbox.put(encode(End(tuple(note[:400] for note in notes[:100]))))

    def refuse(self, code: str, sentence: str) -> None:
        self._outbox.put(encode(Refused(code, sentence[:4_000])))

    def _fetch(self, offset: int, count: int) -> bytes:
        self._outbox.put(encode(Read(offset, count)))
        while True:
            answer = self._message()
            if answer[:1] == DATA:
                return answer[1:]
            self._take_credit(answer)

    def _slot(self) -> int:
        while not self._free:
            self._take_credit(self._message())
        return self._free.popleft()

    def _take_credit(self, answer: bytes) -> None:
        assert answer[:1] == CREDIT, "the parent answers reads with data and frames with credit"
        self._free.append(answer[1])

    def _message(self) -> bytes:
        answer = self._inbox.get()
        if answer is None:
            raise EOFError("the parent has gone")
        return answer


def frame_bytes(form: PixelForm, width: int, height: int) -> int:
    """Bytes of a frame's planes, tightly packed."""
    return sum(h * w for h, w in form.shapes(width, height)) * form.dtype().itemsize


def _opened(facts: Facts, slots: int, size: int, sound_rate: int, sound_channels: int) -> Opened:
    return Opened(
        what=facts.kind,
        container=facts.container[:64],
        width=facts.width,
        height=facts.height,
        form=Form.of(facts.form),
        slots=slots,
        slot_bytes=size,
        codec=facts.codec[:64],
        orientation=facts.orientation,
        frames=facts.frames,
        rate=facts.rate,
        duration_s=facts.duration_s,
        time_base=ratio(facts.time_base),
        sample_aspect=ratio(facts.sample_aspect),
        colour=facts.colour,
        loop=facts.loop,
        audio=facts.audio[:64],
        sound_rate=sound_rate,
        sound_channels=sound_channels,
        dropped=tuple(name[:400] for name in facts.dropped[:500]),
    )
