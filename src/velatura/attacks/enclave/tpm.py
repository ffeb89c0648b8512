"""TPM 2.0 quotes with their event log, as their attacker sees them.

Source: TCG, TPM 2.0 Library, part 2: TPMT_PUBLIC (12.2.4), TPMS_ATTEST (10.12.12), TPMT_SIGNATURE (11.3.4).
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from velatura.attacks.enclave.eventlog import log_part
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.parts import Field, Opened, Part
from velatura.attacks.enclave.submission import Submission

__all__ = ["key_digest", "opened", "put_in", "quote_fields", "rsa_signed", "selected"]

HASHES: dict[int, type[hashes.SHA1 | hashes.SHA256 | hashes.SHA384]] = {4: hashes.SHA1, 11: hashes.SHA256, 12: hashes.SHA384}
Put = Callable[[Any], Submission]


def opened(submission: Submission) -> Opened:
    """Each bank's quote and signature, its PCRs, the key and the log."""
    document, parts = json.loads(submission.evidence), list[Part]()
    for index, one in enumerate(document["quotes"]):
        quote = base64.b64decode(one["quote"])
        parts.append(Part(f"quote {one['bank']}", quote, _base64(submission, "quotes", index, "quote"), quote_fields(quote)))
        raw = base64.b64decode(one["signature"])
        parts.append(Part(f"signature {one['bank']}", raw, _base64(submission, "quotes", index, "signature"), _signature_fields(raw)))
        covered = selected(quote)
        parts += [_pcr(submission, one, index, name, int(name) in covered) for name in one["pcrs"]]
    key = base64.b64decode(document["ak_public"])
    parts.append(Part("key", key, _base64(submission, "ak_public"), _public_fields(key)))
    if document.get("eventlog"):
        parts.append(log_part(base64.b64decode(document["eventlog"]), _base64(submission, "eventlog")))
    return Opened(submission, tuple(parts), (), _signed_anew)


def quote_fields(raw: bytes) -> tuple[Field, ...]:
    """TPMS_ATTEST of a quote."""
    signer = 8 + struct.unpack_from(">H", raw, 6)[0]
    nonce = signer + 2 + struct.unpack_from(">H", raw, signer)[0]
    count = nonce + 25
    digest = count + 7 + raw[count + 6]
    table = (
        (0, 4, "magic", "kind"),
        (4, 6, "type", "kind"),
        (6, 8, "signer_length", "length"),
        (8, signer, "signer", ""),
        (signer, signer + 2, "nonce_length", "length"),
        (signer + 2, nonce, "nonce", ""),
        (nonce, nonce + 8, "clock", ""),
        (nonce + 8, nonce + 12, "resets", ""),
        (nonce + 12, nonce + 16, "restarts", ""),
        (nonce + 16, nonce + 17, "safe", ""),
        (nonce + 17, count, "firmware", ""),
        (count, count + 4, "selections", "length"),
        (count + 4, count + 6, "bank", "algorithm"),
        (count + 6, digest, "selection", ""),
        (digest, digest + 2, "digest_length", "length"),
        (digest + 2, len(raw), "digest", ""),
    )
    return tuple(Field(name, start, stop, role, signed=True) for start, stop, name, role in table)


def key_digest(submission: Submission) -> str:
    """SHA-256 of the SubjectPublicKeyInfo: what a policy names as `ak`."""
    public = base64.b64decode(json.loads(submission.evidence)["ak_public"])
    start, stop = _modulus(public)
    (exponent,) = struct.unpack_from(">I", public, start - 6)
    key = rsa.RSAPublicNumbers(exponent or 65537, int.from_bytes(public[start:stop])).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def rsa_signed(key: rsa.RSAPrivateKey, message: bytes, digest: int) -> bytes:
    return key.sign(message, padding.PKCS1v15(), HASHES[digest]())


def _base64(submission: Submission, *path: str | int) -> Callable[[bytes], Submission]:
    return lambda raw: put_in(submission, base64.b64encode(raw).decode(), *path)


def put_in(submission: Submission, value: Any, *path: str | int) -> Submission:
    """With this value at a path of evidence that is JSON."""
    document: Any = json.loads(submission.evidence)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return replace(submission, evidence=json.dumps(document).encode())


def selected(quote: bytes) -> set[int]:
    """PCRs of which a quote holds the digest."""
    field = next(one for one in quote_fields(quote) if one.name == "selection")
    return {8 * index + bit for index, byte in enumerate(field.of(quote)[1:]) for bit in range(8) if byte >> bit & 1}


def _pcr(submission: Submission, quote: Any, index: int, name: str, signed: bool) -> Part:
    """One PCR as the quote's holder tells it; the quote signs a digest of those that it selects."""
    raw = bytes.fromhex(quote["pcrs"][name])

    def put(value: bytes) -> Submission:
        return put_in(submission, value.hex(), "quotes", index, "pcrs", name)

    return Part(f"pcr{name} {quote['bank']}", raw, put, (Field(f"pcr{name}", 0, len(raw), signed=signed),))


def _signature_fields(raw: bytes) -> tuple[Field, ...]:
    return (
        Field("scheme", 0, 2, "algorithm"),
        Field("hash", 2, 4, "algorithm"),
        Field("size", 4, 6, "length"),
        Field("signature", 6, len(raw), "signature"),
    )


def _public_fields(raw: bytes) -> tuple[Field, ...]:
    start, stop = _modulus(raw)
    return (
        Field("type", 0, 2, "algorithm"),
        Field("name_hash", 2, 4, "algorithm"),
        Field("key_attributes", 4, 8),
        Field("modulus_length", start - 2, start, "length"),
        Field("modulus", start, stop, "key", signed=True),
    )


def _modulus(public: bytes) -> tuple[int, int]:
    """Of a TPMT_PUBLIC of an RSA key."""
    at = 10 + struct.unpack_from(">H", public, 8)[0]
    at += 2 if struct.unpack_from(">H", public, at)[0] == 0x10 else 6  # symmetric: none, or with key bits and mode
    at += 2 if struct.unpack_from(">H", public, at)[0] == 0x10 else 4  # scheme: none, or with its hash
    size = struct.unpack_from(">H", public, at + 6)[0]
    return at + 8, at + 8 + size


def _signed_anew(submission: Submission, keys: Keys) -> Submission:
    """Every quote by a key of the attacker's, whose modulus takes the other's place."""
    key = keys.like(None, "attestation key")
    assert isinstance(key, rsa.RSAPrivateKey), "as the key that is replaced"
    document = json.loads(submission.evidence)
    public = base64.b64decode(document["ak_public"])
    start, stop = _modulus(public)
    modulus = key.public_key().public_numbers().n.to_bytes(256)
    document["ak_public"] = base64.b64encode(public[: start - 2] + struct.pack(">H", len(modulus)) + modulus + public[stop:]).decode()
    for quote in document["quotes"]:
        raw = base64.b64decode(quote["signature"])
        signature = rsa_signed(key, base64.b64decode(quote["quote"]), struct.unpack_from(">H", raw, 2)[0])
        quote["signature"] = base64.b64encode(raw[:4] + struct.pack(">H", len(signature)) + signature).decode()
    return replace(submission, evidence=json.dumps(document).encode())
