"""Masks: the keystream of AES-256 in counter mode, as 32-bit words, from keys that serve one round, one pair, one purpose.

A key is used once, so that a nonce of zero is right. Each of the 2^32 words comes equally often (Flower 1.42 draws from 28 bits of seed through a
Mersenne Twister that never gives its largest word).
Source: RFC 7748 (X25519), RFC 5869 (HKDF), NIST SP 800-38A (counter mode).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

__all__ = ["Words", "agreed", "is_usable", "masked_with", "own_key", "pair_key", "public_of", "unmasked_from"]

Words = NDArray[np.uint32]
BLOCK = 1 << 18  # words at a time: keystream and sum stay in the cache


def public_of(private: bytes) -> bytes:
    """The X25519 public key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def is_usable(public: bytes) -> bool:
    """False: no key, or one of the few points for which anybody knows the secret (RFC 7748, section 6.1)."""
    try:
        _any_key().exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return False
    return True


def agreed(private: bytes, public: bytes, info: bytes) -> bytes:
    """A key of 32 bytes that the two share. Raises ValueError: a public key for which anyone knows the secret."""
    return _derived(X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public)), info)


def pair_key(private: bytes, public: bytes, *, of: bytes, one: int, other: int) -> bytes:
    """Key of the mask between two sites; the same from both sides. of: digest of the round, which binds run, number and cohort."""
    low, high = sorted((one, other))
    return agreed(private, public, b"velatura secagg mask v1|" + of + low.to_bytes(8, "big") + high.to_bytes(8, "big"))


def own_key(seed: bytes, *, of: bytes, site: int) -> bytes:
    """Key of a site's own mask."""
    return _derived(seed, b"velatura secagg own mask v1|" + of + site.to_bytes(8, "big"))


def masked_with(words: Words, key: bytes) -> None:
    """Add a key's mask, modulo 2^32, in place."""
    _each(words, key, np.add)


def unmasked_from(words: Words, key: bytes) -> None:
    """Take a key's mask away, modulo 2^32, in place."""
    _each(words, key, np.subtract)


def _each(words: Words, key: bytes, change: np.ufunc) -> None:
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    zeros = memoryview(bytes(4 * min(BLOCK, len(words))))
    for first in range(0, len(words), BLOCK):
        part = words[first : first + BLOCK]
        change(part, np.frombuffer(stream.update(zeros[: 4 * len(part)]), "<u4"), out=part)


@cache
def _any_key() -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(bytes(32))


def _derived(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)
