"""The input file as its decoder sees it: a file that can be read and searched, without a file.

The child may open nothing, so it asks its parent for ranges. Blocks are cached (a demuxer jumps between sound, pictures and index), and at most
`blocks` of them are held: a clip of any length is read in bounded memory.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable

from velatura.media.wire import READ_LIMIT

__all__ = ["Feed"]

_BLOCK = 256 << 10


class Feed(io.RawIOBase):
    """Reads through `fetch(offset, count)`, which answers with exactly the bytes that the file has there.

    Args:
        fetch: count is never above `READ_LIMIT` and never reaches over the end.
        size: of the file.
        blocks: of 256 KiB each, held at once.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, *, blocks: int = 16) -> None:
        super().__init__()
        self._fetch, self._blocks = fetch, blocks
        self.size = size
        self._at = 0
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._newest = -1

    def again(self) -> Feed:
        """The same file, read from a place of its own."""
        return Feed(self._fetch, self.size, blocks=self._blocks)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if at < 0:
            raise OSError("a place before the start of the file")
        self._at = at
        return at

    def read(self, count: int | None = -1) -> bytes:
        left = max(0, self.size - self._at)
        count = left if count is None or count < 0 else min(count, left)
        parts = []
        while count > 0:
            part = self._some(count)
            parts.append(part)
            count -= len(part)
            self._at += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # all that we are given is a memoryview
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def _some(self, count: int) -> bytes:
        """Bytes at the current place, at least one, at most `count`."""
        number, within = divmod(self._at, _BLOCK)
        if within == 0 and count >= READ_LIMIT and number not in self._held:
            return self._fetch(self._at, READ_LIMIT)  # a whole file is being read: past the cache
        block = self._held.get(number)
        if block is None:
            self._load(number)
            block = self._held[number]
        self._held.move_to_end(number)
        return block[within : within + count]

    def _load(self, number: int) -> None:
        """Fetch a block; where it follows the last one fetched, three more with it."""
        ahead = READ_LIMIT if number == self._newest + 1 and number else _BLOCK
        start = number * _BLOCK
        raw = self._fetch(start, min(ahead, self.size - start))
        for at in range(0, len(raw), _BLOCK):
            self._newest = number + at // _BLOCK
            self._held[self._newest] = raw[at : at + _BLOCK]
        # The block that was asked for must not be the one that is pushed out.
        self._held.move_to_end(number)
        while len(self._held) > max(self._blocks, 4):
            self._held.popitem(last=False)
