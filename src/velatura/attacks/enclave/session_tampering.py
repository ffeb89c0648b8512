"""Does a session give its key to who should not have it? Requests are replayed, relayed, and made of parts of two.

The arm plays one way of tampering with a session of its own, and says whether the key was given out; "honest" is a session that nobody touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Arm, Outcomes
from velatura.errors import BadInput

__all__ = ["HONEST", "WAYS", "SessionTampering"]

HONEST = "honest"
WAYS: Mapping[str, str] = MappingProxyType(
    {
        "replay": "the same request once more",
        "old evidence": "an answer to an older challenge, under a new nonce",
        "own nonce": "a nonce that nobody gave out",
        "other data": "the nonce of one data set, for another one",
        "other key": "the attacker's key in an honest request",
        "relayed key": "honest evidence, asked for with the attacker's key in the binding",
        "other job": "another job's terms beside honest evidence",
        "other policy": "evidence that binds another policy",
        "spent": "one use more than the data set has",
    }
)
"""Way -> what is done (classes 26 to 30 and 44)."""


@dataclass(frozen=True, slots=True)
class SessionTampering:
    """An `Attack[str, bool]`: way -> whether the key is given out."""

    name: ClassVar[str] = "session-tampering"
    knowledge: ClassVar[str] = "carries every message of the session, and can have honest evidence made; has neither the enclave's key nor the data's"

    def play(self, arm: Arm[str, bool], secrets: Sequence[str], rng: Generator, *, budget_s: float) -> Outcomes:
        """The share of ways in which the key is given out; see `Attack.play`.

        Raises:
            BadInput: `attack.session`: nor is it given out in an honest session.
        """
        if not arm(HONEST, rng):
            raise BadInput("attack.session", "an honest session gets no key either: nothing can be shown", hint="velatura enclave doctor")
        served = [way for way in secrets if arm(way, rng)]
        return Outcomes(
            np.array([[float(way in served) for way in secrets]]),
            ("who carries the messages",),
            0.0,
            "ways",
            "release rate",
            kind="proof",
            reference="an honest session",
            notes={"served": "; ".join(f"{way}: {WAYS.get(way, way)}" for way in served) or "none"},
        )
