"""Is evidence accepted that somebody wrote himself? Of a format whose documents bring the key that they are verified with, it is.

That is no forgery, for nothing that was signed is changed, but what such a format does not protect from: it is played so that a report shows it, and
is judged by nobody. The attacker has one document that somebody else made, no process, and no key but his own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from numpy.random import Generator

from velatura.attacks.attack import Arm, Outcomes
from velatura.attacks.enclave.submission import Submission

__all__ = ["WAYS", "MadeAnew", "signed_by"]

CONTEXT = b"velatura enclave evidence 1\0"
PUBLISHED = hashlib.sha256(b"INSECURE-TEST").digest()
"""The key of `simulated`, which everybody has."""
WAYS: Mapping[str, str] = MappingProxyType(
    {
        "as it was": "the same claims, under a key of his own",
        "fresh": "a nonce that was asked for just now, answered by nobody's process",
        "his own": "fresh, and the key that data would go to is his",
    }
)
"""Way -> what is done."""


@dataclass(frozen=True, slots=True)
class MadeAnew:
    """An `Attack[Submission, bool]`. Success: the share of ways that are accepted."""

    name: ClassVar[str] = "evidence-forgery"
    knowledge: ClassVar[str] = "may show evidence, and has seen one document of a machine that he is not on: writes another, and signs it himself"

    def play(self, arm: Arm[Submission, bool], secrets: Sequence[Submission], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack.play`."""
        drawn = {name: rng.bytes(32) for name in ("key", "nonce", "recipient")}
        taken = [[arm(_made(secret, way, drawn), rng) for way in WAYS] for secret in secrets]
        share = np.array([[float(one) for ways in taken for one in ways]])
        told = [f"{way}: {said}" for place, (way, said) in enumerate(WAYS.items()) if any(ways[place] for ways in taken)]
        return Outcomes(
            share, ("who shows it",), 0.0, "ways", "acceptance rate", kind="proof", reference="a guess", notes={"accepted": "; ".join(told) or "none"}
        )


def signed_by(key: bytes, document: Mapping[str, Any]) -> bytes:
    """The document with its claims signed by an Ed25519 key of 32 bytes."""
    private = Ed25519PrivateKey.from_private_bytes(key)
    signature = private.sign(CONTEXT + document["format"].encode() + b"\0" + _canonical(document["claims"]))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return _canonical({**document, "key": public.hex(), "signature": signature.hex()})


def _made(secret: Submission, way: str, drawn: Mapping[str, bytes]) -> Submission:
    document = json.loads(secret.evidence)
    claims = document["claims"]
    if way != "as it was":
        claims |= {"nonce": drawn["nonce"].hex(), "iat": int(secret.at.timestamp())}
        secret = secret.asked("require", nonce=claims["nonce"])
    if way == "his own":
        claims["recipient"] = drawn["recipient"].hex()
    return replace(secret, evidence=signed_by(PUBLISHED if secret.format == "simulated" else drawn["key"], document))


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
