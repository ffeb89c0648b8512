"""A data set, sealed by its owner for one purpose: who may open it, for what, how often, and what may come out.

The file is a STREAM (`crypto.aead`): chunks of 1 MiB under AES-256-GCM, with a salt of its own, so that no two files share nonces. The terms stand in
its header and, with the policy's digest, purpose, uses and outputs, in what keys are derived from: under other terms it does not open. Nothing is
held in memory but a chunk.

Limit: terms bind who has the key, which is the owner, and the broker that he gives it to; once a job has the key, the job's own code is what keeps to
the purpose, and its digest is in the evidence. Source: notes in `crypto.aead` (STREAM), RFC 5869 (HKDF).
"""

from __future__ import annotations

import hashlib
import re
import struct
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

import msgspec

from velatura.crypto import keytext
from velatura.crypto.aead import HEAD, MAGIC, MAX_HEADER, SALT_BYTES, ChunkedAead, ChunkReader, ChunkWriter
from velatura.crypto.keys import Entropy, Recipient
from velatura.crypto.secret import Secret
from velatura.enclave.binding import framed
from velatura.enclave.outputs import FIELDS, valid_name
from velatura.errors import BadInput, BadSpec, Withheld, nearest
from velatura.files import open_regular
from velatura.progress import SILENT, Progress
from velatura.specs import Spec

__all__ = ["Terms", "header_of", "identity", "is_sealed", "open_dataset", "seal", "unseal"]

CHUNK = 1 << 20
MOST_USES, MOST_OUTPUTS = 1_000_000, 32


class Terms(Spec, frozen=True, kw_only=True):
    """What a data set is released for.

    Attributes:
        policy: digest of the policy that evidence must meet, hex.
        purpose: a job's input must name the same.
        uses: how often the key is released, at most.
        outputs: what a job may declare: `NAME`, `NAME:TYPE` or `NAME:TYPE:sealed`; `state:ID`: it may keep state under that key.
        recipient: whom sealed outputs must be for, as a word.
        code: SHA-256 of the files of code and networks that may have it, hex; none: whatever keeps to the rest.
    """

    policy: str
    purpose: str
    uses: int
    outputs: tuple[str, ...]
    recipient: str | None = None
    code: tuple[str, ...] = ()

    @property
    def context(self) -> bytes:
        """What the key is bound to beside the file's header."""
        one, many = (self.policy, self.purpose, str(self.uses), self.recipient or ""), (self.outputs, self.code)
        lists = (framed(*(word.encode() for word in words)) for words in many)
        return framed(b"velatura-dataset-v1", *(word.encode() for word in one), *lists)

    def check(self) -> None:
        """Raises BadSpec `enclave.terms`."""
        if not re.fullmatch(r"[0-9a-f]{64}", self.policy):
            raise BadSpec("enclave.terms", "the terms name no policy's digest")
        if not self.purpose.strip() or len(self.purpose) > 200 or not self.purpose.isprintable():
            raise BadSpec("enclave.terms", "a purpose is 1 to 200 printable characters", hint='--purpose "train a classifier of digits"')
        if not 1 <= self.uses <= MOST_USES:
            raise BadSpec("enclave.terms", f"{self.uses} uses", hint=f"1 to {MOST_USES}")
        if not 1 <= len(self.outputs) <= MOST_OUTPUTS:
            raise BadSpec("enclave.terms", f"{len(self.outputs)} outputs", hint=f"--outputs NAME,NAME: 1 to {MOST_OUTPUTS} of what a job may put out")
        for word in self.outputs:
            _check_output(word)
        if len({word.partition(":")[0] for word in self.outputs}) != len(self.outputs):
            raise BadSpec("enclave.terms", "an output is named twice")
        for digest in self.code:
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                raise BadSpec("enclave.terms", "code is named by SHA-256 in lower-case hex", hint="--code FILE")
        if self.recipient is not None and not isinstance(keytext.decode(self.recipient), Recipient):
            raise BadSpec("enclave.terms", "the recipient is no recipient's key", hint="velatura keys new -o KEY")
        if self.recipient is None and any(word.endswith(":sealed") for word in self.outputs):
            raise BadSpec("enclave.terms", "an output is to be sealed, and nobody is named to whom", hint="--recipient KEY.pub")


