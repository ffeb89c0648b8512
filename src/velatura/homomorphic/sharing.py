"""What of a result leaves the key's owner: a label, or scores under flooding; raw scores stay.

    label     the k best classes, computed where the key is; nothing else is given out (default, k = 1)
    private   as label; raw scores may be written for the owner's own eyes
    public    scores, after noise has drowned what a decryption tells about the key (`flooding`)

One raw decryption that its ciphertext's maker gets to see gives the secret key away (Li, Micciancio, EUROCRYPT 2021). Rounding does not help.
A label tells little, not nothing; whoever may ask without end learns the model from labels too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadSpec, Withheld
from velatura.specs import Spec

__all__ = ["RAW", "SHARES", "Answer", "Sharing", "check_sharing", "refuse_raw", "released"]

Floats: TypeAlias = NDArray[np.float64]
Share: TypeAlias = Literal["label", "private", "public"]
SHARES: tuple[Share, ...] = ("label", "private", "public")
QUERIES = 1000
"""Ciphertexts that a key decrypts under `public` unless somebody says otherwise."""
STATISTICAL_BITS = 30
"""Of flooding: all answers together tell noise from noise with an advantage of about 2^-30."""
RAW = (
    "raw scores: whoever has them and the ciphertext they came from can compute the secret key; keep the file to yourself, "
    "and compile with --share public where scores are to be given out"
)


class Sharing(Spec, frozen=True):
    """
    Args:
        top_k: classes that an answer names, best first.
        queries: ciphertexts that one key may decrypt in all; None: they are counted and not limited.
        statistical_bits: of `public`.
    """

    share: Share = "label"
    top_k: int = 1
    queries: int | None = None
    statistical_bits: int = STATISTICAL_BITS


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Args:
        labels: (samples, k) class numbers, best first. A model of one output answers 1 where it is above zero, else 0.
        scores: (samples, outputs); None where the policy keeps them.
        raw: the scores are raw: they are the owner's alone.
    """

    labels: NDArray[np.int64]
    scores: Floats | None = None
    raw: bool = False


def check_sharing(share: str, *, top_k: int = 1, queries: int | None = None, outputs: int) -> Sharing:
    """A policy from a person's words.

    Raises:
        BadSpec: `he.share`, `he.top-k`, `he.queries`.
    """
    if share not in SHARES:
        raise BadSpec("he.share", f"--share {share}: is none of {', '.join(SHARES)}", hint="--share label gives out the least")
    if not 1 <= top_k <= max(outputs - 1, 1):
        raise BadSpec("he.top-k", f"the best {top_k} of {outputs} outputs", hint="1, or a few: all of them in order are nearly the scores")
    if queries is not None and queries < 1:
        raise BadSpec("he.queries", f"a limit of {queries} queries", hint="at least one")
    named = next(one for one in SHARES if one == share)
    return Sharing(named, top_k, queries or (QUERIES if share == "public" else None))


def released(scores: Floats, sharing: Sharing, *, raw: bool = False) -> Answer:
    """What the policy lets out. `scores`: (samples, outputs), flooded already under `public`. `raw`: the owner asks for scores for himself.

    Raises:
        Withheld: `he.sharing`.
    """
    labels = _labels(scores, sharing.top_k)
    refuse_raw(sharing, raw=raw)
    if sharing.share == "public":
        return Answer(labels, scores)
    return Answer(labels, scores, raw=True) if raw else Answer(labels)


def refuse_raw(sharing: Sharing, *, raw: bool) -> None:
    """Raises Withheld: `he.sharing`."""
    if raw and sharing.share == "label":
        raise Withheld("he.sharing", "this program was compiled to give out labels alone", hint="compile with --share private or public")


def _labels(scores: Floats, top_k: int) -> NDArray[np.int64]:
    if scores.shape[1] == 1:
        return (scores > 0).astype(np.int64)
    return np.argsort(-scores, axis=1, kind="stable")[:, :top_k].astype(np.int64)
