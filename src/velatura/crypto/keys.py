"""Key pairs: X25519 for recipients (what is sealed to a `Recipient` opens with its `Identity`), Ed25519 for signers.

The four are values. Their text forms, and files of them, are in `velatura.crypto.keyfile`. Source: RFC 7748 (X25519), RFC 8032 (Ed25519).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from velatura.crypto.secret import Secret
from velatura.errors import BadInput, Withheld

__all__ = ["KEY_BYTES", "Entropy", "Identity", "Recipient", "Signer", "Verifier"]

Entropy = Callable[[int], bytes]
"""`entropy(n)`: n random bytes; `os.urandom` unless a test says otherwise."""

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom something is sealed: an X25519 public key, 32 bytes.

    Raises:
        BadInput: `crypto.bad-key`: wrong length, or one of the few points (RFC 7748, section 6.1) for which anyone knows the shared secret.
    """

    raw: bytes

    def __post_init__(self) -> None:
        _need_length(self.raw, "recipient")
        try:
            X25519PrivateKey.from_private_bytes(bytes(KEY_BYTES)).exchange(X25519PublicKey.from_public_bytes(self.raw))
        except ValueError as error:
            raise BadInput("crypto.bad-key", "this recipient's key is not a usable X25519 key") from error

    @property
    def id(self) -> str:
        """A short name of the key, 16 hexadecimal digits: enough to tell keys apart, not to prove anything."""
        return _id(b"recipient", self.raw)

    def __repr__(self) -> str:
        return f"<recipient {self.id}>"


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whose signature is believed: an Ed25519 public key, 32 bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        _need_length(self.raw, "verifier")

    @property
    def id(self) -> str:
        return _id(b"verifier", self.raw)

    def check(self, signature: bytes, message: bytes) -> None:
        """Raises Withheld `crypto.bad-signature`, which says no more than that."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise Withheld("crypto.bad-signature", "the signature does not verify") from error

    def __repr__(self) -> str:
        return f"<verifier {self.id}>"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Identity:
    """Opens what was sealed to its recipient: an X25519 private key."""

    seed: Secret

    def __post_init__(self) -> None:
        _need_length(self.seed, "identity")

    @classmethod
    def new(cls, entropy: Entropy) -> Identity:
        return cls(_named(entropy(KEY_BYTES), lambda seed: cls(Secret(seed)).recipient.id))

    @property
    def recipient(self) -> Recipient:
        public = X25519PrivateKey.from_private_bytes(self.seed.reveal()).public_key()
        return Recipient(public.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def __repr__(self) -> str:
        return repr(self.seed)

    def __format__(self, spec: str) -> str:
        return format(self.seed, spec)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Signer:
    """Signs in its owner's name: an Ed25519 private key. Signing is deterministic (RFC 8032): the same message gives the same signature."""

    seed: Secret

    def __post_init__(self) -> None:
        _need_length(self.seed, "signer")

    @classmethod
    def new(cls, entropy: Entropy) -> Signer:
        return cls(_named(entropy(KEY_BYTES), lambda seed: cls(Secret(seed)).verifier.id))

    @property
    def verifier(self) -> Verifier:
        public = Ed25519PrivateKey.from_private_bytes(self.seed.reveal()).public_key()
        return Verifier(public.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed.reveal()).sign(message)

    def __repr__(self) -> str:
        return repr(self.seed)

    def __format__(self, spec: str) -> str:
        return format(self.seed, spec)


def _named(seed: bytes, public_id: Callable[[bytes], str]) -> Secret:
    """A private key shows under the name of its public half, so that a person can tell which pair it is."""
    return Secret(seed, name=public_id(seed)[:4])


def _id(kind: bytes, raw: bytes) -> str:
    return hashlib.sha256(b"velatura key id\x00" + kind + b"\x00" + raw).hexdigest()[:16]


def _need_length(raw: bytes | Secret, noun: str) -> None:
    if len(raw) != KEY_BYTES:
        raise BadInput("crypto.bad-key", f"this {noun}'s key has {len(raw)} bytes, not {KEY_BYTES}")
