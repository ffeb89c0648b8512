"""Where all randomness of a run comes from that is no secret: a job's seed, a round, a partition, and what it is for.

Node ids are random on other engines than `local`, so none is made of them: the same job draws the same numbers wherever it runs.
"""

from __future__ import annotations

import hashlib

__all__ = ["derived"]


def derived(seed: int, purpose: str, *numbers: int) -> int:
    """63 bits, evenly spread; other numbers for each purpose, and for each list of numbers."""
    told = ":".join([str(seed), purpose, *(str(number) for number in numbers)])
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big") >> 1
