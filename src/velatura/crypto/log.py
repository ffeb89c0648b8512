"""A log that cannot be rewritten unseen: JSON lines, each with the SHA-256 of the line before, and signed heads between them.

    {"log":"<random id>","seq":0,"prev":"<64 zeros>","signer":"velatura-verifier-1-..."}
    {"log":"...","seq":1,"prev":"<sha256 of line 0>","event":{...}}
    {"log":"...","seq":2,"prev":"<sha256 of line 1>","signature":"<hex of Ed25519 over log id, seq and prev>"}

A signature covers every line before it. `verify_log` accepts a file only if it ends in a signed line, so an edited, moved, repeated,
inserted or removed line, and a cut end, are refused.
Limit: a file cut exactly after an earlier signed line is a true older state. Only someone who remembers a later `Head` notices: keep it
elsewhere (with the consumer, in a retained status) and give it as `at_least`. Whoever holds the signer's key can write another history.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from velatura.crypto import keytext
from velatura.crypto.keys import Entropy, Signer, Verifier
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.files import sync

__all__ = ["Head", "SignedLog", "verify_log"]

MAX_LINE = 1 << 20
NOTHING_BEFORE = "0" * 64
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Head:
    """A signed state of a log: its id, the number of the signed line, and the SHA-256 of that line."""

    log: str
    seq: int
    digest: str


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    log: str
    seq: int
    prev: str
    event: dict[str, Any] | None = None
    signer: str | None = None
    signature: str | None = None


class SignedLog:
    """Appends to one log. One writer at a time: two on one file break the chain, which then no longer verifies."""

    def __init__(self, stream: BinaryIO, signer: Signer, *, entropy: Entropy, _after: Head | None = None) -> None:
        """Begin a new log in `stream`, an empty file opened for writing."""
        self._stream, self._signer, self._signed = stream, signer, True
        self.id = _after.log if _after else entropy(16).hex()
        self._seq, self._prev = (_after.seq + 1, _after.digest) if _after else (0, NOTHING_BEFORE)
        if not _after:
            self._put(signer=keytext.encode(signer.verifier))
            self.checkpoint()

    @classmethod
    def create(cls, path: Path, signer: Signer, *, entropy: Entropy) -> SignedLog:
        """A new file, mode 0600; one that exists is refused (`crypto.log-exists`)."""
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        except FileExistsError as error:
            raise BadSpec("crypto.log-exists", f"{path}: is already there", hint="continue it, or choose another name") from error
        os.fchmod(handle, 0o600)
        return cls(os.fdopen(handle, "ab"), signer, entropy=entropy)

    @classmethod
    def resume(cls, path: Path, signer: Signer, *, at_least: Head | None = None) -> SignedLog:
        """Continue a file, after verifying it. An end that was never signed (a crash) is refused: start a new log and say so in it."""
        with path.open("rb") as stream:
            head = _last_head(stream, signer.verifier, at_least)
        return cls(path.open("ab"), signer, entropy=os.urandom, _after=head)

    def append(self, event: Mapping[str, Any]) -> int:
        """Add an event (anything JSON can hold) and return its number. It is flushed, but signed only by the next `checkpoint`."""
        number = self._seq
        self._put(event=dict(event))
        self._signed = False
        return number

    def checkpoint(self) -> Head:
        """Sign all that stands so far, sync it to the disk, and return the head to remember elsewhere."""
        seq = self._seq
        signature = self._signer.sign(_to_sign(self.id, seq, self._prev))
        self._put(signature=signature.hex())
        self._signed = True
        name = getattr(self._stream, "name", None)
        if isinstance(name, str | os.PathLike):
            sync(Path(name))
        return Head(self.id, seq, self._prev)

    def close(self) -> None:
        """Sign what is not signed yet and close the stream. Nothing happens the second time."""
        if self._stream.closed:
            return
        if not self._signed:
            self.checkpoint()
        self._stream.close()

    def __enter__(self) -> SignedLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, **content: Any) -> None:
        line = _encode(_Line(log=self.id, seq=self._seq, prev=self._prev, **content))
        if len(line) >= MAX_LINE:
            raise BadInput("crypto.log-line", "an event of a log has at most 1 MiB", hint="log a digest of it instead")
        self._stream.write(line + b"\n")
        self._stream.flush()
        self._seq, self._prev = self._seq + 1, hashlib.sha256(line).hexdigest()


def verify_log(stream: BinaryIO, verifier: Verifier, *, at_least: Head | None = None) -> Iterator[dict[str, Any]]:
    """The events of a log, oldest first. The file is read twice: nothing is handed out before all of it is verified.

    Args:
        stream: can seek; at most 1 MiB a line.
        verifier: of whom the log must be; the name in the log itself is not believed.
        at_least: a head seen before; the log must still contain it, unchanged.

    Raises:
        Withheld: `crypto.log-refused`, with the number of the first line that is wrong.
    """
    start = stream.tell()
    head = _last_head(stream, verifier, at_least)
    stream.seek(start)
    return (line.event for line, _ in _chained(stream, until=head) if line.event is not None)


def _last_head(stream: BinaryIO, verifier: Verifier, at_least: Head | None) -> Head:
    head, seen, line = None, at_least is None, None
    for line, digest in _chained(stream):
        if line.signature is not None:
            _check_signature(line, verifier)
            head = Head(line.log, line.seq, digest)
            seen = seen or head == at_least
        if line.signer is not None and line.signer != keytext.encode(verifier):
            raise _refused(line.seq, "is another signer's")
    if head is None or line is None or head.seq != line.seq:
        raise Withheld("crypto.log-refused", "the log does not end in a signed line: its end was cut, or it was not closed")
    if not seen:
        raise Withheld("crypto.log-refused", "the log does not contain the state that was seen before: it was cut or rewritten")
    return head


def _chained(stream: BinaryIO, until: Head | None = None) -> Iterator[tuple[_Line, str]]:
    """Lines whose form, number and digest of the line before are right, each with its own digest."""
    log, prev, seq = "", NOTHING_BEFORE, 0
    while raw := stream.readline(MAX_LINE + 1):
        line = _parse(raw, seq)
        if line.seq != seq or line.prev != prev or (seq and line.log != log):
            raise _refused(seq, "does not follow the line before")
        log, prev, seq = line.log, hashlib.sha256(raw[:-1]).hexdigest(), seq + 1
        yield line, prev
        if until is not None and line.seq == until.seq:
            if prev != until.digest:
                raise _refused(line.seq, "changed while it was read")
            return


def _parse(raw: bytes, seq: int) -> _Line:
    if not raw.endswith(b"\n") or len(raw) > MAX_LINE:
        raise _refused(seq, "is cut or too long")
    try:
        line = msgspec.json.decode(raw, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(seq, "is not a line of a log") from error
    kinds = (line.event is not None) + (line.signer is not None) + (line.signature is not None)
    if kinds != 1 or (line.signer is not None) != (seq == 0) or not re.fullmatch(r"[0-9a-f]{32}", line.log):
        raise _refused(seq, "is not a line of a log")
    # The last line's own bytes are covered by no later line: only one way of writing them is accepted.
    if line.event is None and (_encode(line) != raw[:-1] or not re.fullmatch(r"[0-9a-f]{128}", line.signature or "0" * 128)):
        raise _refused(seq, "is not written as we write it")
    return line


def _check_signature(line: _Line, verifier: Verifier) -> None:
    try:
        verifier.check(bytes.fromhex(line.signature or ""), _to_sign(line.log, line.seq, line.prev))
    except (VelaturaError, ValueError) as error:
        raise _refused(line.seq, "is not signed by this signer") from error


def _to_sign(log: str, seq: int, prev: str) -> bytes:
    return b"velatura log head 1\x00" + f"{log}:{seq}:{prev}".encode("ascii")


def _refused(seq: int, why: str) -> Withheld:
    return Withheld("crypto.log-refused", f"line {seq + 1} of the log {why}")
