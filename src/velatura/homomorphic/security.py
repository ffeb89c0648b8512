"""Bits of security of a parameter set, estimated from scratch: a cross-check on the table in `parameters`, which decides.

Primal attack on LWE by unique shortest vectors (Alkim et al., USENIX Security 2016; Albrecht et al., ASIACRYPT 2017): block size beta suffices when
sqrt(beta) sigma <= delta(beta)^(2 beta - d - 1) vol^(1 / d), the ternary secret scaled up to the error (Bai, Galbraith), the number of samples m
chosen for the attacker, d = m + n + 1. A call costs 2^(0.292 beta + 16.4), 8 d of them. Agrees with the guideline of 2024 within five bits from
n = 2048 on. Limit: dual and hybrid attacks are not looked at; for this secret they gain little.
"""

from __future__ import annotations

from math import e, inf, log2, pi, sqrt

__all__ = ["ERROR", "estimated_bits"]

ERROR = 3.19
"""Standard deviation of the error that the guideline reckons with; SEAL's is 3.24."""
_TERNARY = sqrt(2 / 3)
_MOST_BLOCK = 40000


def estimated_bits(n: int, log_qp: float) -> float:
    """Bits against the primal attack, classical. `log_qp`: log2 of all primes' product."""
    return min((_attack(n, round(share * n), log_qp) for share in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)), default=inf)


def _attack(n: int, samples: int, log_q: float) -> float:
    dimension = samples + n + 1
    log_volume = samples * log_q + n * log2(ERROR / _TERNARY)

    def suffices(block: int) -> bool:
        return log2(sqrt(block) * ERROR) <= (2 * block - dimension - 1) * log2(_root_hermite(block)) + log_volume / dimension

    low, high = 50, min(_MOST_BLOCK, dimension)
    if not suffices(high):
        return inf
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle + 1, high)
    return 0.292 * low + 16.4 + log2(8 * dimension)


def _root_hermite(block: int) -> float:
    """delta of blockwise reduction (Chen, thesis 2013)."""
    return float((block / (2 * pi * e) * (pi * block) ** (1 / block)) ** (1 / (2 * (block - 1))))
