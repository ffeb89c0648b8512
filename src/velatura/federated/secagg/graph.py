"""Who masks with whom: everybody with everybody up to 64 sites; above, each with k neighbours on a ring whose order nobody could choose.

The order comes from nonces that all sites promised before any was shown. A site that promised and does not show its own ends the round: were it
left out instead, the server could try subsets until the order pleased it.
k is the least even number for which, among n sites of which a third is corrupt, each of two failures has a chance below 2^-40: some site has a
threshold of corrupt neighbours; the ring falls apart, where a third is lost besides. Source: Bell et al., CCS 2020, with the threshold at two thirds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb

__all__ = ["COMPLETE", "degree", "neighbours", "threshold"]

COMPLETE = 64
RISK = Fraction(1, 1 << 40)


def threshold(sites: int) -> int:
    """Of so many that hold shares: floor(2n/3) + 1, against a server that cheats (Bonawitz et al., theorem 6.5)."""
    return 2 * sites // 3 + 1


def neighbours(site: int, sites: Sequence[int], seed: bytes) -> list[int]:
    """Of one site, sorted, without itself. seed: for the order of the ring; unused up to 64 sites."""
    if len(sites) <= COMPLETE:
        return sorted(other for other in sites if other != site)
    ring = sorted(sites, key=lambda one: hashlib.sha256(b"velatura secagg ring v1|" + seed + one.to_bytes(8, "big")).digest())
    here, half = ring.index(site), degree(len(ring)) // 2
    return sorted({ring[(here + step) % len(ring)] for step in range(-half, half + 1)} - {site})


@lru_cache
def degree(sites: int) -> int:
    """k for so many sites."""
    if sites <= COMPLETE:
        return sites - 1
    return next((k for k in range(2, sites - 1, 2) if _risk(sites, k) <= RISK), sites - 1)


def _risk(sites: int, k: int) -> Fraction:
    corrupt, others = sites // 3, sites - 1
    tail = sum(comb(corrupt, bad) * comb(others - corrupt, k - bad) for bad in range(min(threshold(k + 1), k + 1), min(k, corrupt) + 1))
    surrounded = Fraction(sites * tail, comb(others, k))
    apart = Fraction(sites * sites) * Fraction(2, 3) ** k
    return max(surrounded, apart)
