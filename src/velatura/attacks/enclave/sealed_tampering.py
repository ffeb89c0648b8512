"""Does sealed data open that are not what their owner sealed? Pieces are moved, left out and borrowed, and an older state is put back (class 43).

The arm plays one way of tampering with files of its own, and says whether they were opened and used; "honest" are files that nobody touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Arm, Outcomes
from velatura.attacks.enclave.session_tampering import HONEST
from velatura.errors import BadInput

__all__ = ["HONEST", "WAYS", "SealedTampering"]

WAYS: Mapping[str, str] = MappingProxyType(
    {
        "reordered": "two pieces of a data set in each other's place",
        "doubled": "a piece of a data set twice",
        "left out": "a piece of a data set missing",
        "cut": "a data set that ends behind one of its pieces",
        "spliced": "a piece of another data set under the same key",
        "other head": "the pieces of a data set under the head of another one with the same key",
        "other terms": "a data set whose head allows more than its owner did",
        "rollback": "an older state in the place of the latest",
        "uncounted": "a state from where nothing counted, where something counts",
        "other state": "a state that another program kept",
    }
)
"""Way -> what is done."""


@dataclass(frozen=True, slots=True)
class SealedTampering:
    """An `Attack[str, bool]`: way -> whether what was tampered with is opened and used."""

    name: ClassVar[str] = "sealed-tampering"
    knowledge: ClassVar[str] = "keeps every sealed file, of every time, and hands them over as he likes; has no key"

    def play(self, arm: Arm[str, bool], secrets: Sequence[str], rng: Generator, *, budget_s: float) -> Outcomes:
        """The share of ways that work; see `Attack.play`.

        Raises:
            BadInput: `attack.sealed`: what nobody touched does not open either.
        """
        if not arm(HONEST, rng):
            raise BadInput("attack.sealed", "what nobody touched does not open either: nothing can be shown", hint="velatura enclave doctor")
        opened = [way for way in secrets if arm(way, rng)]
        return Outcomes(
            np.array([[float(way in opened) for way in secrets]]),
            ("who keeps the files",),
            0.0,
            "ways",
            "acceptance rate",
            kind="proof",
            reference="a guess",
            notes={"opened": "; ".join(f"{way}: {WAYS.get(way, way)}" for way in opened) or "none"},
        )
