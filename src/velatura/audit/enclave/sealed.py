"""Both sides of tampered sealed files: the confined process, which opens them inside, and a reader that opens each piece by itself.

Such a reader looks at the tag of every piece, as the process does, and at nothing that ties the pieces to each other, to their head or to a count.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.random import Generator

from velatura.attacks.enclave.sealed_tampering import HONEST
from velatura.audit.enclave.material import CODE, JOB, small_job
from velatura.crypto import hpke
from velatura.crypto.aead import HEAD, SALT_BYTES, TAG_BYTES
from velatura.crypto.secret import Secret
from velatura.enclave.backends.backend import Enclave
from velatura.enclave.backends.process import ProcessBackend
from velatura.enclave.datasets import CHUNK, Terms, seal
from velatura.enclave.job import Job
from velatura.enclave.sealing import Bound, StateGrant, seal_state
from velatura.errors import Missing, VelaturaError
from velatura.files import private_folder

__all__ = ["SealedArm", "SealedStage"]

PIECES = 4
INFO = b"an audit's session"
ID = "5e" * 32
STATE = f'[state]\nid = "{ID}"\npurpose = "audit"\n'
BOUND = Bound(to="policy", value="ab" * 32, name=ID)
LATEST = 2
TERMS = Terms(policy="ab" * 32, purpose="audit", uses=1, outputs=("count:metrics",))
MORE = Terms(policy="ab" * 32, purpose="audit", uses=9, outputs=("count:metrics",))


@dataclass(frozen=True, slots=True)
class File:
    """A sealed data set: what stands before its pieces, and they."""

    head: bytes
    pieces: tuple[bytes, ...]


class Reader(Protocol):
    """Seals as an owner does, and opens. state: at a count, of a program; None: where nothing counts."""

    def sealed(self, data: bytes) -> File: ...
    def opens(self, file: File) -> bool: ...
    def kept(self, content: bytes, count: int | None, bound: Bound) -> bytes: ...
    def goes_on_from(self, state: bytes) -> bool: ...
    def widened(self, file: File) -> File:
        """With a head that allows more."""
        ...


class SealedStage:
    """A job whose input and state are sealed, and its process. Args: stack: ends both."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.key, self.state_key = os.urandom(32), os.urandom(32)
        self._enclave: Enclave | None = None

    @cached_property
    def first(self) -> File:
        """The job's input. It is sealed first, since the job names it by its head."""
        return self.made(bytes(PIECES * CHUNK - 9))

    @cached_property
    def job(self) -> Job:
        folder = Path(self._stack.enter_context(private_folder()))
        return small_job(folder, code=CODE, data=_joined(self.first), job=JOB + STATE)

    def made(self, data: bytes, terms: Terms = TERMS) -> File:
        sink = io.BytesIO()
        with ExitStack() as stack:
            source = Path(stack.enter_context(private_folder()), "data")
            source.write_bytes(data)
            seal([source], sink, terms, Secret(self.key), entropy=os.urandom)
        raw = sink.getvalue()
        start = HEAD.size + HEAD.unpack_from(raw)[3] + SALT_BYTES
        size = CHUNK + TAG_BYTES
        return File(raw[:start], tuple(raw[at : at + size] for at in range(start, len(raw), size)))

    def took(self, give: Callable[[Enclave], None]) -> bool:
        """Whether the process takes it; a process that took something has it, and is no use for another."""
        if self._enclave is None:
            self._enclave = self._stack.enter_context(ProcessBackend().start(self.job))
        try:
            give(self._enclave)
        except Missing:
            raise
        except VelaturaError:
            return False
        self._enclave.close()
        self._enclave = None
        return True


