"""A decoder's child without a child: the real guest in a thread, for tests of what it decodes. The confined one is tested in test_source.py.

>>> frames = decoded(path)
"""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from velatura.errors import BadInput
from velatura.media import picture_open
from velatura.media.frame import Frame
from velatura.media.guest import MediaGuest
from velatura.media.reader import Facts, Limits
from velatura.media.remote import Remote

SMALL = replace(Limits(), pixels=1 << 22, wait_s=20.0)


class Pipe:
    """`get` and `put` of the guest's inbox and outbox; None ends it."""

    def __init__(self) -> None:
        self._messages: queue.Queue[bytes | None] = queue.Queue()

    def put(self, message: bytes | None) -> None:
        self._messages.put(message)

    def get(self, timeout: float | None = None) -> bytes | None:
        return self._messages.get(timeout=timeout)


class ThreadChild:
    """`ChildLike`."""

    def __init__(self, mapping: memoryview) -> None:
        self._in, self._out = Pipe(), Pipe()
        self._thread = threading.Thread(target=MediaGuest().serve, args=(self._in, self._out, mapping), daemon=True)
        self._thread.start()

    def send(self, message: bytes) -> None:
        self._in.put(message)

    def receive(self, *, deadline_s: float, limit: int) -> bytes:
        try:
            message = self._out.get(timeout=deadline_s)
        except queue.Empty:
            raise BadInput("sandbox.hung", "hung") from None
        assert message is not None and len(message) <= limit
        return message

    def close(self) -> int:
        self._in.put(None)
        self._thread.join(20)
        return 0


class Mapping:
    """`FramesLike`."""

    def __init__(self, size: int) -> None:
        self.view = memoryview(bytearray(size))

    def close(self) -> None: ...


def reader(path: Path, limits: Limits = SMALL, **options: bool) -> Remote:
    frames = Mapping(limits.pixels * 6)
    return Remote(path, path.open("rb"), ThreadChild(frames.view), frames, limits, **options)


def decoded(path: Path, limits: Limits = SMALL) -> tuple[Facts, list[Frame]]:
    with reader(path, limits) as source:
        return source.facts, list(source)


def refused(path: Path, limits: Limits = SMALL) -> str:
    """The code with which a file is refused."""
    with pytest.raises(BadInput) as caught:
        decoded(path, limits)
    assert str(path) in str(caught.value)
    return caught.value.code


picture_open.configure()
