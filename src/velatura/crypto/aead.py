"""Long secrets in pieces: AES-256-GCM in the STREAM construction, for files larger than memory.

    magic "VLSTREAM" | u16 version | u32 chunk bytes | u32 header bytes | header | salt 32 | chunks

Key (32 bytes) and nonce prefix (7 bytes) come from HKDF-SHA256(master, salt, purpose and everything before the salt, each with its
length); a chunk's nonce is prefix | u32 counter | u8 last. So a changed header, another purpose, a lost, added, repeated or moved chunk,
a cut end and another file's chunk are all refused. A file has at most 2^32 - 1 chunks (4 PiB at 1 MiB).

Limits: what a reader hands out before its end is authentic but may be only the beginning: use none of it until `read` has ended without an
error. The length shows. Source: Hoang, Reyhanitabar, Rogaway, Vizar, CRYPTO 2015, "STREAM"; NIST SP 800-38D; RFC 5869.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from velatura.crypto.keys import Entropy
from velatura.crypto.secret import Secret
from velatura.errors import BadInput, Withheld

__all__ = ["ChunkReader", "ChunkWriter", "ChunkedAead"]

MAGIC = b"VLSTREAM"
VERSION = 1
HEAD = struct.Struct(">8sHII")
SALT_BYTES, TAG_BYTES = 32, 16
Buffer: TypeAlias = bytes | bytearray | memoryview
MAX_HEADER, MAX_CHUNK = 1 << 20, 1 << 26


@dataclass(frozen=True, slots=True)
class ChunkedAead:
    """A master key and what it may be used for.

    Attributes:
        master: at least 32 bytes; each file gets keys of its own.
        purpose: names the use ("velatura dataset 1", policy digest ...); the reader must give the same.
        chunk_bytes: of plaintext in a chunk, for writing.
    """

    master: Secret
    purpose: bytes
    chunk_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        if len(self.master) < 32 or not 1 <= self.chunk_bytes <= MAX_CHUNK:
            raise ValueError("a master key has 32 bytes or more, a chunk 1 byte to 64 MiB")

    def writer(self, sink: BinaryIO, *, header: bytes = b"", entropy: Entropy) -> ChunkWriter:
        """Begin a file in `sink`. The header is authenticated, not encrypted; `entropy` gives the salt, which must never repeat."""
        if len(header) > MAX_HEADER:
            raise ValueError("a header has at most 1 MiB")
        head = HEAD.pack(MAGIC, VERSION, self.chunk_bytes, len(header)) + header
        salt = entropy(SALT_BYTES)
        if len(salt) != SALT_BYTES:
            raise ValueError("entropy gave too few bytes")
        sink.write(head + salt)
        return ChunkWriter(sink, _Chunks(self, head, salt), self.chunk_bytes)

    def reader(self, source: BinaryIO) -> ChunkReader:
        """Read a file's beginning and verify it; the header is authentic when this returns.

        Raises:
            BadInput: `crypto.not-a-stream`: not such a file, or sizes out of bounds.
            Withheld: `crypto.stream-refused`: another key or purpose, or something was changed; no more is told.
        """
        fixed = _read_up_to(source, HEAD.size)
        if len(fixed) != HEAD.size or fixed[:8] != MAGIC:
            raise BadInput("crypto.not-a-stream", "this is not an encrypted file of velatura")
        _, version, chunk_bytes, header_bytes = HEAD.unpack(fixed)
        if version != VERSION or header_bytes > MAX_HEADER or not 1 <= chunk_bytes <= MAX_CHUNK:
            raise BadInput("crypto.not-a-stream", "this encrypted file has a version or sizes that are not supported")
        header, salt = _read_up_to(source, header_bytes), _read_up_to(source, SALT_BYTES)
        if len(header) != header_bytes or len(salt) != SALT_BYTES:
            raise _refused()
        return ChunkReader(source, _Chunks(self, fixed + header, salt), chunk_bytes, header)


class _Chunks:
    """Keys and counter of one file."""

    def __init__(self, aead: ChunkedAead, head: bytes, salt: bytes) -> None:
        info = b"".join(struct.pack(">Q", len(part)) + part for part in (b"velatura stream 1", aead.purpose, head))
        derived = HKDF(algorithm=SHA256(), length=39, salt=salt, info=info).derive(aead.master.reveal())
        self._cipher, self._prefix, self._counter = AESGCM(derived[:32]), derived[32:], 0

    def encrypt(self, chunk: Buffer, into: bytearray, *, last: bool) -> memoryview:
        """The chunk and its tag, at the beginning of `into`: memory that is used again costs no page faults, which are half of the whole."""
        size = memoryview(chunk).nbytes + TAG_BYTES
        place = memoryview(into)[:size]
        self._cipher.encrypt_into(self._nonce(last), chunk, None, place)
        return place

    def decrypt(self, chunk: bytes, *, last: bool) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(last), chunk, None)
        except (InvalidTag, ValueError) as error:
            raise _refused() from error

    def _nonce(self, last: bool) -> bytes:
        if self._counter >= (1 << 32) - 1:
            raise Withheld("crypto.stream-too-long", "a stream has at most 2^32 - 1 chunks", hint="split it into several files")
        nonce = self._prefix + struct.pack(">IB", self._counter, last)
        self._counter += 1
        return nonce


class ChunkWriter:
    """Takes plaintext in any pieces. Without `finish` the file is not readable: that is how a cut file shows."""

    def __init__(self, sink: BinaryIO, chunks: _Chunks, chunk_bytes: int) -> None:
        self._sink, self._chunks, self._size = sink, chunks, chunk_bytes
        self._held = bytearray()
        self._into = bytearray(chunk_bytes + TAG_BYTES)
        self._finished = False

    def write(self, plaintext: bytes | memoryview) -> None:
        if self._finished:
            raise ValueError("the stream is finished")
        view = memoryview(plaintext).cast("B")
        while view:
            if not self._held and len(view) > self._size:  # not the last one: more of it is here
                self._put(view[: self._size], last=False)
                view = view[self._size :]
                continue
            if len(self._held) == self._size:  # a full chunk waits until it is known not to be the last
                self._flush(last=False)
                continue
            room = self._size - len(self._held)
            self._held += view[:room]
            view = view[room:]

    def finish(self) -> None:
        """Write the last chunk; empty only if all is empty."""
        if self._finished:
            raise ValueError("the stream is finished")
        self._flush(last=True)
        self._finished = True

    def _flush(self, *, last: bool) -> None:
        self._put(self._held, last=last)
        self._held.clear()

    def _put(self, chunk: bytearray | memoryview, *, last: bool) -> None:
        self._sink.write(self._chunks.encrypt(chunk, self._into, last=last))


class ChunkReader:
    """Gives the plaintext chunk by chunk.

    Attributes:
        header: authenticated.
    """

    def __init__(self, source: BinaryIO, chunks: _Chunks, chunk_bytes: int, header: bytes) -> None:
        self.header = header
        self._source, self._chunks, self._size = source, chunks, chunk_bytes + TAG_BYTES
        self._ahead = _read_up_to(source, self._size)
        self._first, self._more = self._open_next()
        if self._more and not self._first:
            raise _refused()

    def __iter__(self) -> Iterator[bytes]:
        """Chunks in order, once. Raises Withheld `crypto.stream-refused`."""
        chunk, more = self._first, self._more
        yield chunk
        while more:
            chunk, more = self._open_next()
            if not chunk:
                raise _refused()
            yield chunk

    def read(self) -> bytes:
        """All of it, verified to the end."""
        return b"".join(self)

    def _open_next(self) -> tuple[bytes, bool]:
        current, self._ahead = self._ahead, _read_up_to(self._source, self._size)
        last = not self._ahead
        return self._chunks.decrypt(current, last=last), not last


def _read_up_to(source: BinaryIO, size: int) -> bytes:
    """`size` bytes, or fewer only at the end: a pipe may give less at a time."""
    parts, missing = [], size
    while missing:
        part = source.read(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _refused() -> Withheld:
    return Withheld("crypto.stream-refused", "it does not open: another key or purpose, or it was changed")
