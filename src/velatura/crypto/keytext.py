"""A key as one word of text that survives copying by hand, mail and shells: `velatura-recipient-1-<base32>`.

The word is KIND, the version of the form, and base32 (RFC 4648, lower case, no padding) of 32 bytes of key and 4 bytes of checksum. The
checksum covers kind, version and key: a misread letter, a cut end, and a key of one kind given as another are all refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from velatura.crypto.keys import KEY_BYTES, Identity, Recipient, Signer, Verifier
from velatura.errors import BadSpec

__all__ = ["AnyKey", "decode", "encode"]

AnyKey = Recipient | Verifier | Identity | Signer
KINDS: dict[str, type[Recipient] | type[Verifier] | type[Identity] | type[Signer]] = {
    "recipient": Recipient,
    "verifier": Verifier,
    "identity": Identity,
    "signer": Signer,
}
CHECK_BYTES = 4
LONGEST = 120


def encode(key: AnyKey) -> str:
    """The word of a key. For an identity or a signer the word is the secret itself: it goes into a file with mode 0600 and nowhere else."""
    kind = next(name for name, cls in KINDS.items() if type(key) is cls)
    raw = key.seed.reveal() if isinstance(key, Identity | Signer) else key.raw
    stem = f"velatura-{kind}-1-"
    return stem + base64.b32encode(raw + _check(stem, raw)).decode("ascii").rstrip("=").lower()


def decode(word: str) -> AnyKey:
    """The key of a word, of whatever kind it is. Messages never repeat the word: it may be a secret in the wrong place.

    Raises:
        BadSpec: `crypto.not-a-key`, `crypto.key-mistyped`.
    """
    word = word.strip()
    kind, version, payload = _split(word)
    stem = f"velatura-{kind}-{version}-"
    try:
        both = base64.b32decode(payload.upper() + "=" * (-len(payload) % 8))
    except binascii.Error as error:
        raise _mistyped() from error
    raw, check = both[:KEY_BYTES], both[KEY_BYTES:]
    if len(raw) != KEY_BYTES or check != _check(stem, raw):
        raise _mistyped()
    cls = KINDS[kind]
    if cls is Recipient or cls is Verifier:
        key: AnyKey = cls(raw)
    else:
        key = Identity.new(lambda _: raw) if cls is Identity else Signer.new(lambda _: raw)
    if encode(key) != word:  # base32 has spare bits at its end: one key, one word
        raise _mistyped()
    return key


def is_secret(key: AnyKey) -> bool:
    return isinstance(key, Identity | Signer)


def _split(word: str) -> tuple[str, str, str]:
    parts = word.split("-")
    if len(word) > LONGEST or not word.isascii() or len(parts) != 4 or parts[0] != "velatura" or parts[1] not in KINDS:
        raise BadSpec("crypto.not-a-key", "this is not a velatura key", hint="make one with: velatura keys new -o KEY")
    if parts[2] != "1":
        raise BadSpec("crypto.not-a-key", "this key was written by a later velatura", hint="upgrade velatura")
    return parts[1], parts[2], parts[3]


def _check(stem: str, raw: bytes) -> bytes:
    return hashlib.sha256(b"velatura key word\x00" + stem.encode("ascii") + raw).digest()[:CHECK_BYTES]


def _mistyped() -> BadSpec:
    return BadSpec("crypto.key-mistyped", "this key is damaged: its checksum does not match", hint="copy it again, whole")
