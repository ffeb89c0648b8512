"""What an enclave and the holder of a data set's key say to each other, as JSON: a challenge, a request with evidence, a grant.

Names of RFC 9334: the holder is relying party and verifier in one; the enclave is the attester (background-check model).
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from velatura.enclave.counters import CounterRequest, CounterValue
from velatura.enclave.datasets import Terms
from velatura.errors import BadInput

__all__ = ["MOST_BYTES", "Asked", "Challenge", "Grant", "KeyHolder", "Request", "read", "write"]

MOST_BYTES = 24 << 20
"""Of a request: evidence, its companions (4 MiB each at most), a manifest, all in base64."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For a challenge. dataset: its id."""

    dataset: str


class Challenge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    Attributes:
        dataset: its id.
        nonce: 32 bytes, good once.
        format: of the evidence that is wanted.
        policy: its digest, hex, for the report data.
        expires_s: seconds for which the nonce is good.
    """

    dataset: str
    nonce: bytes
    format: str
    policy: str
    expires_s: float


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    Attributes:
        dataset: its id.
        nonce: the challenge's.
        key: the enclave's public key, raw.
        manifest: the job's (`manifest.py`).
        evidence: that carries all of it.
        companions: by name.
    """

    dataset: str
    nonce: bytes
    key: bytes
    manifest: bytes
    evidence: bytes
    companions: dict[str, bytes] = msgspec.field(default_factory=dict)


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    Attributes:
        box: the data set's key, to the enclave's (`binding.info`).
        terms: under which the file opens.
        use, uses: this is the `use`-th release of `uses`.
        policy: digest of the policy that the evidence met, hex.
        verdict, assurance: of the evidence.
        checks: that were made: name, outcome, what was compared.
    """

    box: bytes
    terms: Terms
    use: int
    uses: int
    policy: str
    verdict: str
    assurance: str
    checks: tuple[tuple[str, str, str], ...]


class KeyHolder(Protocol):
    """Who has a data set's key: its owner here (`holder.Holder`), or his broker elsewhere (`broker_client.RemoteBroker`)."""

    def challenge(self, dataset: str) -> Challenge: ...

    def grant(self, request: Request) -> Grant: ...

    def counter(self, asked: CounterRequest) -> CounterValue: ...


T = TypeVar("T")


def write(message: msgspec.Struct) -> bytes:
    return msgspec.json.encode(message)


def read(raw: bytes, kind: type[T]) -> T:
    """Hostile bytes as a message of a kind. Raises BadInput `enclave.message`."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("enclave.message", f"this is no {kind.__name__}: {error}") from error
