"""Vendors in memory: authorities that certify, GPUs that answer, TPMs that quote. They sign as the real ones do; only their roots are nobody's.

authority = Authority("A vendor's root")
gpu = Gpu(authority, product="GH100", serial="0001")
gpu.report(nonce)                                     # bytes, as a driver hands them out

tpm = Tpm("rsa")
tpm.document({"sha256": registers}, nonce=b"asked")   # JSON, as format `tpm` wants it
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

FROM, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)
P384 = ec.SECP384R1()


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass
class Authority:
    """A root, or an intermediate of another one."""

    name: str
    above: Authority | None = None
    path_length: int | None = None
    ca: bool = True
    until: datetime = UNTIL
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(P384))

    def __post_init__(self) -> None:
        constraints = x509.BasicConstraints(self.ca, self.path_length)
        self.certificate = (self.above or self).certify(self.name, self.key.public_key(), [(constraints, True)], until=self.until)

    def certify(
        self, name: str, key: Any, extensions: Sequence[tuple[Any, bool]] = (), *, until: datetime = UNTIL, serial: int = 77
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(named(self.name), named(name), key, serial, FROM, until)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA384())

    @property
    def chain(self) -> list[x509.Certificate]:
        return [self.certificate, *(self.above.chain if self.above else [])]

    @property
    def pin(self) -> str:
        return hashlib.sha256(self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


class Gpu:
    """A device that answers GET_MEASUREMENTS of SPDM 1.1."""

    def __init__(self, authority: Authority, *, product: str = "GH100", serial: str = "48B0", firmware: bytes = b"\x07" * 48) -> None:
        self.product, self.firmware = product, firmware
        self.key = ec.generate_private_key(P384)
        name = f"NVIDIA:{product}:{serial}".encode()
        other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.412.274.1"), b"\x0c" + bytes([len(name)]) + name)
        fwid = bytes.fromhex("303d06096086480165030402020430") + firmware
        extensions = [
            (x509.SubjectAlternativeName([other]), False),
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.23.133.5.4.1"), b"\x30" + bytes([len(fwid)]) + fwid), False),
        ]
        self.certificates = [authority.certify(f"{product} leaf", self.key.public_key(), extensions), *authority.chain]

    @property
    def chain(self) -> bytes:
        return pem(self.certificates)

    def report(
        self,
        nonce: bytes,
        *,
        measurements: Mapping[int, bytes] | None = None,
        opaque: Sequence[tuple[int, bytes]] | None = None,
        request: bytes = bytes.fromhex("11e001ff"),
        slot: int = 0,
        answer: bytes = bytes.fromhex("11600000"),
    ) -> bytes:
        """Signed, whatever is in it."""
        values = measurements if measurements is not None else {1: b"\x01" * 48, 2: b"\x02" * 48}
        record = b"".join(struct.pack("<BBHBH", index, 1, len(value) + 3, 1, len(value)) + value for index, value in values.items())
        told = opaque if opaque is not None else [(3, b"590.12\0"), (6, bytes.fromhex("00a5009601000000")), (20, self.firmware), (36, b"\1\0")]
        data = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in told)
        signed = request + nonce + bytes([slot]) + answer + bytes([len(values)]) + len(record).to_bytes(3, "little") + record
        signed += b"\x5a" * 32 + struct.pack("<H", len(data)) + data
        return signed + self.sign(signed)

    def sign(self, signed: bytes) -> bytes:
        r, s = utils.decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA384())))
        return r.to_bytes(48, "big") + s.to_bytes(48, "big")

    def listed(self, nonce: bytes, **told: Any) -> dict[str, str]:
        """One item of the vendor's list."""
        return {
            "arch": "HOPPER",
            "certificate": base64.b64encode(self.chain).decode(),
            "evidence": base64.b64encode(self.report(nonce, **told)).decode(),
            "nonce": nonce.hex(),
        }


ALGORITHMS = {"sha1": 0x04, "sha256": 0x0B, "sha384": 0x0C, "sha512": 0x0D}
HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
SCHEMES = {"rsassa": 0x14, "rsapss": 0x16, "ecdsa": 0x18}
ATTESTING = 0x50072  # fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class Tpm:
    """An attestation key and the quotes that it signs. `kind`: rsassa, rsapss or ecdsa (P-256)."""

    def __init__(self, kind: str = "rsassa", *, digest: str = "sha256", attributes: int = ATTESTING) -> None:
        self.kind, self.digest, self.attributes = kind, digest, attributes
        self.key: Any = ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else _rsa_key()

    @property
    def public(self) -> bytes:
        """TPMT_PUBLIC."""
        numbers = self.key.public_key().public_numbers()
        head = struct.pack(">HHIH", 0x23 if self.kind == "ecdsa" else 0x01, 0x0B, self.attributes, 0)
        scheme = struct.pack(">HHH", 0x10, SCHEMES[self.kind], ALGORITHMS[self.digest])
        if self.kind == "ecdsa":
            return head + scheme + struct.pack(">HH", 3, 0x10) + sized(numbers.x.to_bytes(32, "big")) + sized(numbers.y.to_bytes(32, "big"))
        return head + scheme + struct.pack(">HI", 2048, 0) + sized(numbers.n.to_bytes(256, "big"))

    @property
    def ak(self) -> str:
        """As a policy names it."""
        return hashlib.sha256(self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    def attest(self, bank: str, registers: Mapping[int, bytes], nonce: bytes, *, resets: int = 4, kind: int = 0x8018) -> bytes:
        """TPMS_ATTEST over these registers."""
        bitmap = sum(1 << index for index in registers).to_bytes(3, "little")
        digest = hashlib.new(self.digest, b"".join(registers[index] for index in sorted(registers))).digest()
        clock = struct.pack(">QIIBQ", 1234, resets, 0, 1, 0x2020)
        return (
            b"\xffTCG"
            + struct.pack(">H", kind)
            + sized(b"\0\x0b" + bytes(32))
            + sized(nonce)
            + clock
            + struct.pack(">IHB", 1, ALGORITHMS[bank], 3)
            + bitmap
            + sized(digest)
        )

    def sign(self, signed: bytes) -> bytes:
        """TPMT_SIGNATURE."""
        head, digest = struct.pack(">HH", SCHEMES[self.kind], ALGORITHMS[self.digest]), HASHES[self.digest]
        if self.kind == "ecdsa":
            r, s = utils.decode_dss_signature(self.key.sign(signed, ec.ECDSA(digest)))
            return head + sized(r.to_bytes(32, "big")) + sized(s.to_bytes(32, "big"))
        scheme = padding.PKCS1v15() if self.kind == "rsassa" else padding.PSS(padding.MGF1(digest), digest.digest_size)
        return head + sized(self.key.sign(signed, scheme, digest))

    def quote(self, bank: str, registers: Mapping[int, bytes], nonce: bytes, **told: Any) -> dict[str, Any]:
        signed = self.attest(bank, registers, nonce, **told)
        shown = {str(index): value.hex() for index, value in registers.items()}
        return {"bank": bank, "quote": base64.b64encode(signed).decode(), "signature": base64.b64encode(self.sign(signed)).decode(), "pcrs": shown}

    def document(self, banks: Mapping[str, Mapping[int, bytes]], *, nonce: bytes = b"asked", **more: Any) -> bytes:
        quotes = [self.quote(bank, registers, nonce) for bank, registers in banks.items()]
        return json.dumps({"format": "tpm2", "ak_public": base64.b64encode(self.public).decode(), "quotes": quotes} | more).encode()


def sized(raw: bytes) -> bytes:
    return struct.pack(">H", len(raw)) + raw
