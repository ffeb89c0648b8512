"""Evidence of a confined process as its attacker sees it: JSON in one form, an Ed25519 signature, and the key beside it.

Whoever owns the machine makes such evidence, and so does who signs with a key of his own: that is no forgery but what this format does not protect
from (`made_anew.py` plays it), and no forgery here does it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from velatura.attacks.enclave.parts import Field, Opened, Part
from velatura.attacks.enclave.submission import Submission

__all__ = ["opened"]

CLAIMS = ("nonce", "report_data", "recipient", "job", "measurement", "interpreter")


def opened(submission: Submission) -> Opened:
    """The text, each claim that is bytes, key and signature."""
    text = submission.evidence
    document = json.loads(text)
    start, stop = text.index(b'"claims":'), text.index(b',"format":')
    parts = [
        Part("document", text, lambda raw: replace(submission, evidence=raw), (Field("claims", start, stop, signed=True),)),
        *(_claim(submission, document, name) for name in CLAIMS),
        _part(submission, "key", ("key",), (Field("key", 0, 32, "key", signed=True),)),
        _part(submission, "signature", ("signature",), (Field("r", 0, 32, "signature"), Field("s", 32, 64, "signature")), curve="Ed25519"),
    ]
    return Opened(submission, tuple(parts))


def _claim(submission: Submission, document: Any, name: str) -> Part:
    length = len(_at(document, "claims", name))
    return _part(submission, f"claim {name}", ("claims", name), (Field(name, 0, length, signed=True),))


def _part(submission: Submission, name: str, path: tuple[str, ...], fields: tuple[Field, ...], *, curve: str = "") -> Part:
    return Part(name, _at(json.loads(submission.evidence), *path), _putter(submission, path), fields, "little", curve)


def _at(document: Any, *path: str) -> bytes:
    for step in path:
        document = document[step]
    return bytes.fromhex(document)


def _putter(submission: Submission, path: tuple[str, ...]) -> Callable[[bytes], Submission]:
    def put(raw: bytes) -> Submission:
        document = json.loads(submission.evidence)
        place = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = raw.hex()
        return replace(submission, evidence=json.dumps(document, sort_keys=True, separators=(",", ":")).encode())

    return put