class Header(Spec, frozen=True, kw_only=True):
    """Of the file; authentic once it opens. `archive`: several files, as tar."""

    dataset: Literal[1] = 1
    terms: Terms
    archive: bool = False


def seal(sources: Sequence[Path], sink: BinaryIO, terms: Terms, key: Secret, *, entropy: Entropy, progress: Progress = SILENT) -> None:
    """Write a sealed data set of one file, or of several (and of folders), which then are found by their names.

    Raises:
        BadSpec: `enclave.terms`. BadInput: `enclave.data`: a source that cannot be read, is no regular file, or has the name of another one.
    """
    terms.check()
    files = _files(sources)
    archive = len(files) > 1 or any(source.is_dir() for source in sources)
    header = msgspec.json.encode(Header(terms=terms, archive=archive), order="sorted")
    writer = ChunkedAead(key, terms.context, CHUNK).writer(sink, header=header, entropy=entropy)
    progress.start("sealing", float(sum(path.stat().st_size for path in files.values())), "bytes")
    try:
        if archive:
            _write_archive(files, writer, progress)
        else:
            for path in files.values():
                _pour(path, writer.write, progress)
    except OSError as error:
        raise BadInput("enclave.data", f"{error.filename or 'a source'}: cannot be read: {error.strerror or error}") from error
    writer.finish()
    progress.finish()


def open_dataset(source: BinaryIO, terms: Terms, key: Secret) -> tuple[Header, ChunkReader]:
    """Header and chunks of a sealed data set, for those who hold its key.

    Raises:
        BadInput: `crypto.not-a-stream`. Withheld: `crypto.stream-refused`: another key, other terms, or it was changed.
    """
    reader = ChunkedAead(key, terms.context).reader(source)
    header = _header(reader.header)
    if header.terms != terms:
        raise Withheld("crypto.stream-refused", "it does not open: another key or purpose, or it was changed")
    return header, reader


def unseal(source: BinaryIO, target: Path, terms: Terms, key: Secret, *, progress: Progress = SILENT) -> int:
    """What was sealed, into `target`: a file, or for several an empty folder. Bytes of it. Nothing of it is to be used unless this returns.

    Raises:
        BadInput, Withheld: as `open_dataset`. BadInput: `enclave.data`: an archive with names that lead elsewhere.
    """
    header, reader = open_dataset(source, terms, key)
    progress.start("unsealing", None, "bytes")
    count = _read_archive(reader, target) if header.archive else _write_file(reader, target, progress)
    progress.finish()
    return count


def is_sealed(stream: BinaryIO) -> bool:
    """Whether a file begins like one; the stream stands at its beginning again."""
    found = stream.read(len(MAGIC)) == MAGIC
    stream.seek(0)
    return found


def identity(stream: BinaryIO) -> str:
    """A data set's id: SHA-256 of all that stands before its chunks, hex. The salt in it makes it unique, and chunks open under no other.

    Raises:
        BadInput: `enclave.data`.
    """
    return hashlib.sha256(_before_chunks(stream)).hexdigest()


def header_of(stream: BinaryIO) -> Header:
    """What a file says of itself, for messages: nothing of it is proven before it opens. Raises BadInput `enclave.data`."""
    return _header(_before_chunks(stream)[HEAD.size : -SALT_BYTES])


def _before_chunks(stream: BinaryIO) -> bytes:
    fixed = stream.read(HEAD.size)
    try:
        magic, _, _, header_bytes = HEAD.unpack(fixed)
    except struct.error:
        magic, header_bytes = b"", 0
    if magic != MAGIC or header_bytes > MAX_HEADER:
        raise BadInput("enclave.data", "this is no sealed data set", hint="velatura enclave seal DATA -o FILE --policy P.toml")
    rest = stream.read(header_bytes + SALT_BYTES)
    if len(rest) != header_bytes + SALT_BYTES:
        raise BadInput("enclave.data", "this sealed data set is cut short in its header")
    return fixed + rest


