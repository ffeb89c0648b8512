"""AWS Nitro of our own: a root, intermediates and an enclave whose documents are really signed.

world = NitroWorld()
world.trust(monkeypatch)
verify(world.document(nonce=b"asked"), policy, now=NOW)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from velatura.enclave.evidence import cbor, nitro, roots

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
PROTECTED = cbor.encode({1: -35})
Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP384R1())


def name_of(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def spki(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class NitroWorld:
    """One region with one enclave."""

    root_key: Key = field(default_factory=new_key)
    zone_key: Key = field(default_factory=new_key)
    key: Key = field(default_factory=new_key)

    def certify(
        self,
        common: str,
        key: Key,
        issuer: str,
        by: Key,
        *,
        ca: bool = True,
        room: int | None = None,
        since: datetime = NOW - timedelta(days=1),
        until: datetime = NOW + timedelta(hours=3),
        serial: int = 7,
    ) -> bytes:
        builder = x509.CertificateBuilder(name_of(issuer), name_of(common), key.public_key(), serial, since, until)
        builder = builder.add_extension(x509.BasicConstraints(ca, room), critical=True)
        return builder.sign(by, hashes.SHA384()).public_bytes(Encoding.DER)

    @cached_property
    def root(self) -> bytes:
        return self.certify("aws.nitro-enclaves", self.root_key, "aws.nitro-enclaves", self.root_key)

    @cached_property
    def zone(self) -> bytes:
        return self.certify("zone", self.zone_key, "aws.nitro-enclaves", self.root_key, room=0)

    @cached_property
    def leaf(self) -> bytes:
        return self.certify("enclave", self.key, "zone", self.zone_key, ca=False)

    def trust(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pin = hashlib.sha256(spki(self.root_key)).hexdigest()
        monkeypatch.setattr(roots, "ROOTS", dict(roots.ROOTS) | {"aws-nitro": roots.Root("none", "a root of ours", pin)})
        monkeypatch.setattr(nitro, "pinned_chain", lambda _: (self.root,))

    def fields(self, **changed: Any) -> dict[str, Any]:
        """In the order of real documents; None leaves a field out, `...` writes null."""
        found: dict[str, Any] = {
            "module_id": "i-0a1b-enc0c1d",
            "digest": "SHA384",
            "timestamp": int(NOW.timestamp() * 1000),
            "pcrs": {index: bytes([index + 1]) * 48 for index in range(16)},
            "certificate": self.leaf,
            "cabundle": [self.root, self.zone],
            "public_key": ...,
            "user_data": ...,
            "nonce": ...,
        } | changed
        return {name: None if value is ... else value for name, value in found.items() if value is not None}

    def document(self, **changed: Any) -> bytes:
        return self.signed(cbor.encode(self.fields(**changed)))

    def signed(self, payload: bytes, *, key: Key | None = None) -> bytes:
        told = cbor.encode(["Signature1", PROTECTED, b"", payload])
        r, s = decode_dss_signature((key or self.key).sign(told, ec.ECDSA(hashes.SHA384())))
        return self.message([PROTECTED, {}, payload, r.to_bytes(48, "big") + s.to_bytes(48, "big")])

    def message(self, parts: Sequence[Any]) -> bytes:
        return cbor.encode(list(parts))
