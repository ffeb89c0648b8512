"""The certificate of the key that signs SEV-SNP reports: VCEK (of one chip, seven years) or VLEK (of one cloud, one year).

Every one of them has serial number 0, which RFC 5280 forbids and which `cryptography` says that it will refuse one day. So this one kind of
certificate is read here, strictly and without its loader; the key itself and the issuer's signature are still its work.

Source: AMD 57230 (VCEK certificate and KDS interface), section 3, for the extensions under 1.3.6.1.4.1.3704.1; RFC 5280 and RFC 4055 for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from velatura.enclave.evidence import der
from velatura.enclave.evidence.amd_product import PRODUCTS, Product, Tcb

__all__ = ["Leaf", "read_leaf"]

SHA384 = "300d06096086480165030402020500"
PSS = f"a00f{SHA384}a11c301a06092a864886f70d010108{SHA384}a203020130"
SCHEMES = tuple(bytes.fromhex(f"06092a864886f70d01010a{parameters}") for parameters in (f"3034{PSS}", f"3039{PSS}a303020101"))
"""RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 4055, section 3.1); until 2023 AMD wrote the default trailer out too."""

ARC, COMMON_NAME = der.oid("1.3.6.1.4.1.3704.1"), der.oid("2.5.4.3")
NAMES = {"SEV-VCEK": "vcek", "SEV-VLEK": "vlek"}
COMPONENTS = {1: "bl", 2: "tee", 3: "snp", 4: "spl4", 5: "spl5", 6: "spl6", 7: "spl7", 8: "ucode", 9: "fmc"}
RESERVED = frozenset({"spl4", "spl5", "spl6", "spl7"})


@dataclass(frozen=True, slots=True)
class Leaf:
    """What it says; it is AMD's only after `verify_issued_by`.

    Attributes:
        kind: "vcek" or "vlek".
        product: by its productName.
        tcb: the version that its key is derived from.
        hwid: of the chip, a VCEK's alone; b"" in a VLEK.
        cloud: whose a VLEK is; "" in a VCEK.
        issuer: the issuer's Name, DER.
    """

    kind: str
    product: Product
    tcb: Tcb
    hwid: bytes
    cloud: str
    issuer: bytes
    not_before: datetime
    not_after: datetime
    key: ec.EllipticCurvePublicKey
    signed: bytes
    signature: bytes

    def verify_issued_by(self, issuer: rsa.RSAPublicKey) -> None:
        """Raises InvalidSignature."""
        scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)
        issuer.verify(self.signature, self.signed, scheme, hashes.SHA384())


def read_leaf(raw: bytes) -> Leaf:
    """One certificate in DER with nothing after it. Raises ValueError where anything is not as AMD writes it."""
    signed, algorithm, signature = der.elements(der.one(raw, der.SEQUENCE))
    version, serial, inner, issuer, validity, subject, key, extensions = der.elements(der.one(signed.whole, der.SEQUENCE))
    if inner.whole != algorithm.whole or der.one(inner.whole, der.SEQUENCE) not in SCHEMES:
        raise ValueError("it is not signed with RSASSA-PSS and SHA-384")
    if der.integer(der.one(version.whole, 0xA0)) != 2 or der.integer(serial.whole) != 0:
        raise ValueError("it is not of version 3 with serial number 0")
    if signature.tag != der.BIT_STRING or signature.value[:1] != b"\0":
        raise ValueError("its signature is no whole number of bytes")
    kind = NAMES.get(_common_name(subject.whole))
    if kind is None:
        raise ValueError("it is neither a VCEK nor a VLEK")
    since, until = (_time(time) for time in der.elements(der.one(validity.whole, der.SEQUENCE)))
    said = _extensions(der.one(der.one(extensions.whole, 0xA3), der.SEQUENCE))
    product, tcb = _product(said), _tcb(said)
    hwid, cloud = (said.pop(b"\4", b""), "") if kind == "vcek" else (b"", _text(said.pop(b"\5", b"")))
    if said:
        raise ValueError(f"an extension that is not known, {next(iter(said)).hex()}")
    return Leaf(kind, product, tcb, hwid, cloud, issuer.whole, since, until, _key(key.whole), signed.whole, signature.value[1:])


def _common_name(name: bytes) -> str:
    for part in der.elements(der.one(name, der.SEQUENCE)):
        oid, value = der.elements(der.one(der.one(part.whole, 0x31), der.SEQUENCE))
        if oid.value == COMMON_NAME:
            return value.value.decode("ascii")
    return ""


def _time(element: der.Element) -> datetime:
    """RFC 5280, section 4.1.2.5: two digits of a year below 50 are of this century."""
    digits, zone = element.value[:-1].decode("ascii"), element.value[-1:]
    if element.tag == der.UTC_TIME and len(digits) == 12:
        digits = ("20" if digits < "50" else "19") + digits
    elif element.tag != der.GENERALIZED_TIME:
        digits = ""
    if zone != b"Z" or len(digits) != 14 or not digits.isdigit():
        raise ValueError("a time that is not in RFC 5280's form")
    month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(4, 14, 2))
    return datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC)


def _key(spki: bytes) -> ec.EllipticCurvePublicKey:
    key = load_der_public_key(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise ValueError("its key is not of P-384")
    return key


def _extensions(raw: bytes) -> dict[bytes, bytes]:
    """Last arcs of AMD's own extensions -> content. No other extension, none twice, none critical."""
    found: dict[bytes, bytes] = {}
    for part in der.elements(raw):
        oid, *flag, content = der.elements(der.one(part.whole, der.SEQUENCE))
        if flag or oid.tag != der.OID or content.tag != der.OCTET_STRING or not oid.value.startswith(ARC):
            raise ValueError("an extension that is not AMD's, or one marked critical")
        arcs = oid.value[len(ARC) :]
        if arcs in found:
            raise ValueError("an extension stands twice")
        found[arcs] = content.value
    return found


def _product(said: dict[bytes, bytes]) -> Product:
    name = _text(said.pop(b"\2", b""))
    for product in PRODUCTS.values():
        if name.split("-")[0] in product.leaf_names:
            if der.integer(said.pop(b"\1", b"")) != product.leaf_version:
                raise ValueError(f"its structVersion is not that of {product.name}")
            return product
    raise ValueError(f"it is for {name!r}, which is not known here")


def _tcb(said: dict[bytes, bytes]) -> Tcb:
    found = {name: der.integer(said.pop(bytes((3, arc)))) for arc, name in COMPONENTS.items() if bytes((3, arc)) in said}
    if any(found.pop(name, 0) for name in RESERVED) or any(not 0 <= value <= 255 for value in found.values()):
        raise ValueError("a component of its TCB version is out of range")
    return found


def _text(raw: bytes) -> str:
    return der.one(raw, der.IA5_STRING).decode("ascii")
