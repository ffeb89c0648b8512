"""A decoder's whole request played through in memory, without a child: for warming, where nothing may be imported later, and for tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from velatura.media.outlet import Outlet
from velatura.media.wire import CREDIT, DATA, Answer, Open, Read, Shown, decode_answer

__all__ = ["Rehearsal", "rehearse"]


@dataclass(slots=True)
class Rehearsal:
    """Inbox and outbox in one: answers reads from `raw`, gives every slot back at once, keeps what was said.

    >>> stage = Rehearsal(b"...")
    >>> stage.get(), stage.put(message), stage.said
    """

    raw: bytes
    said: list[Answer] = field(default_factory=list)
    _answers: deque[bytes] = field(default_factory=deque)

    def get(self) -> bytes | None:
        return self._answers.popleft() if self._answers else None

    def put(self, message: bytes) -> None:
        answer = decode_answer(message)
        if isinstance(answer, Read):
            self._answers.append(DATA + self.raw[answer.offset : answer.offset + answer.count])
            return
        if isinstance(answer, Shown):
            self._answers.append(CREDIT + bytes([answer.slot]))
        self.said.append(answer)


def rehearse(
    decode: Callable[[Outlet], None], raw: bytes, *, mapping: memoryview | None = None, pixels: int = 1 << 20, audio: bool = False
) -> list[Answer]:
    """What `decode` says of the file `raw`. Raises what it raises."""
    stage = Rehearsal(raw)
    request = Open(size=len(raw), pixels=pixels, frames=1 << 20, pages=1 << 14, picture_bytes=1 << 30, audio=audio)
    decode(Outlet(stage, stage, memoryview(bytearray(pixels * 8)) if mapping is None else mapping, request))
    return stage.said
