"""The cheapest matching of a small cost matrix in which some pairs are forbidden.

Pairs that nothing competes for, nearly all of them in a clip, are taken directly. What is left goes to shortest augmenting paths in numpy, or
to scipy where it is large. Source: Jonker and Volgenant 1987 (both).
"""

from __future__ import annotations

from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["assign"]

FORBIDDEN = 1e6  # stands for infinity: as many pairs as possible are made before cost counts
SMALL = 48


def assign(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """(row, column) of each pair, rows rising: as many finite entries as can be matched, and of those the cheapest sum.

    Args:
        cost: (n, m), entries below 1,000; inf forbids a pair.
    """
    allowed = np.isfinite(cost)
    choices, rivals = allowed.sum(axis=1), allowed.sum(axis=0)
    row_of, column_of = np.nonzero(allowed)
    alone = (choices[row_of] == 1) & (rivals[column_of] == 1)
    pairs = list(zip(row_of[alone].tolist(), column_of[alone].tolist(), strict=True))
    if not alone.all():
        rows = np.unique(row_of[~alone])
        columns = np.unique(column_of[~alone])
        found = _contested(np.where(allowed, cost, FORBIDDEN)[np.ix_(rows, columns)])
        pairs += [(int(rows[a]), int(columns[b])) for a, b in found if allowed[rows[a], columns[b]]]
    return sorted(pairs)


def _contested(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    if max(cost.shape) > SMALL:
        return [(int(a), int(b)) for a, b in zip(*_scipys().linear_sum_assignment(cost), strict=True)]
    if cost.shape[0] > cost.shape[1]:
        return [(a, b) for b, a in _augment(cost.T)]
    return _augment(cost)


@cache
def _scipys() -> Any:
    """The extension alone: `scipy.optimize` around it is .4 s of CPU and 40 MB more in each process that may see a crowd."""
    found = find_spec("scipy")
    folder = Path(found.origin).parent / "optimize" if found and found.origin else Path()
    for path in (folder / f"_lsap{suffix}" for suffix in EXTENSION_SUFFIXES):
        if path.is_file() and (spec := spec_from_file_location("scipy.optimize._lsap", path)) and spec.loader:
            spec.loader.exec_module(module := module_from_spec(spec))
            return module
    import scipy.optimize

    return scipy.optimize


def _augment(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Rows <= columns. Column 0 of the arrays is a root that holds the row being placed; `match[j]` is the row (from 1) of column j."""
    n, m = cost.shape
    row_price, price = np.zeros(n + 1), np.zeros(m + 1)
    match = np.zeros(m + 1, dtype=np.intp)
    for row in range(1, n + 1):
        match[0], j = row, 0
        least, came_from, used = np.full(m + 1, np.inf), np.zeros(m + 1, dtype=np.intp), np.zeros(m + 1, dtype=bool)
        while match[j]:
            used[j] = True
            reduced = cost[match[j] - 1] - row_price[match[j]] - price[1:]
            better = ~used[1:] & (reduced < least[1:])
            least[1:][better], came_from[1:][better] = reduced[better], j
            j = int(np.where(used, np.inf, least)[1:].argmin()) + 1
            step = least[j]
            row_price[match[used]] += step
            price[used] -= step
            least[~used] -= step
        while j:
            match[j], j = match[came_from[j]], int(came_from[j])
    return [(int(match[j]) - 1, j - 1) for j in range(1, m + 1) if match[j]]
