"""How a pooled table is dealt out to sites, for a simulation: evenly, or unlike each other as real sites are.

Sources: dirichlet: Hsu et al. 2019 (arXiv 1909.06335), by class; pathological: McMahan et al. 2017, sorted by label and dealt in shards;
quantity: Dirichlet over sizes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadSpec, nearest
from velatura.federated.ranges import Range, whole
from velatura.federated.table import MOST_CLASSES

__all__ = ["KINDS", "dealt", "parsed"]

Rows = NDArray[np.int64]
ALPHA = Range(0.001, 1e6)  # below, one site gets all; above, all get the same
KINDS = {"iid": None, "dirichlet": ALPHA, "classes": whole(1, MOST_CLASSES), "quantity": ALPHA}
TRIES = 1000


def dealt(labels: NDArray[np.int64], sites: int, how: str, *, seed: int, least: int = 1) -> list[Rows]:
    """Rows of each site; every row goes to one.

    Args:
        labels: (n,), from 0.
        how: "iid"; "dirichlet:ALPHA"; "classes:N" (each site has rows of about N classes); "quantity:ALPHA".
        least: rows that each site has.

    Raises:
        BadSpec: `federated.partition`.
    """
    kind, number = parsed(how, classes=len(np.unique(labels)))
    if sites < 1 or sites * least > len(labels):
        raise BadSpec(
            "federated.partition", f"{len(labels)} rows are not enough for {sites} sites of at least {least}", hint="fewer data.sites, or more rows"
        )
    rng = np.random.default_rng(seed)
    if kind == "iid":
        return _sorted(np.array_split(rng.permutation(len(labels)), sites))
    if kind == "classes":
        if least and sites * number > len(labels):
            raise BadSpec("federated.partition", f"{how}: {len(labels)} rows are not enough for {sites} sites of so many pieces", hint="fewer sites")
        return _sorted(_shards(labels, sites, int(number), rng))
    for _ in range(TRIES):
        parts = _by_class(labels, sites, number, rng) if kind == "dirichlet" else _by_size(len(labels), sites, number, rng)
        if min(len(part) for part in parts) >= least:
            return _sorted(parts)
    raise BadSpec("federated.partition", f"{how}: no deal in {TRIES} left each of {sites} sites {least} rows", hint="a larger alpha, or fewer sites")


def parsed(how: str, *, classes: int = 0) -> tuple[str, float]:
    """(kind, its number; 0 of a kind that has none).

    Args:
        classes: labels that there are; 0: not known yet.

    Raises:
        BadSpec: `federated.partition`.
    """
    kind, colon, word = how.partition(":")
    if kind not in KINDS:
        raise BadSpec("federated.partition", f"there is no partition {kind[:24]!r}", hint=nearest(kind, KINDS))
    allowed = KINDS[kind]
    if allowed is None:
        if colon:
            raise BadSpec("federated.partition", f"{kind} has no number", hint=kind)
        return kind, 0.0
    try:
        number = int(word) if allowed.whole else float(word)
    except ValueError:
        number = -1
    if not allowed.holds(number):
        hint = f"{kind}:{'2' if allowed.whole else '0.5'}"
        raise BadSpec("federated.partition", f"{kind}:{word[:24]} needs a number: {allowed}", hint=hint)
    if allowed.whole and classes and number > classes:
        raise BadSpec("federated.partition", f"{how}: there are {classes} classes", hint=f"{kind}:{min(2, classes)}, or iid")
    return kind, number


def _by_class(labels: NDArray[np.int64], sites: int, alpha: float, rng: np.random.Generator) -> list[Rows]:
    parts: list[list[Rows]] = [[] for _ in range(sites)]
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        cuts = (np.cumsum(rng.dirichlet(np.full(sites, alpha)))[:-1] * len(rows)).astype(int)
        for part, piece in zip(parts, np.split(rows, cuts), strict=True):
            part.append(piece)
    return [np.concatenate(part) for part in parts]


def _by_size(rows: int, sites: int, alpha: float, rng: np.random.Generator) -> list[Rows]:
    cuts = (np.cumsum(rng.dirichlet(np.full(sites, alpha)))[:-1] * rows).astype(int)
    return list(np.split(rng.permutation(rows), cuts))


def _shards(labels: NDArray[np.int64], sites: int, each: int, rng: np.random.Generator) -> list[Rows]:
    """Sorted by label (rows of one label in random order), cut into pieces, `each` of them to a site."""
    mixed = rng.permutation(len(labels))
    pieces = np.array_split(mixed[np.argsort(labels[mixed], kind="stable")], sites * each)
    order = rng.permutation(sites * each)
    return [np.concatenate([pieces[index] for index in order[site * each : (site + 1) * each]]) for site in range(sites)]


def _sorted(parts: list[Rows]) -> list[Rows]:
    return [np.sort(part).astype(np.int64) for part in parts]
