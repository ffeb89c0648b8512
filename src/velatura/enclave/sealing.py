"""What leaves sealed: an output for the job's recipient, and a job's own state, which only another enclave of the same kind opens.

An output is one HPKE box (`crypto.hpke`) whose `info` is its head: which job made it, and under which name.

    magic "VLOUTPUT" | u32 head bytes | head (JSON) | box

State is a STREAM under a key that the relying party derives from a root of its own and from what the state is bound to: a policy (its digest), so
that what meets the policy opens it, or a measurement and the job's code, so that this very program does. The key is given to an enclave after its
evidence was verified, as a data set's is. A counter's value stands in the state: `counters.py`.

Limit: `process` and clouds without a counter do not notice an older state that is put back; `counters.py` says which do.
Source: RFC 9180; sealing to identity or to signer as in Intel SGX (EGETKEY), with the relying party in place of the processor.
"""

from __future__ import annotations

import io
import struct
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from velatura.crypto.aead import ChunkedAead
from velatura.crypto.hpke import OVERHEAD, open_sealed, seal
from velatura.crypto.keys import Entropy, Identity, Recipient
from velatura.crypto.secret import Secret
from velatura.enclave.binding import framed
from velatura.errors import BadInput, Withheld
from velatura.specs import Spec

__all__ = [
    "SEALED_OVERHEAD",
    "Bound",
    "OutputHead",
    "StateGrant",
    "is_sealed_output",
    "open_output",
    "open_state",
    "seal_output",
    "seal_state",
    "state_key",
]

MAGIC = b"VLOUTPUT"
HEAD = struct.Struct(">8sI")
MOST_HEAD = 4096
SEALED_OVERHEAD = HEAD.size + MOST_HEAD + OVERHEAD


class OutputHead(Spec, frozen=True, kw_only=True):
    """Of a sealed output. Anyone could have sealed it: believe it as far as the record that came with it."""

    output: Literal[1] = 1
    job: str
    name: str


def seal_output(content: bytes, to: Recipient, *, job: str, name: str) -> bytes:
    """Inside: one output for the job's recipient. job: its digest, hex."""
    head = msgspec.json.encode(OutputHead(job=job, name=name), order="sorted")
    front = HEAD.pack(MAGIC, len(head)) + head
    return front + seal(content, to, info=framed(b"velatura-output-v1", front))


def is_sealed_output(raw: bytes) -> bool:
    """Whether a file begins like one."""
    return raw.startswith(MAGIC)


def open_output(raw: bytes, identity: Identity) -> tuple[OutputHead, bytes]:
    """What was sealed, and its head.

    Raises:
        BadInput: `enclave.sealed-output`: not one. Withheld: `crypto.key-does-not-open`.
    """
    try:
        magic, size = HEAD.unpack_from(raw)
        if magic != MAGIC or size > MOST_HEAD:
            raise ValueError
        front = raw[: HEAD.size + size]
        head = msgspec.json.decode(front[HEAD.size :], type=OutputHead)
    except (struct.error, ValueError, RecursionError) as error:
        raise BadInput("enclave.sealed-output", "this is no sealed output of a job", hint="a file NAME.sealed of `velatura enclave run`") from error
    return head, open_sealed(raw[len(front) :], identity, info=framed(b"velatura-output-v1", front))


class Bound(Spec, frozen=True, kw_only=True):
    """What a state's key is bound to.

    Attributes:
        to: "policy" or "measurement".
        value: of a policy its digest; of a measurement it, and the digest of the job's code; hex.
        name: of the state.
    """

    to: Literal["policy", "measurement"]
    value: str
    name: str


class StateHead(Spec, frozen=True, kw_only=True):
    """Of a sealed state; authentic once it opens. counter: the value at which it was sealed; None: nothing counts."""

    state: Literal[1] = 1
    bound: Bound
    counter: int | None


class StateGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What stands in the box that the relying party gives to an enclave. counter: what it reads now; None: nothing counts."""

    key: bytes
    bound: Bound
    counter: int | None


def state_key(root: Secret, bound: Bound) -> Secret:
    """The relying party's: one key for each thing that a state is bound to. root: 32 bytes that it keeps."""
    told = framed(b"velatura-state-v1", bound.to.encode(), bytes.fromhex(bound.value), bound.name.encode())
    return Secret(HKDF(algorithm=SHA256(), length=32, salt=None, info=told).derive(root.reveal()))


def seal_state(content: bytes, key: Secret, bound: Bound, *, counter: int | None, entropy: Entropy) -> bytes:
    """Inside: a state, under the key that the relying party gave."""
    sink = io.BytesIO()
    head = msgspec.json.encode(StateHead(bound=bound, counter=counter), order="sorted")
    writer = ChunkedAead(key, b"velatura-state-v1").writer(sink, header=head, entropy=entropy)
    writer.write(content)
    writer.finish()
    return sink.getvalue()


def open_state(raw: bytes, key: Secret, bound: Bound, *, counter: int | None) -> bytes:
    """Inside: a state that is bound to the same, and is the latest.

    Args:
        counter: what the counter reads now; None: nothing counts, and an older state is not noticed.

    Raises:
        BadInput: `crypto.not-a-stream`. Withheld: `crypto.stream-refused`; `enclave.rollback`: it is older, or was made where nothing counted.
    """
    reader = ChunkedAead(key, b"velatura-state-v1").reader(io.BytesIO(raw))
    content = reader.read()
    try:
        head = msgspec.json.decode(reader.header, type=StateHead)
    except msgspec.MsgspecError as error:
        raise BadInput("enclave.state", "this encrypted file is no state of a job") from error
    if head.bound != bound:
        raise Withheld("crypto.stream-refused", "it does not open: another key or purpose, or it was changed")
    if counter is not None and head.counter != counter:
        told = "where nothing counted" if head.counter is None else f"at {head.counter}"
        raise Withheld("enclave.rollback", f"the state was sealed {told}, and the counter reads {counter}", hint="an older state was put back")
    return content
