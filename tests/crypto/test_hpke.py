"""HPKE against RFC 9180: an independent implementation from primitives, itself held to the RFC's vector, opens our boxes."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from velatura.crypto.hpke import OVERHEAD, open_sealed, seal
from velatura.crypto.keys import Identity
from velatura.errors import Withheld

ALICE, BOB = (Identity.new(lambda _, b=b: bytes([b]) * 32) for b in (1, 2))


def extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    mac = hmac.HMAC(salt or bytes(32), hashes.SHA256())
    mac.update(b"HPKE-v1" + suite + label + ikm)
    return mac.finalize()


def expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(hashes.SHA256(), length, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info).derive(prk)


def rfc_9180_open(private: bytes, box: bytes, info: bytes, aad: bytes, aead_id: int) -> bytes:
    """Base mode, sequence number 0 (RFC 9180 sections 4.1, 5.1, 5.2); aead_id 1 is AES-128-GCM, 2 is AES-256-GCM."""
    enc, ciphertext = box[:32], box[32:]
    secret = X25519PrivateKey.from_private_bytes(private)
    kem = b"KEM" + (0x20).to_bytes(2, "big")
    context = enc + secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    shared = expand(kem, extract(kem, b"", b"eae_prk", secret.exchange(X25519PublicKey.from_public_bytes(enc))), b"shared_secret", context, 32)
    suite = b"HPKE" + (0x20).to_bytes(2, "big") + (1).to_bytes(2, "big") + aead_id.to_bytes(2, "big")
    schedule = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    prk = extract(suite, shared, b"secret", b"")
    key = expand(suite, prk, b"key", schedule, 16 * aead_id)
    return AESGCM(key).decrypt(expand(suite, prk, b"base_nonce", schedule, 12), ciphertext, aad)


def test_the_independent_implementation_agrees_with_the_vector_of_the_rfc():
    """RFC 9180 appendix A.1.1, sequence number 0."""
    private = bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    enc = bytes.fromhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")
    ciphertext = bytes.fromhex("f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a")
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    assert rfc_9180_open(private, enc + ciphertext, info, b"Count-0", 1) == b"Beauty is truth, truth beauty"


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_our_boxes_are_those_of_the_rfc(plaintext, info):
    box = seal(plaintext, ALICE.recipient, info=info)
    assert len(box) == len(plaintext) + OVERHEAD
    assert rfc_9180_open(ALICE.seed.reveal(), box, info, b"", 2) == plaintext
    assert open_sealed(box, ALICE, info=info) == plaintext


def test_another_key_another_purpose_or_any_flipped_bit_does_not_open():
    box = seal(b"secret", ALICE.recipient, info=b"a")
    flipped = [box[: i // 8] + bytes([box[i // 8] ^ (1 << i % 8)]) + box[i // 8 + 1 :] for i in range(8 * len(box))]
    # The top bit of an X25519 point is ignored by the curve (RFC 7748, section 5), but the box binds the bytes themselves.
    wrong = [(box, BOB, b"a"), (box, ALICE, b"b"), (box[:-1], ALICE, b"a"), (box + b"\0", ALICE, b"a"), (b"", ALICE, b"a"), (bytes(80), ALICE, b"a")]
    for changed, identity, info in wrong + [(f, ALICE, b"a") for f in flipped]:
        with pytest.raises(Withheld, match=r"crypto\.key-does-not-open") as told:
            open_sealed(changed, identity, info=info)
        assert str(told.value) == "this key does not open it [crypto.key-does-not-open]"


def test_the_same_plaintext_never_gives_the_same_box():
    assert len({seal(b"x", ALICE.recipient, info=b"") for _ in range(20)}) == 20


def test_a_new_identity_opens_what_is_sealed_to_it():
    fresh = Identity.new(os.urandom)
    assert open_sealed(seal(b"x", fresh.recipient, info=b"i"), fresh, info=b"i") == b"x"
