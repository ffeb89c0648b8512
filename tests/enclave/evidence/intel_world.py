"""An Intel of our own: root, platform, TCB signing, revocation lists, quotes and collateral.

All is really signed, so that a test can change what is signed.

    world = IntelWorld()
    quote = world.quote(version=4, attributes=DEBUG)
    world.trust(monkeypatch)
    verify(quote, policy, Companions(dcap=world.collateral()), now=NOW)

The TCB engine is the real one, with this world's root.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dcap_qvl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from velatura.enclave.evidence import dcap, dcap_collateral, roots

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FMSPC, PCEID = bytes.fromhex("00A06F050000"), bytes(2)
DEBUG, SEPT_VE_DISABLE, MIGRATABLE = 1 << 0, 1 << 28, 1 << 29
SGX_OID = "1.2.840.113741.1.13.1"
Key = ec.EllipticCurvePrivateKey


def der(tag: int, value: bytes) -> bytes:
    size = bytes([len(value)]) if len(value) < 128 else b"\x82" + len(value).to_bytes(2, "big")
    return bytes([tag]) + size + value


def identifier(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    out = bytearray([first * 40 + second])
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        out += bytes(reversed(digits))
    return der(0x06, bytes(out))


def pair(dotted: str, value: bytes) -> bytes:
    return der(0x30, identifier(dotted) + value)


def sgx_extension(fmspc: bytes, svns: Sequence[int], pcesvn: int) -> bytes:
    parts = [pair(f"{SGX_OID}.2.{place}", der(0x02, bytes([svn]))) for place, svn in enumerate((*svns, pcesvn), 1)]
    tcb = der(0x30, b"".join(parts) + pair(f"{SGX_OID}.2.18", der(0x04, bytes(svns))))
    listed = [(1, der(0x04, bytes(16))), (2, tcb), (3, der(0x04, PCEID)), (4, der(0x04, fmspc)), (5, der(0x0A, b"\0"))]
    return der(0x30, b"".join(pair(f"{SGX_OID}.{number}", value) for number, value in listed))


def raw_signature(key: Key, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def point(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def sgx_body(*, debug: bool = False, mrsigner: bytes = b"\x11" * 32, prodid: int = 1, svn: int = 7, data: bytes = bytes(64)) -> bytes:
    body = bytearray(384)
    body[48] = 0x15 if not debug else 0x17
    body[56] = 0xE7
    body[64:96], body[128:160] = b"\x22" * 32, mrsigner
    body[256:260] = struct.pack("<HH", prodid, svn)
    body[320:384] = data
    return bytes(body)


def td_body(*, attributes: int = SEPT_VE_DISABLE, service: bytes | None = None, data: bytes = bytes(64), rtmrs: Sequence[bytes] = ()) -> bytes:
    body = bytearray(584 if service is None else 648)
    body[0:3] = bytes([5, 0, 2])
    body[120:128] = attributes.to_bytes(8, "little")
    body[128:136] = bytes.fromhex("e702060000000000")
    body[136:184] = b"\x33" * 48
    for index, value in enumerate(rtmrs):
        body[328 + 48 * index : 376 + 48 * index] = value
    body[520:584] = data
    if service is not None:
        body[584:587], body[600:648] = bytes([5, 0, 2]), service
    return bytes(body)


class IntelWorld:
    """Keys are made once; everything that is signed is made anew as a test asks for it."""

    SIGNER = b"\x44" * 32

    def __init__(self) -> None:
        self.root_key, self.ca_key, self.pck_key, self.tcb_key, self.attestation_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(5))
        self.root = self.certificate("Intel SGX Root CA", self.root_key, "Intel SGX Root CA", self.root_key, ca=1)
        self.ca = self.certificate("Intel SGX PCK Processor CA", self.ca_key, "Intel SGX Root CA", self.root_key, ca=0)
        self.pck = self.platform_leaf()
        self.tcb = self.certificate("Intel SGX TCB Signing", self.tcb_key, "Intel SGX Root CA", self.root_key)

    def platform_leaf(self, *, fmspc: bytes = FMSPC, svns: Sequence[int] = (3,) * 16, pcesvn: int = 11, serial: int = 77) -> x509.Certificate:
        extension = sgx_extension(fmspc, svns, pcesvn)
        return self.certificate(
            "Intel SGX PCK Certificate", self.pck_key, "Intel SGX PCK Processor CA", self.ca_key, extension=extension, serial=serial
        )

    def certificate(
        self,
        subject: str,
        key: Key,
        issuer: str,
        signer: Key,
        *,
        ca: int | None = None,
        extension: bytes = b"",
        serial: int | None = None,
        since: datetime = NOW - timedelta(days=400),
        until: datetime = NOW + timedelta(days=4000),
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]),
            key.public_key(),
            serial or x509.random_serial_number(),
            since,
            until,
        )
        signs = ca is not None
        builder = builder.add_extension(x509.BasicConstraints(signs, ca), critical=True)
        usage = x509.KeyUsage(not signs, not signs, False, False, False, signs, signs, False, False)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        place = x509.DistributionPoint([x509.UniformResourceIdentifier("https://crl.example/list.der")], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([place]), critical=False)
        if extension:
            builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(SGX_OID), extension), critical=False)
        return builder.sign(signer, hashes.SHA256())

    def crl(self, issuer: str, key: Key, *, revoked: Sequence[int] = (), issued: datetime = NOW - timedelta(days=2)) -> bytes:
        builder = x509.CertificateRevocationListBuilder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]), issued, issued + timedelta(days=30)
        )
        builder = builder.add_extension(x509.CRLNumber(1), critical=False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        for serial in revoked:
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, issued).build())
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    @staticmethod
    def pem(*certificates: x509.Certificate) -> str:
        return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)

    def quote(
        self,
        tee: str = "tdx",
        version: int = 4,
        *,
        body: bytes | None = None,
        qe_body: bytes | None = None,
        chain: Sequence[x509.Certificate] | None = None,
        pck_key: Key | None = None,
        auth: bytes = bytes(32),
        padding: bytes = b"",
        tail: bytes = b"",
    ) -> bytes:
        """A quote whose every signature holds. `tail`: bytes inside the signature data after the chain's text."""
        body = body if body is not None else (sgx_body() if tee == "sgx" else td_body(service=bytes(48) if version == 5 else None))
        head = struct.pack("<HHI", version, 2, 0 if tee == "sgx" else 0x81) + bytes(4) + bytes.fromhex("939a7233f79c4ca9940a0db3957f0607") + bytes(20)
        if version == 5:
            head += struct.pack("<HI", {384: 1, 584: 2, 648: 3}[len(body)], len(body))
        key = point(self.attestation_key)
        bound = hashlib.sha256(key + auth).digest() + bytes(32)
        qe_report = (qe_body or sgx_body(mrsigner=self.SIGNER, prodid=1 if tee == "sgx" else 2))[:320] + bound
        text = self.pem(*(chain or (self.pck, self.ca, self.root))).encode() + tail
        inner = (
            qe_report
            + raw_signature(pck_key or self.pck_key, qe_report)
            + struct.pack("<H", len(auth))
            + auth
            + struct.pack("<HI", 5, len(text))
            + text
        )
        if version > 3:
            inner = struct.pack("<HI", 6, len(inner)) + inner
        signature = raw_signature(self.attestation_key, head + body) + key + inner
        return head + body + struct.pack("<I", len(signature)) + signature + padding

    def tcb_info(self, tee: str = "tdx", **changes: Any) -> dict[str, Any]:
        level = {
            "tcb": {"sgxtcbcomponents": [{"svn": 2}] * 16, "pcesvn": 11},
            "tcbDate": "2024-11-13T00:00:00Z",
            "tcbStatus": "UpToDate",
        }
        told: dict[str, Any] = {
            "id": tee.upper(),
            "version": 3,
            "issueDate": "2026-02-20T00:00:00Z",
            "nextUpdate": "2026-03-20T00:00:00Z",
            "fmspc": FMSPC.hex().upper(),
            "pceId": PCEID.hex(),
            "tcbType": 0,
            "tcbEvaluationDataNumber": 18,
        }
        if tee == "tdx":
            level["tcb"]["tdxtcbcomponents"] = [{"svn": 5}, {"svn": 0}, {"svn": 2}, *[{"svn": 0}] * 13]  # type: ignore[index]
            told["tdxModule"] = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
        return told | {"tcbLevels": [level]} | changes

    def identity(self, tee: str = "tdx", **changes: Any) -> dict[str, Any]:
        return {
            "id": "QE" if tee == "sgx" else "TD_QE",
            "version": 2,
            "issueDate": "2026-02-20T00:00:00Z",
            "nextUpdate": "2026-03-20T00:00:00Z",
            "tcbEvaluationDataNumber": 18,
            "miscselect": "00000000",
            "miscselectMask": "FFFFFFFF",
            "attributes": "11000000000000000000000000000000",
            "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
            "mrsigner": self.SIGNER.hex(),
            "isvprodid": 1 if tee == "sgx" else 2,
            "tcbLevels": [{"tcb": {"isvsvn": 4}, "tcbDate": "2024-11-13T00:00:00Z", "tcbStatus": "UpToDate"}],
        } | changes

    def collateral(
        self,
        tee: str = "tdx",
        *,
        tcb_info: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
        signer: Key | None = None,
        chain: Sequence[x509.Certificate] | None = None,
        **members: Any,
    ) -> bytes:
        """Signed anew. `members` win over those that were made."""
        texts = {
            "tcb_info": json.dumps(tcb_info or self.tcb_info(tee), separators=(",", ":")),
            "qe_identity": json.dumps(identity or self.identity(tee), separators=(",", ":")),
        }
        made: dict[str, Any] = {
            "pck_crl_issuer_chain": self.pem(self.ca, self.root),
            "root_ca_crl": self.crl("Intel SGX Root CA", self.root_key).hex(),
            "pck_crl": self.crl("Intel SGX PCK Processor CA", self.ca_key).hex(),
        }
        for name, text in texts.items():
            made |= {name: text, f"{name}_issuer_chain": self.pem(*(chain or (self.tcb, self.root)))}
            made[f"{name}_signature"] = raw_signature(signer or self.tcb_key, text.encode()).hex()
        return json.dumps(made | members).encode()

    def trust(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pin this world's root instead of Intel's, for us and for the engine."""
        pin = hashlib.sha256(self.root.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
        monkeypatch.setattr(roots, "ROOTS", {"intel-sgx": roots.Root("intel-sgx-root-ca.der", "a root for tests", pin)})
        root = self.root.public_bytes(Encoding.DER)
        for module in (dcap, dcap_collateral):
            monkeypatch.setattr(module, "pinned_chain", lambda _: (root,))
        with_root = dcap_qvl.verify_with_root_ca
        monkeypatch.setattr(dcap_qvl, "verify", lambda quote, collateral, now: with_root(quote, collateral, root, now))
