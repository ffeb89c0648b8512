"""Sealing to a public key: HPKE, base mode, X25519 / HKDF-SHA256 / AES-256-GCM (RFC 9180), one message a box.

A box is `enc` (32 bytes), ciphertext, tag (16 bytes): 48 bytes longer than its content. `info` binds it to its purpose and place; the two
sides must give the same. Limit: base mode says nothing about who sealed (anyone with the public key can), and its length shows.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from velatura.crypto.keys import Identity, Recipient
from velatura.errors import Withheld

__all__ = ["OVERHEAD", "open_sealed", "seal"]

OVERHEAD = 48


def seal(plaintext: bytes, to: Recipient, *, info: bytes) -> bytes:
    """A box that only the recipient's identity opens, and only with the same `info`."""
    return _suite().encrypt(plaintext, X25519PublicKey.from_public_bytes(to.raw), info=info)


def open_sealed(box: bytes, identity: Identity, *, info: bytes) -> bytes:
    """The content of a box.

    Raises:
        Withheld: `crypto.key-does-not-open`: another key, another `info` or a changed box; which of them is not told.
    """
    try:
        return _suite().decrypt(box, X25519PrivateKey.from_private_bytes(identity.seed.reveal()), info=info)
    except (InvalidTag, ValueError) as error:
        raise Withheld("crypto.key-does-not-open", "this key does not open it", hint="use the identity that it was sealed to") from error


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
