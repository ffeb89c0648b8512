"""An AMD of our own: root, intermediate, leaves and reports, all really signed, so that a test can change what is signed.

    world = AmdWorld("Turin", "vlek")
    world.trust(monkeypatch)
    policy = ...
    verify(world.report(), policy, world.companions(), now=NOW)

Leaves have serial number 0, as AMD's do, which the builder of `cryptography` refuses to write: so they are written here byte by byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from velatura.enclave.companions import Companions
from velatura.enclave.evidence import amd_chain, roots
from velatura.enclave.evidence.amd_leaf import SCHEMES
from velatura.enclave.evidence.der import oid

NOW = datetime(2026, 6, 30, tzinfo=UTC)
FROM, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
PSS = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
LAYOUTS = {"Turin": ("fmc", "bl", "tee", "snp", None, None, None, "ucode")}
CLASSIC = ("bl", "tee", None, None, None, None, "snp", "ucode")
CPUS = {"Milan": b"\x19\x01\x01", "Genoa": b"\x19\x11\x01", "Turin": b"\x1a\x02\x01"}
ARCS = {"bl": b"\3\1", "tee": b"\3\2", "snp": b"\3\3", "ucode": b"\3\x08", "fmc": b"\3\x09"}
ARC = oid("1.3.6.1.4.1.3704.1")


def der(tag: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    size = bytes([len(value)]) if len(value) < 128 else b"\x82" + len(value).to_bytes(2, "big") if len(value) > 255 else b"\x81" + bytes([len(value)])
    return bytes([tag]) + size + value


def number(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def extension(arcs: bytes, value: bytes) -> bytes:
    return der(0x30, der(6, ARC, arcs), der(4, value))


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """One for all that certify: making one takes a second."""
    return rsa.generate_private_key(65537, 4096)


def name_of(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


@dataclass
class AmdWorld:
    """One product with one kind of key, and one machine of it."""

    product: str = "Milan"
    kind: str = "vcek"
    hwid: bytes = bytes(range(1, 65))
    tcb: dict[str, int] = field(default_factory=lambda: {"bl": 4, "tee": 0, "snp": 24, "ucode": 219})
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))

    def __post_init__(self) -> None:
        if self.product == "Turin":
            self.hwid, self.tcb = self.hwid[:8], {"fmc": 1} | self.tcb

    @cached_property
    def ark(self) -> x509.Certificate:
        return self.authority(f"ARK-{self.product}", f"ARK-{self.product}", 65536, None)

    @cached_property
    def ask(self) -> x509.Certificate:
        return self.authority(f"SEV-{'VLEK-' if self.kind == 'vlek' else ''}{self.product}", f"ARK-{self.product}", 65537, 0)

    def authority(
        self, common: str, issuer: str, serial: int, room: int | None, *, ca: bool = True, key: rsa.RSAPrivateKey | None = None
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(name_of(issuer), name_of(common), (key or rsa_key()).public_key(), serial, FROM, UNTIL)
        builder = builder.add_extension(x509.BasicConstraints(ca, room), critical=True)
        return builder.sign(rsa_key(), hashes.SHA384(), rsa_padding=PSS)

    @property
    def chain(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.ask, self.ark))

    def trust(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pin = hashlib.sha256(rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
        trusted = dict(roots.ROOTS) | {"amd-world": roots.Root("none", f"ARK-{self.product}", pin)}
        for module in (roots, amd_chain):
            monkeypatch.setattr(module, "ROOTS", trusted)

    def companions(self, **changed: object) -> Companions:
        return Companions(**({"leaf": self.leaf(), "chain": self.chain} | changed))  # type: ignore[arg-type]

    def extensions(self, tcb: Mapping[str, int] | None = None) -> list[bytes]:
        leaf_name = b"Milan-B0" if self.product == "Milan" and self.kind == "vcek" else self.product.encode()
        found = [extension(b"\1", number(int(self.product == "Turin"))), extension(b"\2", der(0x16, leaf_name))]
        found += [extension(ARCS[name], number(value)) for name, value in (tcb or self.tcb).items()]
        return [*found, extension(b"\4", self.hwid) if self.kind == "vcek" else extension(b"\5", der(0x16, b"CN=a.cloud"))]

    def leaf(
        self,
        *,
        extensions: Sequence[bytes] | None = None,
        tcb: Mapping[str, int] | None = None,
        serial: bytes = number(0),
        version: bytes = number(2),
        issuer: str | None = None,
        subject: str | None = None,
        scheme: bytes = SCHEMES[0],
        dates: tuple[bytes, bytes] = (der(0x17, b"200101000000Z"), der(0x17, b"400101000000Z")),
        key: bytes | None = None,
    ) -> bytes:
        algorithm = der(0x30, scheme)
        spki = key or self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        above = (name_of(issuer) if issuer else self.ask.subject).public_bytes()
        own = name_of(subject or f"SEV-{self.kind.upper()}").public_bytes()
        said = der(0xA3, der(0x30, *(self.extensions(tcb) if extensions is None else extensions)))
        signed = der(0x30, der(0xA0, version), serial, algorithm, above, der(0x30, *dates), own, spki, said)
        return der(0x30, signed, algorithm, der(3, b"\0", rsa_key().sign(signed, PSS, hashes.SHA384())))

    def tcb_bytes(self, tcb: Mapping[str, int] | None = None) -> bytes:
        values = self.tcb if tcb is None else tcb
        return bytes(values[name] if name else 0 for name in LAYOUTS.get(self.product, CLASSIC))

    def unsigned(
        self, *, version: int | None = None, policy: int = 0x30000, vmpl: int = 0, info: int | None = None, chip_id: bytes | None = None
    ) -> bytearray:
        """Fields up to where the signature stands."""
        kind = self.kind == "vlek"
        raw = bytearray(0x4A0)
        number_of = version or (5 if self.product == "Turin" else 3)
        raw[0:4], raw[8:16] = number_of.to_bytes(4, "little"), policy.to_bytes(8, "little")
        raw[0x30:0x38] = vmpl.to_bytes(4, "little") + b"\1\0\0\0"
        raw[0x48:0x4C] = ((kind << 2) if info is None else info).to_bytes(4, "little")
        raw[0x50:0x90], raw[0x90:0xC0] = b"\x5a" * 64, b"\xa5" * 48
        for at in (0x38, 0x180, 0x1E0, 0x1F0):
            raw[at : at + 8] = self.tcb_bytes()
        if number_of >= 3:
            raw[0x188:0x18B] = CPUS[self.product]
        shown = (b"" if kind else self.hwid) if chip_id is None else chip_id
        raw[0x1A0:0x1E0] = shown.ljust(64, b"\0")
        return raw

    def signed(self, raw: bytes | bytearray, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
        r, s = decode_dss_signature((key or self.key).sign(bytes(raw[:0x2A0]), ec.ECDSA(hashes.SHA384())))
        return bytes(raw[:0x2A0]) + r.to_bytes(72, "little") + s.to_bytes(72, "little") + bytes(raw[0x330:])

    def report(self, **said: object) -> bytes:
        return self.signed(self.unsigned(**said))  # type: ignore[arg-type]
