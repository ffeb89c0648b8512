"""A box of two shares from one site to another, which the server carries and cannot open, change, keep for another round or give to somebody else.

The key is of this round (whose digest binds run, number, cohort and model), this sender and this receiver, so that a nonce of zero is right.
"""

from __future__ import annotations

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from velatura.federated.secagg.masks import agreed
from velatura.federated.secagg.shamir import SHARE_BYTES

__all__ = ["Pair", "box", "opened"]


class Pair(msgspec.Struct, frozen=True, array_like=True):
    """Shares of a site's own mask's seed, and of its key of masks."""

    seed: bytes
    key: bytes


def box(pair: Pair, private: bytes, public: bytes, *, of: bytes, sender: int, receiver: int) -> bytes:
    """82 bytes. private: the sender's; public: the receiver's. Raises ValueError: a public key that is no key."""
    bound = _bound(of, sender, receiver)
    return AESGCM(agreed(private, public, bound)).encrypt(bytes(12), pair.seed + pair.key, bound)


def opened(sealed: bytes, private: bytes, public: bytes, *, of: bytes, sender: int, receiver: int) -> Pair | None:
    """None: it is no box from this sender to this receiver in this round."""
    bound = _bound(of, sender, receiver)
    try:
        raw = AESGCM(agreed(private, public, bound)).decrypt(bytes(12), sealed, bound)
    except (InvalidTag, ValueError):
        return None
    return Pair(raw[:SHARE_BYTES], raw[SHARE_BYTES:]) if len(raw) == 2 * SHARE_BYTES else None


def _bound(of: bytes, sender: int, receiver: int) -> bytes:
    return b"velatura secagg box v1|" + of + sender.to_bytes(8, "big") + receiver.to_bytes(8, "big")