def _header(raw: bytes) -> Header:
    try:
        return msgspec.json.decode(raw, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("enclave.data", "this encrypted file is no data set", hint="velatura enclave seal DATA -o FILE --policy P.toml") from error


def _check_output(word: str) -> None:
    name, _, rest = word.partition(":")
    kind, _, leave = rest.partition(":")
    if name == "state" and re.fullmatch(r"[0-9a-f]{64}", rest):
        return
    if not valid_name(name) or leave not in ("", "sealed", "released"):
        raise BadSpec("enclave.terms", f"{word!r} is no output", hint="NAME, NAME:TYPE, NAME:TYPE:sealed or state:ID")
    if rest and kind not in FIELDS:
        raise BadSpec("enclave.terms", f"{word!r}: there is no type {kind!r}", hint=nearest(kind, FIELDS))


def _files(sources: Sequence[Path]) -> dict[str, Path]:
    """Files by the names that they will have: of a folder all below it, without links, in the order of their names."""
    found: dict[str, Path] = {}
    for source in sources:
        below = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink()) if source.is_dir() else [source]
        for path in below:
            name = path.relative_to(source).as_posix() if source.is_dir() else path.name
            if name in found:
                raise BadInput("enclave.data", f"{path}: another file is called {name} too", hint="give them different names")
            if not path.is_file():
                raise BadInput("enclave.data", f"{path}: there is no such file, or it is no regular one", hint="look at the name")
            found[name] = path
    if not found:
        raise BadInput("enclave.data", "there is no file to seal", hint="name files, or a folder that has some")
    return found


def _pour(path: Path, write: Callable[[bytes], object], progress: Progress) -> None:
    with open_regular(path) as stream:
        while part := stream.read(4 * CHUNK):
            write(part)
            progress.advance(len(part))


class _Sink:
    """What tarfile writes to."""

    def __init__(self, writer: ChunkWriter) -> None:
        self._writer = writer

    def write(self, part: bytes) -> int:
        self._writer.write(part)
        return len(part)


def _write_archive(files: dict[str, Path], writer: ChunkWriter, progress: Progress) -> None:
    """Names and contents; no owner, no mode, no time."""
    sink: Any = _Sink(writer)
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK) as archive:
        for name, path in files.items():
            member = tarfile.TarInfo(name)
            with open_regular(path) as stream:
                member.size = path.stat().st_size
                archive.addfile(member, stream)
            progress.advance(member.size)


def _write_file(reader: ChunkReader, target: Path, progress: Progress) -> int:
    count = 0
    with target.open("wb") as stream:
        for chunk in reader:
            stream.write(chunk)
            count += len(chunk)
            progress.advance(len(chunk))
    return count


class _Source:
    """What tarfile reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._held = chunks, b""

    def read(self, size: int) -> bytes:
        parts, missing = [], size
        while missing:
            if not self._held:
                self._held = next(self._chunks, b"")
                if not self._held:
                    break
            parts.append(self._held[:missing])
            self._held = self._held[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)


def _read_archive(reader: ChunkReader, folder: Path) -> int:
    """Regular files with names that stay within the folder."""
    chunks = iter(reader)
    source: Any = _Source(chunks)
    count = 0
    try:
        with tarfile.open(fileobj=source, mode="r|", bufsize=CHUNK) as archive:
            for member in archive:
                name, held = PurePosixPath(member.name), archive.extractfile(member) if member.isreg() else None
                if held is None or name.is_absolute() or ".." in name.parts or not name.parts:
                    raise BadInput("enclave.data", f"{member.name!r} in the data set is no file within a folder")
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as stream:
                    while part := held.read(CHUNK):
                        stream.write(part)
                count += member.size
    except tarfile.TarError as error:
        raise BadInput("enclave.data", f"the data set's archive cannot be read: {error}") from error
    for _ in chunks:  # the end is verified too
        pass
    return count
