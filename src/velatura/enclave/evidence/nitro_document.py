"""The payload of an AWS Nitro attestation document: bytes to fields. Nothing is trusted here.

Source: aws-nitro-enclaves-nsm-api, docs/attestation_process.md. It gives 512 bytes for `user_data` and `nonce` in one place and 1,024 in another
(issue 52 there); signed documents with 1,024 exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from velatura.enclave.evidence import cbor

__all__ = ["Document", "read_document"]

NEEDED = {"module_id": str, "digest": str, "timestamp": int, "pcrs": Mapping, "certificate": bytes, "cabundle": list}
OPTIONAL = ("public_key", "user_data", "nonce")
MOST_FIELD_BYTES, MOST_CERTIFICATE_BYTES, MOST_MS = 1024, 1024, 1 << 42
PCR_BYTES = 48


@dataclass(frozen=True, slots=True)
class Document:
    """One document.

    Attributes:
        made: by its own clock, to the millisecond.
        pcrs: index -> SHA-384.
        chain: certificates in DER, the leaf first, the root last.
        public_key, user_data, nonce: what the enclave put in; None where it put in nothing.
    """

    module_id: str
    made: datetime
    pcrs: Mapping[int, bytes]
    chain: tuple[bytes, ...]
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None

    @property
    def debug(self) -> bool:
        """Whether it started in debug mode, in which the first three PCRs are zero; a document that lacks one of them counts as such."""
        return any(not any(self.pcrs.get(index, b"")) for index in (0, 1, 2))

    @property
    def values(self) -> dict[str, bytes]:
        """PCRs by the names that policies use."""
        return {f"pcr{index}": self.pcrs[index] for index in sorted(self.pcrs)}

    def claims(self) -> dict[str, Any]:
        """Plain JSON, bytes as lower-case hex."""
        fields = {name: getattr(self, name) for name in OPTIONAL}
        return {
            "module_id": self.module_id,
            "time": self.made.isoformat(timespec="milliseconds"),
            "debug": self.debug,
            **{name: value.hex() for name, value in self.values.items()},
            **{name: value.hex() for name, value in fields.items() if value is not None},
        }


def read_document(payload: bytes) -> Document:
    """Raises ValueError: it breaks a rule of the format."""
    value, end = cbor.decode(payload, indefinite_levels=2)
    if not isinstance(value, Mapping) or end != len(payload):
        raise ValueError("the payload is not one map")
    found: dict[Any, Any] = dict(value)
    for name, kind in NEEDED.items():
        if not isinstance(found.get(name), kind):
            raise ValueError(f"the payload has no {name}, or not as it must be")
    if unknown := sorted(set(map(str, found)) - NEEDED.keys() - {*OPTIONAL, "nitrotpm_pcrs"}):
        raise ValueError(f"the payload has a field {unknown[0]!r} that is not known")
    if found["digest"] != "SHA384" or not found["module_id"]:
        raise ValueError("the digest is not SHA384, or the module has no name")
    optional = {name: _optional(found.get(name), name) for name in OPTIONAL}
    chain = (_certificate(found["certificate"]), *(_certificate(one) for one in reversed(found["cabundle"])))
    return Document(found["module_id"], _time(found["timestamp"]), _pcrs(found["pcrs"]), chain, **optional)


def _time(milliseconds: int) -> datetime:
    if not 0 <= milliseconds < MOST_MS:
        raise ValueError("the timestamp is not a time")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _optional(value: object, name: str) -> bytes | None:
    if value is not None and (not isinstance(value, bytes) or len(value) > MOST_FIELD_BYTES):
        raise ValueError(f"{name} is not of at most {MOST_FIELD_BYTES} bytes")
    return value


def _pcrs(found: Mapping[Any, Any]) -> Mapping[int, bytes]:
    for index, value in found.items():
        if not isinstance(index, int) or not 0 <= index < 32 or not isinstance(value, bytes) or len(value) != PCR_BYTES:
            raise ValueError(f"a PCR {index!r} that is none, or not of {PCR_BYTES} bytes")
    return found


def _certificate(value: object) -> bytes:
    if not isinstance(value, bytes) or not 1 <= len(value) <= MOST_CERTIFICATE_BYTES:
        raise ValueError(f"a certificate that is not of 1 to {MOST_CERTIFICATE_BYTES} bytes")
    return value