@dataclass(frozen=True, slots=True)
class _Inside:
    """The process of a real job."""

    stage: SealedStage

    def sealed(self, data: bytes) -> File:
        """The one that the job names, of zeros; any other is made."""
        return self.stage.first if data[:1] == b"\0" else self.stage.made(data)

    def opens(self, file: File) -> bool:
        def give(enclave: Enclave) -> None:
            box = hpke.seal(self.stage.key, enclave.recipient, info=INFO)
            enclave.take("data", box, INFO, TERMS.context, io.BytesIO(_joined(file)))

        return self.stage.took(give)

    def kept(self, content: bytes, count: int | None, bound: Bound) -> bytes:
        return seal_state(content, Secret(self.stage.state_key), bound, counter=count, entropy=os.urandom)

    def goes_on_from(self, state: bytes) -> bool:
        def give(enclave: Enclave) -> None:
            grant = msgspec.json.encode(StateGrant(key=self.stage.state_key, bound=BOUND, counter=LATEST))
            enclave.take_state(hpke.seal(grant, enclave.recipient, info=INFO), INFO, io.BytesIO(state))

        return self.stage.took(give)

    def widened(self, file: File) -> File:
        other = self.stage.made(b"1", MORE)
        return replace(file, head=other.head[:-SALT_BYTES] + file.head[-SALT_BYTES:])


class _Apart:
    """Each piece under the key, with a nonce of its own, and no more."""

    def __init__(self) -> None:
        self._key = AESGCM(os.urandom(32))

    def sealed(self, data: bytes) -> File:
        return File(b"uses 1", tuple(self._piece(data[at : at + CHUNK]) for at in range(0, len(data), CHUNK)))

    def opens(self, file: File) -> bool:
        return all(self._is_ours(piece) for piece in file.pieces)

    def kept(self, content: bytes, count: int | None, bound: Bound) -> bytes:
        return self._piece(content)

    def goes_on_from(self, state: bytes) -> bool:
        return self._is_ours(state)

    def widened(self, file: File) -> File:
        return replace(file, head=b"uses 9")

    def _piece(self, raw: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._key.encrypt(nonce, raw, None)

    def _is_ours(self, piece: bytes) -> bool:
        try:
            self._key.decrypt(piece[:12], piece[12:], None)
        except InvalidTag:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SealedArm:
    """Way -> whether it is opened. whole: False: the reader that opens each piece by itself."""

    stage: SealedStage
    whole: bool

    def __call__(self, secret: str, rng: Generator) -> bool:
        """Raises Missing: no process can be confined here."""
        return _WAYS[secret](_Inside(self.stage) if self.whole else _Apart())


def _joined(file: File) -> bytes:
    return file.head + b"".join(file.pieces)


def _pieces(change: Callable[[Sequence[bytes], Sequence[bytes]], Sequence[bytes]]) -> Callable[[Reader], bool]:
    """A way that changes the pieces of one data set, with those of another at hand."""

    def way(reader: Reader) -> bool:
        file, other = reader.sealed(bytes(PIECES * CHUNK - 9)), reader.sealed(b"\1" * (PIECES * CHUNK - 9))
        return reader.opens(replace(file, pieces=tuple(change(file.pieces, other.pieces))))

    return way


def _honest(reader: Reader) -> bool:
    return reader.opens(reader.sealed(bytes(PIECES * CHUNK - 9))) and reader.goes_on_from(reader.kept(b"2", LATEST, BOUND))


def _other_head(reader: Reader) -> bool:
    file, other = reader.sealed(bytes(PIECES * CHUNK - 9)), reader.sealed(b"\1" * (PIECES * CHUNK - 9))
    return reader.opens(replace(file, pieces=other.pieces))


def _other_terms(reader: Reader) -> bool:
    return reader.opens(reader.widened(reader.sealed(bytes(PIECES * CHUNK - 9))))


def _state(count: int | None, bound: Bound = BOUND) -> Callable[[Reader], bool]:
    return lambda reader: reader.goes_on_from(reader.kept(b"1", count, bound))


_WAYS: Mapping[str, Callable[[Reader], bool]] = {
    HONEST: _honest,
    "reordered": _pieces(lambda ours, _: [ours[1], ours[0], *ours[2:]]),
    "doubled": _pieces(lambda ours, _: [ours[0], *ours]),
    "left out": _pieces(lambda ours, _: [ours[0], *ours[2:]]),
    "cut": _pieces(lambda ours, _: ours[:-1]),
    "spliced": _pieces(lambda ours, theirs: [ours[0], theirs[1], *ours[2:]]),
    "other head": _other_head,
    "other terms": _other_terms,
    "rollback": _state(LATEST - 1),
    "uncounted": _state(None),
    "other state": _state(LATEST, msgspec.structs.replace(BOUND, value="cd" * 32)),
}
"""As `sealed_tampering.WAYS` names them."""
