"""A set of CKKS parameters and whether it is secure: degree, primes, and the table that bounds their product.

The table decides: greatest log2 of the product of *all* primes, the key-switching prime included, for a ternary secret and 128 bits against classical
attacks. Source: Bossuat et al., Security Guidelines for Implementing Homomorphic Encryption (eprint 2024/463). The standard of 2018, which SEAL
checks, is looser (218 bits at 8192, where estimates today give less than 128). `security` estimates independently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import log2
from types import MappingProxyType

from velatura.errors import BadSpec

__all__ = ["MAX_LOG_QP", "PRIME_BITS", "Parameters", "parameters", "primes_for"]

MAX_LOG_QP: Mapping[int, int] = MappingProxyType({1024: 26, 2048: 53, 4096: 106, 8192: 214, 16384: 430, 32768: 868, 65536: 1747, 131072: 3523})
"""Degree -> greatest sum of log2 of all primes."""
PRIME_BITS = range(20, 61)
"""Sizes of a prime: below 20 bits there are few of them, above 60 SEAL takes none."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """
    Args:
        n: polynomial degree, a power of two; half as many slots.
        data: data primes in the order of the chain: the last is dropped first.
        special: the prime that key switching works under; no ciphertext has it.
        insecure: beyond the table because somebody asked for that in so many words; stamped into every artefact.
    """

    n: int
    data: tuple[int, ...]
    special: int
    insecure: bool = False

    @property
    def slots(self) -> int:
        return self.n // 2

    @property
    def log_qp(self) -> float:
        """log2 of the product of all primes."""
        return sum(log2(prime) for prime in (*self.data, self.special))

    @property
    def bits(self) -> tuple[int, ...]:
        """Sizes of all primes, the special one last."""
        return tuple(prime.bit_length() for prime in (*self.data, self.special))

    def digest(self) -> bytes:
        """32 bytes that two sets share only where they are equal."""
        words = [self.n, int(self.insecure), len(self.data), *self.data, self.special]
        return blake2b(b"".join(word.to_bytes(8, "little") for word in words), digest_size=32, person=b"vlhe-parameters").digest()


def parameters(n: int, data_bits: Sequence[int], special_bits: int, *, insecure_ok: bool = False) -> Parameters:
    """Parameters with primes of these sizes.

    Raises:
        BadSpec: `he.degree`, `he.primes`, `he.insecure`.
    """
    *data, special = primes_for(n, [*data_bits, special_bits])
    made = Parameters(n, tuple(data), special)
    if made.log_qp <= MAX_LOG_QP[n]:
        return made
    if not insecure_ok:
        raise BadSpec(
            "he.insecure",
            f"primes of {made.log_qp:.1f} bits in all are too many at degree {n}: 128 bits of security allow {MAX_LOG_QP[n]}",
            hint="fewer or smaller primes, or a greater degree; --insecure-ok for trials, which every artefact will say",
        )
    return Parameters(n, tuple(data), special, insecure=True)


def primes_for(n: int, bits: Sequence[int]) -> tuple[int, ...]:
    """Different primes of these sizes, each 1 modulo 2n, the greatest there are; of one size the smallest comes first, as SEAL deals them.

    Raises:
        BadSpec: `he.degree`, `he.primes`.
    """
    if n not in MAX_LOG_QP:
        raise BadSpec("he.degree", f"{n} is no degree of a parameter set", hint=f"one of {', '.join(map(str, MAX_LOG_QP))}")
    left = {size: _greatest(n, size, bits.count(size)) for size in dict.fromkeys(bits)}
    return tuple(left[size].pop() for size in bits)


def _greatest(n: int, size: int, count: int) -> list[int]:
    """`count` primes in decreasing order."""
    if size not in PRIME_BITS:
        raise BadSpec("he.primes", f"a prime of {size} bits", hint=f"{PRIME_BITS.start} to {PRIME_BITS.stop - 1} bits")
    found: list[int] = []
    candidate = ((1 << size) - 1) // (2 * n) * (2 * n) + 1
    while len(found) < count:
        if candidate <= 1 << (size - 1):
            raise BadSpec("he.primes", f"there are only {len(found)} primes of {size} bits at degree {n}, {count} are wanted", hint="other sizes")
        if _is_prime(candidate):
            found.append(candidate)
        candidate -= 2 * n
    return found


def _is_prime(value: int) -> bool:
    """Miller and Rabin with the bases that decide below 2^64 (Sorenson, Webster, Math. Comp. 86, 2017)."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    if any(value % base == 0 for base in bases):
        return value in bases
    odd = value - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    return all(_passes(value, base, odd, twos) for base in bases)


def _passes(value: int, base: int, odd: int, twos: int) -> bool:
    power = pow(base, odd, value)
    if power in (1, value - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % value
        if power == value - 1:
            return True
    return False
