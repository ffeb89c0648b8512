"""A file that hides its number from Pillow."""

from __future__ import annotations

import io
from typing import BinaryIO

__all__ = ["PlainFile"]


class PlainFile(io.RawIOBase):
    """A file without its number: given one, Pillow writes past Python and reports a full disk as "encoder error -2"."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._inner = file

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, raw: bytes) -> int:  # type: ignore[override]  # bytes-like of any kind
        return self._inner.write(raw)

    def read(self, count: int = -1) -> bytes:
        return self._inner.read(count)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def truncate(self, size: int | None = None) -> int:
        return self._inner.truncate(size)

    def flush(self) -> None:
        self._inner.flush()
