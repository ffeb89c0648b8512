"""A TPM's attestation key (TPM2B_PUBLIC, TPMT_PUBLIC) and what it signs (TPMT_SIGNATURE). RSA, and ECDSA on P-256, P-384, P-521.

The attributes are the TPM's own words only where something vouches for the key; in a document they say what its sender says.

Source: TCG TPM 2.0 Library 1.59, part 2, sections 8.3 (TPMA_OBJECT), 11.3.4 (TPMT_SIGNATURE), 12.2.4 (TPMT_PUBLIC); big-endian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.evidence.certificates import tried
from velatura.enclave.evidence.eventlog import BANKS
from velatura.enclave.evidence.fields import Fields

__all__ = ["ATTESTING", "AttestationKey", "PublicKey", "Signature", "hold_signature", "key_digest_of", "read_public", "read_signature"]

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

RSA, ECC, NULL = 0x0001, 0x0023, 0x0010
RSASSA, RSAPSS, ECDSA = 0x0014, 0x0016, 0x0018
SCHEMES: Mapping[int, str] = MappingProxyType({RSASSA: "rsassa", RSAPSS: "rsapss", ECDSA: "ecdsa"})
HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType({"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()})
"""What signatures may use; SHA-1 may not."""
CURVES: Mapping[int, ec.EllipticCurve] = MappingProxyType({3: ec.SECP256R1(), 4: ec.SECP384R1(), 5: ec.SECP521R1()})

ATTRIBUTES: Mapping[str, int] = MappingProxyType(
    {
        "fixed_tpm": 1,
        "fixed_parent": 4,
        "sensitive_data_origin": 5,
        "user_with_auth": 6,
        "admin_with_policy": 7,
        "restricted": 16,
        "decrypt": 17,
        "sign": 18,
    }
)
"""Name -> bit. A restricted key signs what the TPM itself made, and nothing that was handed to it in that form."""

RESERVED = 0xFFF0_F009
"""Bits 0, 3, 12 to 15, and 20 to 31."""

ATTESTING = frozenset({"fixed_tpm", "sensitive_data_origin", "restricted", "sign"})


@dataclass(frozen=True, slots=True)
class AttestationKey:
    """A public area.

    Attributes:
        key: it.
        attributes: names of ATTRIBUTES that are set.
        name: the TPM's name of the object: algorithm and digest of the public area.
        scheme, hash: that the key is bound to; "" where it leaves them open.
    """

    key: PublicKey
    attributes: frozenset[str]
    name: bytes
    scheme: str
    hash: str


@dataclass(frozen=True, slots=True)
class Signature:
    """`value`: of RSA as it stands, of ECDSA in DER."""

    scheme: str
    hash: str
    value: bytes


def read_public(raw: bytes) -> AttestationKey:
    """A TPMT_PUBLIC, with or without its size before it (TPM2B_PUBLIC).

    Raises:
        BadInput: `enclave.evidence`: cut short.
        Refused: `malformed`.
    """
    fields = Fields(raw, "the attestation key", "big")
    if len(raw) > 2 and int.from_bytes(raw[:2], "big") == len(raw) - 2:
        raw = fields.sized(2)
        fields = Fields(raw, "the attestation key", "big")
    kind, named, bits = fields.number(2), _hash(fields.number(2)), fields.number(4)
    if bits & RESERVED:
        raise _malformed(f"reserved attributes are set: 0x{bits & RESERVED:08x}")
    fields.sized(2)  # the policy that its use asks for
    if fields.number(2) != NULL:
        raise _malformed("the key has a symmetric cipher: it is a storage key")
    scheme, digest = _scheme(fields)
    key = _rsa(fields) if kind == RSA else _ecc(fields) if kind == ECC else None
    if key is None or fields.left:
        raise _malformed(f"a key of algorithm 0x{kind:04x}, {fields.left} bytes left over")
    name = raw[2:4] + hashlib.new(named, raw).digest()
    return AttestationKey(key, frozenset(word for word, at in ATTRIBUTES.items() if bits >> at & 1), name, scheme, digest)


def read_signature(raw: bytes) -> Signature:
    """A TPMT_SIGNATURE. Raises BadInput `enclave.evidence`, Refused `malformed`, `signature`."""
    fields = Fields(raw, "the quote's signature", "big")
    scheme, digest = _scheme(fields)
    if scheme == "ecdsa":
        value = utils.encode_dss_signature(int.from_bytes(fields.sized(2), "big"), int.from_bytes(fields.sized(2), "big"))
    else:
        value = fields.sized(2)
    if not scheme or fields.left:
        raise _malformed(f"a signature without a scheme, or {fields.left} bytes follow it")
    return Signature(scheme, digest, value)


def hold_signature(examination: Examination, key: PublicKey, signature: Signature, signed: bytes, name: str = "signature") -> None:
    """The check `signature`. Raises Refused `signature`."""
    if signature.hash not in HASHES:
        raise Refused(name, "signature", f"signed over {signature.hash}, which is not accepted")
    digest = HASHES[signature.hash]

    def verify() -> None:
        if isinstance(key, rsa.RSAPublicKey) and signature.scheme in ("rsassa", "rsapss"):
            pss = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)  # the salt's length is the TPM's choice (part 1, annex B.7)
            key.verify(signature.value, signed, padding.PKCS1v15() if signature.scheme == "rsassa" else pss, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and signature.scheme == "ecdsa":
            key.verify(signature.value, signed, ec.ECDSA(digest))
        else:
            raise ValueError(f"a signature by {signature.scheme} with another kind of key")

    tried(name, "signature", "the attestation key did not sign this quote", verify)
    examination.passed(name, f"the attestation key signed the quote ({signature.scheme}, {signature.hash})")


def key_digest_of(key: PublicKey) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo: what a policy's `ak` names."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _scheme(fields: Fields) -> tuple[str, str]:
    scheme = fields.number(2)
    if scheme == NULL:
        return "", ""
    if scheme not in SCHEMES:
        raise _malformed(f"signing scheme 0x{scheme:04x}; known are RSASSA, RSAPSS and ECDSA")
    return SCHEMES[scheme], _hash(fields.number(2))


def _hash(number: int) -> str:
    name, _ = BANKS.get(number, ("", 0))
    if name not in hashlib.algorithms_available:
        raise _malformed(f"hash algorithm 0x{number:04x}")
    return name


def _rsa(fields: Fields) -> PublicKey:
    bits, exponent, modulus = fields.number(2), fields.number(4) or 65537, fields.sized(2)
    if not 2048 <= bits <= 4096 or len(modulus) * 8 != bits:
        raise _malformed(f"an RSA key of {bits} bits in {len(modulus)} bytes; 2048 to 4096 are accepted")
    return rsa_key(exponent, int.from_bytes(modulus, "big"))


def rsa_key(exponent: int, modulus: int) -> rsa.RSAPublicKey:
    """Raises Refused `malformed`: no RSA key, or one of less than 2,048 bits."""
    if modulus.bit_length() < 2040 or modulus % 2 == 0:  # Azure's begin with a word of their own, so that a few upper bits may be zero
        raise _malformed(f"an RSA modulus of {modulus.bit_length()} bits, or an even one")
    return tried("structure", "malformed", "the attestation key is no RSA key", rsa.RSAPublicNumbers(exponent, modulus).public_key)


def _ecc(fields: Fields) -> PublicKey:
    curve = CURVES.get(fields.number(2))
    if fields.number(2) != NULL or curve is None:
        raise _malformed("the curve is none of P-256, P-384 and P-521, or a key derivation is set")
    x, y = (int.from_bytes(fields.sized(2), "big") for _ in "xy")
    return tried("structure", "malformed", "the attestation key is no point of its curve", partial(_point, x, y, curve))


def _point(x: int, y: int, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()


def _malformed(told: str) -> Refused:
    return Refused("structure", "malformed", f"the attestation key or its signature: {told}")
