"""What crosses between owner and server: one form for ciphertexts, keys and artefacts, checked before SEAL sees a byte.

    "VLHE" | version u16 | kind u8 | flags u8 | parameter set 32 | key 16 | program 32 | level u8 | scale f64 | count u32 | length u64
    payload | BLAKE2b-256

Little-endian; the digest is over all before it. Two of three single flipped bits load into garbage without a word from SEAL, and so does what another
key of the same parameters made: the digest and the ids are the defence. The digest has no key: it stands against accident. Who could have sent a
message is for the transport to say (TLS, a token), and a server that changes ciphertexts on purpose is not noticed: CKKS is malleable.

Checks come in this order: header there, magic, version, kind, flags, length against what the parameters allow, digest, ids, level, scale, count.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from math import isfinite
from pathlib import Path

from velatura.errors import BadInput
from velatura.files import open_regular

__all__ = [
    "DIGEST_BYTES",
    "HEADER_BYTES",
    "INSECURE",
    "Expected",
    "Header",
    "Kind",
    "Message",
    "check_header",
    "ciphertexts",
    "open_message",
    "payload_of",
    "read_header",
    "read_message",
    "seal_message",
    "whole_message",
]

VERSION = 1
INSECURE = 1
"""Flag: the parameters are beyond the security table because somebody asked for that."""
DIGEST_BYTES = 32
_MAGIC = b"VLHE"
_HEADER = struct.Struct("<4sHBB32s16s32sBdIQ")
HEADER_BYTES = _HEADER.size
_LENGTHS = struct.Struct("<II")
_AGAIN = "ask for the message again"
_BOTH_ENDS = "the same velatura at both ends"
_TOGETHER = "files of one program and one compilation belong together"


class Kind(IntEnum):
    """What a message is. Inputs and results are ciphertexts, `count` of them."""

    INPUT = 1
    RESULT = 2
    EVALUATION_KEYS = 3
    SECRET_KEY = 4
    CLIENT = 5
    SERVER = 6

    @property
    def words(self) -> str:
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Header:
    """
    Args:
        parameters: digest of the parameter set. key: id of the secret key; zeros where none is concerned. program: digest of the server's program.
        level, scale: of the first ciphertext, else 0. count: ciphertexts, else 0.
    """

    kind: Kind
    parameters: bytes
    program: bytes
    key: bytes = bytes(16)
    flags: int = 0
    level: int = 0
    scale: float = 0.0
    count: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    header: Header
    payload: memoryview


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader knows beforehand; None: anything.

    Args:
        most: bytes of the payload.
        multiple: `count` is a multiple of it, and not 0.
    """

    kind: Kind
    most: int
    parameters: bytes | None = None
    program: bytes | None = None
    key: bytes | None = None
    level: int | None = None
    scale: float | None = None
    multiple: int | None = None


def seal_message(header: Header, payload: bytes | bytearray | memoryview) -> bytes:
    """A whole message; `header.length` is set to the payload's."""
    head = _HEADER.pack(
        _MAGIC,
        VERSION,
        header.kind,
        header.flags,
        header.parameters,
        header.key,
        header.program,
        header.level,
        header.scale,
        header.count,
        len(payload),
    )
    digest = blake2b(head, digest_size=DIGEST_BYTES)
    digest.update(payload)
    return b"".join([head, payload, digest.digest()])


def read_header(raw: bytes | memoryview) -> Header:
    """The header of a message of which that much at least has come.

    Raises:
        BadInput: `he.truncated`, `he.magic`, `he.version`, `he.kind`, `he.flags`.
    """
    if len(raw) < HEADER_BYTES:
        raise BadInput("he.truncated", f"a message of {len(raw)} bytes has no header", hint=_AGAIN)
    magic, version, kind, flags, parameters, key, program, level, scale, count, length = _HEADER.unpack_from(raw)
    if magic != _MAGIC:
        raise BadInput("he.magic", "this is no message of velatura's homomorphic encryption", hint="give a file that `velatura he` wrote")
    if version != VERSION:
        raise BadInput("he.version", f"the message has version {version} of the format, this program knows {VERSION}", hint=_BOTH_ENDS)
    if kind not in set(Kind):
        raise BadInput("he.kind", f"there is no kind {kind} of message", hint=_AGAIN)
    if flags & ~INSECURE:
        raise BadInput("he.flags", f"the message has flags {flags:#x} that nobody knows", hint=_BOTH_ENDS)
    return Header(Kind(kind), parameters, program, key, flags, level, scale, count, length)


def check_header(header: Header, expected: Expected, *, size: int) -> None:
    """Kind and lengths: all that can be judged before the payload is taken. `size`: bytes of the whole message.

    Raises:
        BadInput: `he.secret-sent`, `he.kind`, `he.too-large`, `he.length`.
    """
    if header.kind is not expected.kind:
        if header.kind is Kind.SECRET_KEY:
            hint = "keep it to yourself; if it has left this machine, make new keys"
            raise BadInput("he.secret-sent", "a secret key was given where none belongs; it was not kept", hint=hint)
        raise BadInput("he.kind", f"this is a message of kind {header.kind.words}; {expected.kind.words} is wanted", hint="give the other file")
    if header.length > expected.most:
        raise BadInput("he.too-large", f"a payload of {header.length} bytes; these parameters allow {expected.most}", hint=_AGAIN)
    if size != HEADER_BYTES + header.length + DIGEST_BYTES:
        raise BadInput("he.length", f"a message of {size} bytes says that it has {HEADER_BYTES + header.length + DIGEST_BYTES}", hint=_AGAIN)


