"""An account that only grows: a file of JSON lines, each with the SHA-256 of the line before, locked by who writes it and synced line by line.

    {"before":"<64 zeros>","event":{...}}
    {"before":"<sha256 of line 0>","event":{...}}

A line that a crash cut off was never synced, so nothing was done on the strength of it: it is dropped. Damage anywhere else is refused. It needs no
key, unlike `log`, and so proves nothing to others.
Limit: who may write the file can rewrite it whole, or put an older copy in its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from velatura.errors import BadInput, Missing, VelaturaError
from velatura.files import alone, sync

__all__ = ["ChainedFile"]

NOTHING_BEFORE = "0" * 64


class ChainedFile:
    """`with` it, or close it: no other process can open it meanwhile.

    Args:
        path: an existing file; with `new` one that is not there yet (mode 0600).

    Attributes:
        events: those that the file held when it was opened, and those that were appended.

    Raises:
        Missing: `crypto.chain-missing`. BadInput: `crypto.chain-damaged`, `crypto.chain-busy`, `crypto.chain-there`.
    """

    def __init__(self, path: Path, *, new: bool = False) -> None:
        self._path = path
        self._descriptor = _opened(path, new=new)
        self.events: list[dict[str, Any]] = []
        try:
            alone(self._descriptor)
            self._last = self._read()
            if new:
                sync(path.parent)
        except OSError as error:
            os.close(self._descriptor)
            raise BadInput("crypto.chain-busy", f"{path}: another process has it open", hint="one at a time") from error
        except BaseException:
            os.close(self._descriptor)
            raise

    def append(self, event: Mapping[str, Any]) -> None:
        """Nothing may be done on the strength of an event before this returns: then it is on the disk.

        Raises:
            VelaturaError: `files.unwritable`: the disk is full, or took it not; the file is as it was.
        """
        line = json.dumps({"before": self._last, "event": dict(event)}, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            left = memoryview(line)
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, end)
            raise VelaturaError("files.unwritable", f"{self._path}: cannot be written: {error.strerror}", hint="make room on the disk") from error
        self.events.append(dict(event))
        self._last = hashlib.sha256(line).hexdigest()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _read(self) -> str:
        """Fill `events`; the digest of the last line."""
        raw = b""
        while block := os.read(self._descriptor, 1 << 20):
            raw += block
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            os.ftruncate(self._descriptor, len(whole))
        last = NOTHING_BEFORE
        for number, line in enumerate(whole.splitlines(keepends=True), 1):
            try:
                read = json.loads(line)
                if read["before"] != last or not isinstance(read["event"], dict) or set(read) != {"before", "event"}:
                    raise ValueError
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise BadInput("crypto.chain-damaged", f"{self._path}: line {number} is damaged", hint="restore it from a copy") from error
            self.events.append(read["event"])
            last = hashlib.sha256(line).hexdigest()
        return last


def _opened(path: Path, *, new: bool) -> int:
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | (os.O_CREAT | os.O_EXCL if new else 0)
    try:
        return os.open(path, flags, 0o600)
    except FileExistsError as error:
        raise BadInput("crypto.chain-there", f"{path}: is already there", hint="it is another account's: choose another name") from error
    except OSError as error:
        raise Missing("crypto.chain-missing", f"{path}: cannot be opened: {error.strerror}", hint="restore it from a copy") from error
