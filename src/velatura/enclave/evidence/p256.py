"""ECDSA with P-256 and SHA-256 as Intel's formats write it: a key is x and y, a signature r and s, each 32 bytes, big-endian.

(r, n - s) verifies as (r, s) does: the bytes of a signed document are no identity for it.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from velatura.enclave.evidence.certificates import tried

__all__ = ["certified_key", "point", "verify_p256"]


def point(raw: bytes, name: str) -> ec.EllipticCurvePublicKey:
    """A key from x and y. Raises Refused: check `name`, `signature`: no point of the curve."""
    return tried(name, "signature", "the key is no point of P-256", lambda: ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + raw))


def certified_key(certificate: x509.Certificate, name: str) -> ec.EllipticCurvePublicKey:
    """The key of a certificate. Raises Refused: check `name`, `signature`: it is of another kind."""

    def key() -> ec.EllipticCurvePublicKey:
        found = certificate.public_key()
        if not isinstance(found, ec.EllipticCurvePublicKey) or not isinstance(found.curve, ec.SECP256R1):
            raise TypeError("it is not of P-256")
        return found

    return tried(name, "signature", "the certificate's key cannot be used", key)


def verify_p256(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes, *, name: str, told: str) -> None:
    """Raises Refused: check `name`, `signature`, `told`."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    tried(name, "signature", told, lambda: key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256())))