def open_message(raw: bytes | bytearray | memoryview, expected: Expected) -> Message:
    """A message that is whole and is what was expected.

    Raises:
        BadInput: as `read_header` and `check_header`; `he.digest`, `he.foreign-parameters`, `he.foreign-program`, `he.foreign-key`, `he.level`,
            `he.scale`, `he.count`.
    """
    view = memoryview(raw).cast("B")
    header = read_header(view)
    check_header(header, expected, size=len(view))
    if blake2b(view[:-DIGEST_BYTES], digest_size=DIGEST_BYTES).digest() != view[-DIGEST_BYTES:]:
        raise BadInput("he.digest", "the message was damaged on its way: its digest does not fit", hint=_AGAIN)
    _compare(header, expected)
    return Message(header, view[HEADER_BYTES:-DIGEST_BYTES])


def read_message(path: Path, expected: Expected) -> Message:
    """As `open_message`, from a file, of which no more is read than the header allows.

    Raises:
        BadInput: also `he.unreadable`.
    """
    return open_message(whole_message(path, expected), expected)


def whole_message(path: Path, expected: Expected) -> bytes:
    """The bytes of a message that `open_message` opens; of the file no more is read than its header allows.

    Raises:
        BadInput: as `read_message`.
    """
    try:
        with open_regular(path) as stream:
            head = stream.read(HEADER_BYTES)
            stream.seek(0, 2)
            size = stream.tell()
            check_header(read_header(head), expected, size=size)
            stream.seek(0)
            raw = stream.read(size + 1)
        open_message(raw, expected)
    except OSError as error:
        raise BadInput("he.unreadable", f"{path}: cannot be read: {error.strerror}", hint="check the name") from error
    except BadInput as error:
        raise _at(path, error) from error
    return raw


def _at(path: Path, error: BadInput) -> BadInput:
    return BadInput(error.code, f"{path}: {error.sentence}", hint=error.hint)


def _compare(header: Header, expected: Expected) -> None:
    if expected.parameters is not None and header.parameters != expected.parameters:
        raise BadInput("he.foreign-parameters", "the message belongs to other parameters", hint=_TOGETHER)
    if expected.program is not None and header.program != expected.program:
        raise BadInput("he.foreign-program", "the message belongs to another program", hint=_TOGETHER)
    if expected.key is not None and header.key != expected.key:
        raise BadInput("he.foreign-key", "the message belongs to another key", hint="give the key that it was encrypted with")
    if expected.level is not None and header.level != expected.level:
        raise BadInput("he.level", f"a ciphertext with {header.level} primes left, where {expected.level} are expected", hint=_AGAIN)
    if not isfinite(header.scale) or (expected.scale is not None and header.scale != expected.scale):
        raise BadInput("he.scale", f"a ciphertext of scale {header.scale:g}, where another is expected", hint=_AGAIN)
    if expected.multiple is not None and (not header.count or header.count % expected.multiple):
        raise BadInput("he.count", f"{header.count} ciphertexts, where a multiple of {expected.multiple} is expected", hint=_AGAIN)
    if expected.multiple is None and header.count:
        raise BadInput("he.count", f"{header.count} ciphertexts, where none are expected", hint=_AGAIN)


def payload_of(blobs: Sequence[bytes | memoryview], samples: int) -> bytes:
    """A payload of ciphertexts: number of samples, number of ciphertexts, their lengths, themselves."""
    lengths = struct.pack(f"<{len(blobs)}I", *map(len, blobs))
    return b"".join([_LENGTHS.pack(samples, len(blobs)), lengths, *blobs])


def ciphertexts(payload: bytes | memoryview, *, count: int, most: int) -> tuple[list[memoryview], int]:
    """The ciphertexts of a payload, and the number of samples that they hold.

    Args:
        count: as the header says.
        most: bytes of one ciphertext.

    Raises:
        BadInput: `he.count`, `he.length`.
    """
    view = memoryview(payload)
    at = _LENGTHS.size + 4 * count
    if len(view) < at:
        raise BadInput("he.length", "a payload ends before its table", hint=_AGAIN)
    samples, said = _LENGTHS.unpack_from(view)
    if said != count or not samples:
        raise BadInput("he.count", f"a payload of {said} ciphertexts and {samples} samples under a header of {count}", hint=_AGAIN)
    lengths = struct.unpack_from(f"<{count}I", view, _LENGTHS.size)
    if max(lengths) > most or at + sum(lengths) != len(view):
        raise BadInput("he.length", "ciphertexts are longer or shorter than the payload says", hint=_AGAIN)
    found = []
    for length in lengths:
        found.append(view[at : at + length])
        at += length
    return found, samples
