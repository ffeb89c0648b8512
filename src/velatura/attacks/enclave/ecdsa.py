"""Signatures in the raw form r || s that attestation uses, made with the attacker's key."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from velatura.attacks.enclave.keys import PrivateKey

__all__ = ["raw_public", "raw_signature"]

_HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384}


def raw_signature(key: PrivateKey, message: bytes, digest: str) -> bytes:
    """Big-endian r, then s, each as long as the order."""
    assert isinstance(key, ec.EllipticCurvePrivateKey), "like one on a curve"
    width = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(_HASHES[digest]())))
    return r.to_bytes(width) + s.to_bytes(width)


def raw_public(key: PrivateKey) -> bytes:
    """x, then y."""
    assert isinstance(key, ec.EllipticCurvePrivateKey), "like one on a curve"
    numbers, width = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
    return numbers.x.to_bytes(width) + numbers.y.to_bytes(width)
