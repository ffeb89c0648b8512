"""What an attacker makes the sites that are his train on, and send instead of an honest update.

He sees what his own sites would have sent, and no other site's update: the honest statistics that the papers assume are estimated from his own.
Sources: sign and label flip, Gauss: Blanchard et al., NeurIPS 2017, and Fang et al., USENIX Security 2020, section 6.1; "alie": Baruch, Baruch,
Goldberg, "A Little Is Enough", NeurIPS 2019, algorithm 3; boosting by sites / attackers: Bagdasaryan et al., AISTATS 2020, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["POISONS", "Poison", "Rows", "Sent", "boosted", "bounded"]

Floats = NDArray[np.float64]
Rows = tuple[NDArray[np.float32], NDArray[np.int64]]
"""(n, ...) rows, and their labels."""

LEAST_Z = 1.0  # of ten sites with two attackers the formula gives 0, which is no attack
NOISE = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """What the attacker has in hand in a round.

    Attributes:
        trained: (his sites, d), updates of his sites as trained on what he made of their rows.
        honest: (his sites, d), the same on their own rows.
        sites: of the whole cohort, his among them.
    """

    trained: Floats
    honest: Floats
    sites: int

    @property
    def boost(self) -> float:
        """With it his sites outweigh all others in a mean."""
        return self.sites / len(self.trained)


@dataclass(frozen=True, slots=True)
class Poison:
    """rows: what a site trains on, None: its own rows; update: what his sites send, (his sites, d), None: what they trained."""

    name: str
    rows: Callable[[Rows, int, Generator], Rows] | None = None
    update: Callable[[Sent, Generator], Floats] | None = None


def boosted(sent: Sent, rng: Generator) -> Floats:
    """So long that the mean becomes what was trained."""
    return sent.trained * sent.boost


def bounded(sent: Sent, rng: Generator) -> Floats:
    """No longer than honest updates are: nothing to see by length."""
    lengths = np.linalg.norm(sent.trained, axis=1, keepdims=True)
    return np.asarray(sent.trained * np.minimum(1.0, np.median(np.linalg.norm(sent.honest, axis=1)) / np.maximum(lengths, 1e-30)))


def _flipped(rows: Rows, classes: int, rng: Generator) -> Rows:
    return rows[0], classes - 1 - rows[1]


def _reversed(sent: Sent, rng: Generator) -> Floats:
    return np.broadcast_to(-sent.boost * sent.honest.mean(0), sent.honest.shape)


def _gauss(sent: Sent, rng: Generator) -> Floats:
    return np.asarray(rng.normal(size=sent.honest.shape) * NOISE * sent.honest.std())


def _little(sent: Sent, rng: Generator) -> Floats:
    """As far from the mean as some honest site is, coordinate by coordinate."""
    his, others = len(sent.honest), sent.sites - len(sent.honest)
    supporters = sent.sites // 2 + 1 - his
    z = float(ndtri((others - supporters) / others)) if 0 < others - supporters < others else 0.0
    shared = sent.honest.mean(0) - max(z, LEAST_Z) * sent.honest.std(0)
    return np.broadcast_to(shared, sent.honest.shape)


POISONS = {
    "sign-flip": Poison("sign-flip", update=_reversed),
    "label-flip": Poison("label-flip", rows=_flipped),
    "scaled": Poison("scaled", rows=_flipped, update=boosted),
    "alie": Poison("alie", update=_little),
    "gauss": Poison("gauss", update=_gauss),
}
"""Those that want the model to fail."""
