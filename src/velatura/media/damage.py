"""Which frames of a clip may carry damage, beyond those that the decoder flags.

A decoder flags the frame in which it met an error, not the frames that are predicted from it: those show what concealment made up, or an
old picture, with parts of faces that no detector recognises. So everything decoded after an error counts as damaged until a key frame is
shown. Frames leave the decoder in presentation order, not in the order of decoding: a short queue holds them back, as many as the codec
reorders, so that one shown before the error but decoded after it is caught too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Damage", "Decoded", "Trouble"]

Picture = TypeVar("Picture")


@dataclass(slots=True)
class Decoded(Generic[Picture]):
    """A frame as it leaves the decoder.

    Attributes:
        picture: None if it could not be decoded at all.
        pts: when it is shown, in ticks.
        order: the number of its packet, in the order of decoding, where known.
        length: how long it is shown, in ticks; 0 where unknown.
    """

    picture: Picture | None
    pts: int | None
    order: int | None
    length: int = 0
    key: bool = False
    corrupt: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """The decoder complained while it read packet `order`; whatever that packet shows is damaged."""

    order: int


class Damage(Generic[Picture]):
    """Frames in, in presentation order; the same frames out, a little later, with `corrupt` widened."""

    def __init__(self) -> None:
        self._held: deque[Decoded[Picture]] = deque()
        self._lost: list[Decoded[Picture]] = []
        self._since: int | None = None

    def put(self, event: Decoded[Picture] | Trouble, *, reorder: int) -> Iterator[Decoded[Picture]]:
        """Take an event; yield the frames that `reorder` later ones can no longer change."""
        if isinstance(event, Trouble):
            self._spoil(event.order)
            return
        self._judge(event)
        if event.picture is None:
            self._lost.append(event)
        else:
            self._held.append(event)
        yield from self._release(reorder)

    def drain(self) -> Iterator[Decoded[Picture]]:
        """What is still held, at the end."""
        yield from self._release(0)
        yield from sorted(self._lost, key=_time)
        self._lost.clear()

    def _judge(self, frame: Decoded[Picture]) -> None:
        if frame.corrupt or frame.picture is None:
            frame.corrupt = True
            self._spoil(frame.order)
        elif self._since is not None and frame.key and (frame.order is None or frame.order > self._since):
            self._since = None
        elif _after(frame, self._since):
            frame.corrupt = True

    def _spoil(self, order: int | None) -> None:
        start = -1 if order is None else order
        self._since = start if self._since is None else min(self._since, start)
        for held in self._held:
            held.corrupt = held.corrupt or (_after(held, start) and not (held.key and held.order != order))

    def _release(self, depth: int) -> Iterator[Decoded[Picture]]:
        while len(self._held) > depth:
            frame = self._held.popleft()
            for lost in sorted(self._lost, key=_time):
                if frame.pts is not None and lost.pts is not None and lost.pts < frame.pts:
                    self._lost.remove(lost)
                    yield lost
            yield frame


def _after(frame: Decoded[Picture], order: int | None) -> bool:
    """Was it decoded with or after packet `order` (None: no trouble)? Where nobody knows its own place: yes."""
    return order is not None and (frame.order is None or frame.order >= order)


def _time(frame: Decoded[Picture]) -> int:
    return frame.pts if frame.pts is not None else 1 << 62
