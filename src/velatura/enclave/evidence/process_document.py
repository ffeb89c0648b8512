"""The document of a `process` or `simulated` enclave: claims in canonical JSON and an Ed25519 signature over them.

    {"claims": {...}, "format": "velatura-process-1", "key": "<hex>", "signature": "<hex>"}

Canonical: keys sorted, no space, ASCII, one way to write each value; a document that is written in another way is refused, so that nothing beside
what was signed can travel in it. The claims' names are those of RFC 9711 where it has one.

Limit: the key comes with the document. Its signature shows that the claims were not changed since, and not who made them: root of that machine can
sign what it likes.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from velatura.crypto.keys import Signer, Verifier
from velatura.crypto.secret import Secret
from velatura.specs import Spec

__all__ = ["INSECURE_TEST", "Claims", "Document", "Package", "canonical", "check_signature", "formats", "measurement_of", "parse", "signed"]

formats = {"process": "velatura-process-1", "simulated": "velatura-simulated-1"}
"""Format, as a policy names it -> the word in the document."""

INSECURE_TEST = Signer(Secret(hashlib.sha256(b"INSECURE-TEST").digest(), name="INSECURE-TEST"))
"""The published key of `simulated`: anyone can compute it, so its signature proves nothing at all."""

_CONTEXT = b"velatura enclave evidence 1\0"


class Package(Spec, frozen=True, kw_only=True):
    """What was loaded of one package: a digest over the names and digests of its files (`backends/measurement.py`)."""

    name: str
    version: str
    files: int
    sha256: str


class Claims(Spec, frozen=True, kw_only=True):
    """What the machine says of the confined process. Bytes are lower-case hex.

    Attributes:
        nonce: 32 bytes, of who asked.
        report_data: 64 bytes, what the session binds (`binding.py`).
        recipient: X25519 public key, made inside.
        job, model: digests; `model` is "" where the job has none.
        measurement: SHA-256 of interpreter, packages, environment and calls, as `measurement_of` takes it.
        interpreter: SHA-256 of the file.
        packages: all that was loaded when the process was locked, by name.
        environment: of the process, in full.
        calls: that it may make beyond computing, reading its inbox and writing its outbox.
        layers: layer -> "kernel" (read back from the kernel), "self" (tried inside), or why it is absent. `secretmem` is where its key lies.
        threads, memory_mb, uid: of the process; `uid` as the machine counts.
        kernel, landlock_abi, boot_id, hwmodel: of the machine; 0 where there is no Landlock.
        iat: seconds since 1970 when this was made.
        swname, swversion: velatura, and its version.
    """

    nonce: str
    report_data: str
    recipient: str
    job: str
    model: str
    measurement: str
    interpreter: str
    packages: tuple[Package, ...]
    environment: dict[str, str]
    calls: tuple[str, ...]
    layers: dict[str, str]
    threads: int
    memory_mb: int
    uid: int
    kernel: str
    landlock_abi: int
    boot_id: str
    hwmodel: str
    iat: int
    swname: str
    swversion: str


class Document(Spec, frozen=True, kw_only=True):
    """The whole."""

    claims: Claims
    format: str
    key: str
    signature: str


def canonical(value: Any) -> bytes:
    """The one way to write it. JSON values without floats."""
    return msgspec.json.encode(msgspec.to_builtins(value), order="sorted")


def measurement_of(claims: Claims) -> str:
    """SHA-256, hex: of what decides how the process behaves, whatever its job is."""
    parts = {"interpreter": claims.interpreter, "packages": claims.packages, "environment": claims.environment, "calls": claims.calls}
    return hashlib.sha256(b"velatura process measurement 1\0" + canonical(parts)).hexdigest()


def signed(claims: Claims, signer: Signer, *, named: str) -> bytes:
    """The document's bytes; `named`: `process` or `simulated`."""
    word = formats[named]
    signature = signer.sign(_message(claims, word)).hex()
    return canonical(Document(claims=claims, format=word, key=signer.verifier.raw.hex(), signature=signature))


def parse(raw: bytes) -> Document:
    """Raises ValueError (msgspec's errors are such): not JSON, not these fields, or not canonical."""
    document = msgspec.json.decode(raw, type=Document)
    if canonical(document) != raw:
        raise ValueError("it is not written in the canonical form")
    return document


def check_signature(document: Document) -> None:
    """Raises ValueError, BadInput or Withheld."""
    Verifier(bytes.fromhex(document.key)).check(bytes.fromhex(document.signature), _message(document.claims, document.format))


def _message(claims: Claims, word: str) -> bytes:
    return _CONTEXT + word.encode() + b"\0" + canonical(claims)
