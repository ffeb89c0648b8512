"""COSE_Sign1: one signature over some bytes, with the algorithm inside what is signed.

Source: RFC 9052, sections 4.2 and 4.4; RFC 9053, section 2.1 (ES384). Only ES384 with no other header is read: whoever may name an algorithm in
evidence may name a weaker one.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from velatura.enclave.evidence import cbor

__all__ = ["Sign1", "read_sign1"]

TAG = 0xD2
PROTECTED = cbor.encode({1: -35})
SIGNATURE_BYTES = 96


@dataclass(frozen=True, slots=True)
class Sign1:
    """What is signed, and the signature (r, then s, 48 bytes each)."""

    payload: bytes
    signature: bytes

    def verify(self, key: ec.EllipticCurvePublicKey) -> None:
        """Raises InvalidSignature."""
        r, s = int.from_bytes(self.signature[:48], "big"), int.from_bytes(self.signature[48:], "big")
        key.verify(encode_dss_signature(r, s), sig_structure(self.payload), ec.ECDSA(hashes.SHA384()))


def sig_structure(payload: bytes) -> bytes:
    """The bytes that ES384 signs (RFC 9052, section 4.4)."""
    return cbor.encode(["Signature1", PROTECTED, b"", payload])


def read_sign1(raw: bytes) -> tuple[Sign1, int]:
    """The message that `raw` begins with, with or without its tag, and where it ends. Raises `cbor.CutShort`, ValueError."""
    start = 1 if raw[:1] == bytes([TAG]) else 0
    found, end = cbor.decode(raw[start:])
    if not isinstance(found, list) or len(found) != 4:
        raise ValueError("it is not an array of four, as a COSE_Sign1 is")
    protected, unprotected, payload, signature = found
    if protected != PROTECTED:
        raise ValueError("the protected header is not ES384 alone")
    if unprotected != {}:
        raise ValueError("the unprotected header is not an empty map")
    if not isinstance(payload, bytes) or not payload:
        raise ValueError("it carries no payload")
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise ValueError(f"the signature is not of {SIGNATURE_BYTES} bytes")
    return Sign1(payload, signature), start + end
