"""The parent's side of one locked child: framed messages over two pipes, every wait bounded.

Whatever comes out of the child is hostile: a length is judged before memory is taken, a message that comes unasked is an error, and after the first
error the child is of no more use. While a message is sent, what comes is read too (up to a bound), so that two full pipes do not wait on each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from velatura.errors import BadInput

__all__ = ["Child", "open_pipes"]

_HEAD = struct.Struct("<I")
_PART = 1 << 16
_SET_PIPE_SIZE, _PIPE_BYTES = 1031, 256 << 10
_LONGEST_S = 86_400.0  # poll counts milliseconds in 32 bits
_MOST_AHEAD = 1 << 20  # bytes read from the child while it does not read from us


class Child:
    """One child; `with` it, or close it.

    Args:
        pid: as this process sees it.
        to, fro: descriptors of its inbox and outbox, which become ours and non-blocking.
        end: kills it, waits for it, wipes its folder; answers the wait status.
    """

    def __init__(self, pid: int, to: int, fro: int, end: Callable[[], int]) -> None:
        self.pid, self.served = pid, 0
        self._to, self._fro, self._end = to, fro, end
        self._come = bytearray()
        self._status: int | None = None
        self._lost: BadInput | None = None
        os.set_blocking(to, False)
        os.set_blocking(fro, False)

    def send(self, message: bytes | bytearray | memoryview, *, deadline_s: float = 60.0) -> None:
        """Raises BadInput: `sandbox.crashed`, `sandbox.hung`."""
        raw = memoryview(message).cast("B")
        until = time.monotonic() + deadline_s
        self._write(memoryview(_HEAD.pack(raw.nbytes) + raw[:_PART]), until)
        self._write(raw[_PART:], until)

    def receive(self, *, deadline_s: float, limit: int) -> bytes:
        """The next message, of at most `limit` bytes. Raises BadInput: `sandbox.crashed`, `sandbox.hung`, `sandbox.too-large`."""
        until = time.monotonic() + deadline_s
        self._read(_HEAD.size, until)
        (size,) = _HEAD.unpack_from(self._come)
        if size > limit:
            raise self._lose(BadInput("sandbox.too-large", f"the confined process announced an answer of {size} bytes; the limit is {limit}"))
        self._read(_HEAD.size + size, until)
        message = bytes(memoryview(self._come)[_HEAD.size : _HEAD.size + size])
        del self._come[: _HEAD.size + size]
        return message

    def ask(self, request: bytes | bytearray | memoryview, *, deadline_s: float, limit: int) -> bytes:
        """One request, one answer. Raises as `receive`; an answer that came before the request is a crash."""
        if self._come or self._readable():
            raise self._lose(BadInput("sandbox.crashed", "the confined process answered before it was asked"))
        until = time.monotonic() + deadline_s
        self.send(request, deadline_s=deadline_s)
        answer = self.receive(deadline_s=until - time.monotonic(), limit=limit)
        self.served += 1
        return answer

    def hand_over_inbox(self) -> int:
        """The writing end of its inbox, for another process; the caller's from now on, and nothing can be sent from here any more."""
        inbox, self._to = self._to, -1
        return inbox

    def has_come(self, *, within_s: float) -> bool:
        """Whether a message, or its end, is there within some seconds."""
        if self._come:
            return True
        poll = select.poll()
        poll.register(self._fro, select.POLLIN)
        return bool(poll.poll(within_s * 1000))

    def close(self) -> int:
        """End it, whatever it does. Its wait status, as of os.waitpid: 9 unless it had ended by itself."""
        if self._status is None:
            if self._to >= 0:
                os.close(self._to)
            os.close(self._fro)
            self._status = self._end()
        return self._status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _write(self, left: memoryview, until: float) -> None:
        while left:
            ahead = len(self._come) < _MOST_AHEAD
            writable, readable = self._wait(until, write=True, read=ahead)
            if readable:
                self._take(_PART)
            if writable:
                left = left[self._give(left) :]

    def _read(self, size: int, until: float) -> None:
        while len(self._come) < size:
            self._wait(until, write=False, read=True)
            self._take(max(_PART, size - len(self._come)))

    def _give(self, left: memoryview) -> int:
        try:
            return os.write(self._to, left)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            raise self._lose(_crashed()) from None

    def _take(self, most: int) -> None:
        with contextlib.suppress(BlockingIOError):
            part = os.read(self._fro, min(most, 1 << 20))
            if not part:
                raise self._lose(_crashed())
            self._come += part

    def _wait(self, until: float, *, write: bool, read: bool) -> tuple[bool, bool]:
        """(may write, may read); at least one of those asked for."""
        if self._lost is not None:
            raise self._lost
        if self._status is not None:
            raise BadInput("sandbox.crashed", "the confined process has been ended")
        poll = select.poll()
        if write:
            poll.register(self._to, select.POLLOUT)
        if read:
            poll.register(self._fro, select.POLLIN)
        ready = dict(poll.poll(min(max(0.0, until - time.monotonic()), _LONGEST_S) * 1000))
        if not ready:
            raise self._lose(BadInput("sandbox.hung", "the confined process did not answer in time"))
        return self._to in ready, self._fro in ready

    def _readable(self) -> bool:
        if self._status is not None or self._lost is not None:
            return False  # the request that follows says so
        poll = select.poll()
        poll.register(self._fro, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    def _lose(self, error: BadInput) -> BadInput:
        self._lost = error
        return error


def _crashed() -> BadInput:
    return BadInput("sandbox.crashed", "the confined process ended before it had answered")


def open_pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    """((inbox, outbox) for the child, (to, fro) for us). Larger than the default where the system lets us: fewer turns for a file's bytes."""
    inbox, to = os.pipe()
    fro, outbox = os.pipe()
    for end in (to, fro):
        with contextlib.suppress(OSError):
            fcntl.fcntl(end, getattr(fcntl, "F_SETPIPE_SZ", _SET_PIPE_SIZE), _PIPE_BYTES)
    return (inbox, outbox), (to, fro)
