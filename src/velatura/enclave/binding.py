"""What ties one session together: nonce, the enclave's key, policy and job, hashed into the 64 bytes that evidence carries.

    report data = SHA-512("velatura-enclave-v1", nonce, key, policy digest, job digest), each part with its length before it

Without the lengths, two lists of parts could give the same bytes. Formats differ in where they have room:

    sev-snp tdx sgx            report data itself, 64 bytes
    nitro                      nonce in `nonce`, report data in `user_data`, the key in `public_key`
    process simulated          nonce and report data, each under its name
    tpm vm azure-snp azure-tdx SHA-256 of report data in the quote's extraData, which is no larger on many TPMs
    nvidia                     the same, in the 32 bytes of its nonce; beside a processor see `evidence.nvidia.gpu_nonce`

Source: RFC 9334, section 10 (freshness by nonce); RFC 9180, section 8.1 (binding context by `info`).
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NONCE_BYTES", "Binding", "framed", "info", "report_data"]

NONCE_BYTES = 32

WHOLE = frozenset({"sev-snp", "tdx", "sgx"})
QUOTED = frozenset({"tpm", "vm", "azure-snp", "azure-tdx", "nvidia"})
NAMED = frozenset({"process", "simulated"})


def framed(*parts: bytes) -> bytes:
    """The parts, each after its length: no two different lists give the same bytes."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def report_data(nonce: bytes, key: bytes, policy_digest: bytes, job_digest: bytes) -> bytes:
    """64 bytes. `key`: the enclave's public key, raw; the digests: 32 bytes each."""
    return hashlib.sha512(framed(b"velatura-enclave-v1", nonce, key, policy_digest, job_digest)).digest()


def info(bound: bytes, dataset: str, purpose: str) -> bytes:
    """HPKE's `info` of the box with a data set's key, in the session whose report data is `bound`: it opens in no other, and for no other data."""
    return framed(b"velatura-enclave-v1 box", bound, dataset.encode(), purpose.encode())


@dataclass(frozen=True, slots=True)
class Binding:
    """One session's values, as its relying party reckons them.

    Attributes:
        nonce: 32 bytes, the relying party's.
        key: the enclave's public key, raw.
        policy: its digest, hex.
        job: its digest, hex.
    """

    nonce: bytes
    key: bytes
    policy: str
    job: str

    @property
    def report_data(self) -> bytes:
        return report_data(self.nonce, self.key, bytes.fromhex(self.policy), bytes.fromhex(self.job))

    def expected(self, named: str) -> bytes:
        """What the nonce place of a format must hold."""
        if named in WHOLE:
            return self.report_data
        return hashlib.sha256(self.report_data).digest() if named in QUOTED else self.nonce

    def missing(self, named: str, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of claims that must carry this session beside the nonce place, and do not."""
        wanted: dict[str, str] = {}
        if named in NAMED:
            wanted = {"report_data": self.report_data.hex(), "recipient": self.key.hex(), "job": self.job}
        elif named == "nitro":
            wanted = {"user_data": self.report_data.hex(), "public_key": self.key.hex()}
        return tuple(name for name, value in wanted.items() if not hmac.compare_digest(str(claims.get(name, "")).encode(), value.encode()))
