"""Attestation reports of GPUs as their attacker sees them: one with its chain beside it, or the vendor SDK's JSON list of several.

Source: DMTF DSP0274 (SPDM 1.1), GET_MEASUREMENTS and MEASUREMENTS; NVIDIA's open verifier for the opaque data.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from velatura.attacks.enclave.ecdsa import raw_signature
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.lookalike import look_alike
from velatura.attacks.enclave.parts import Chain, Field, Opened, Part
from velatura.attacks.enclave.pem import certificates_of, pem_of
from velatura.attacks.enclave.submission import Submission

__all__ = ["opened"]

REQUEST, SIGNATURE = 37, 96
DRIVER, VBIOS = 3, 6


def opened(submission: Submission) -> Opened:
    if submission.evidence[:1] in (b"[", b"{"):
        return _several(submission)

    def put(raw: bytes) -> Submission:
        return replace(submission, evidence=raw)

    def put_chain(certificates: Sequence[bytes]) -> Submission:
        return submission.beside(chain=pem_of(certificates))

    chain = Chain("device", certificates_of(submission.companions.get("chain", b"")), put_chain)
    return Opened(submission, (_part("report", binary(submission.evidence), put),), (chain,), _signed_anew)


def binary(raw: bytes) -> bytes:
    """Reports come as hex text, too."""
    try:
        return binascii.unhexlify(bytes(letter for letter in raw if letter not in b" \r\n\t"))
    except ValueError:
        return raw


def _several(submission: Submission) -> Opened:
    document = json.loads(submission.evidence)
    items = document if isinstance(document, list) else document["evidence_list"]
    parts, chains = list[Part](), list[Chain]()
    for index, item in enumerate(items):
        name = "report" if index == 0 else f"report {index}"
        parts.append(_part(name, base64.b64decode(item["evidence"]), _putter(submission, document, index, "evidence")))
        put = _putter(submission, document, index, "certificate")
        held = certificates_of(base64.b64decode(item["certificate"]))
        chains.append(Chain(f"device {index}", held, lambda certificates, put=put: put(pem_of(certificates))))  # type: ignore[misc]
    return Opened(submission, tuple(parts), tuple(chains), _signed_anew)


def _putter(submission: Submission, document: Any, index: int, name: str) -> Callable[[bytes], Submission]:
    def put(raw: bytes) -> Submission:
        made = json.loads(json.dumps(document))
        (made if isinstance(made, list) else made["evidence_list"])[index][name] = base64.b64encode(raw).decode()
        return replace(submission, evidence=json.dumps(made).encode())

    return put


def _signed_anew(submission: Submission, keys: Keys) -> Submission:
    for place in range(len(opened(submission).chains)):
        chain = opened(submission).chains[place]
        made, key = look_alike(chain.certificates, keys)
        submission = chain.put(made)
        part = opened(submission).parts[place]
        stop = part.fields[-1].stop - SIGNATURE
        submission = part.put(part.raw[:stop] + raw_signature(key, part.raw[:stop], "sha384"))
    return submission


def _part(name: str, raw: bytes, put: Callable[[bytes], Submission]) -> Part:
    return Part(name, raw, put, tuple(_fields(raw)), "little", "P-384")


def _fields(raw: bytes) -> Iterator[Field]:
    at = REQUEST
    yield from (
        Field("request", 0, 2, "kind", signed=True),
        Field("parameters", 2, 4, signed=True),
        Field("nonce", 4, 36, signed=True),
        Field("slot", 36, 37, signed=True),
        Field("response", at, at + 2, "kind", signed=True),
        Field("response_parameters", at + 2, at + 4, signed=True),
        Field("blocks", at + 4, at + 5, "length", signed=True),
        Field("record_length", at + 5, at + 8, "length", signed=True),
    )
    start, at = at + 8, at + 8
    stop = start + int.from_bytes(raw[start - 3 : start], "little")
    while at < stop:
        (size,) = struct.unpack_from("<H", raw, at + 2)
        yield Field(f"block {raw[at]}", at, at + 4 + size, "block", signed=True)
        at += 4 + size
    yield Field("response_nonce", at, at + 32, signed=True)
    (size,) = struct.unpack_from("<H", raw, at + 32)
    yield Field("opaque_length", at + 32, at + 34, "length", signed=True)
    at, stop = at + 34, at + 34 + size
    while at < stop:
        kind, size = struct.unpack_from("<HH", raw, at)
        yield Field(f"head of opaque {kind}", at, at + 4, "kind", signed=True)
        yield Field({DRIVER: "driver", VBIOS: "vbios"}.get(kind, f"opaque {kind}"), at + 4, at + 4 + size, signed=True)
        at += 4 + size
    yield Field("r", at, at + 48, "signature")
    yield Field("s", at + 48, at + 96, "signature")
