"""Shamir's sharing of 32-byte secrets: any t shares give the secret, fewer say nothing of it.

A secret is the constant term of a random polynomial of degree t - 1 over the integers modulo the first prime above 2^256; a share is its value at
x >= 1. Shares carry no proof: whoever puts a secret together checks it against what its owner promised (`recovered`), which also names liars.
Source: Shamir, "How to Share a Secret", CACM 22(11), 1979.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from random import Random

__all__ = ["PRIME", "SECRET_BYTES", "SHARE_BYTES", "recombined", "recovered", "shared"]

PRIME = (1 << 256) + 297
SECRET_BYTES, SHARE_BYTES = 32, 33
TRIES = 256  # further subsets of shares that are looked at when some are wrong
WIDE = 64  # random bytes for a coefficient: its distance from uniform is below 2^-255

Entropy = Callable[[int], bytes]


def shared(secret: bytes, *, threshold: int, at: list[int], entropy: Entropy) -> dict[int, bytes]:
    """A share for each x in `at`.

    Args:
        secret: 32 bytes.
        at: distinct, from 1 up, at least `threshold` of them.

    Raises:
        ValueError: arguments that would give a secret away or never give it back.
    """
    if len(secret) != SECRET_BYTES or not 1 <= threshold <= len(at) or len(set(at)) != len(at) or not all(1 <= x < PRIME for x in at):
        raise ValueError("a secret of 32 bytes, distinct places from 1 up, and no more needed than there are")
    terms = [int.from_bytes(entropy(WIDE), "big") % PRIME for _ in range(threshold - 1)]
    return {x: _value([*terms, int.from_bytes(secret, "big")], x).to_bytes(SHARE_BYTES, "big") for x in at}


def recombined(shares: Mapping[int, bytes]) -> bytes | None:
    """The secret of as many shares as its threshold; None: they are of no 32-byte secret."""
    found = _at(shares, 0)
    return None if found >> (8 * SECRET_BYTES) else found.to_bytes(SECRET_BYTES, "big")


def recovered(shares: Mapping[int, bytes], *, threshold: int, is_it: Callable[[bytes], bool]) -> tuple[bytes | None, list[int]]:
    """The secret, also where some shares are wrong.

    Args:
        is_it: whether a candidate is what its owner promised.

    Returns:
        (the secret, places whose share is wrong, looked for only where the first ones did not fit); (None, []) where too few fit together,
        within a bounded number of tries.
    """
    for tried, chosen in enumerate(_subsets(sorted(shares), threshold)):
        some = {x: shares[x] for x in chosen}
        secret = recombined(some)
        if secret is not None and is_it(secret):
            rest = sorted(shares.keys() - some.keys()) if tried else []  # where all goes well, nobody pays for looking further
            return secret, [x for x in rest if _at(some, x) != int.from_bytes(shares[x], "big")]
    return None, []


def _subsets(places: list[int], size: int) -> Iterator[list[int]]:
    """Neighbours first, which finds one liar; then at random, from a fixed seed."""
    if size > len(places):
        return
    for first in range(len(places)):
        yield [places[(first + step) % len(places)] for step in range(size)]
    random = Random(0)  # which shares are looked at is no secret
    for _ in range(TRIES):
        yield random.sample(places, size)


def _value(terms: list[int], x: int) -> int:
    """Of a polynomial, highest term first."""
    value = 0
    for term in terms:
        value = (value * x + term) % PRIME
    return value


def _at(shares: Mapping[int, bytes], place: int) -> int:
    """Value at a place of the polynomial through the shares."""
    weights = _weights(tuple(shares), place)
    return sum(weight * int.from_bytes(share, "big") for weight, share in zip(weights, shares.values(), strict=True)) % PRIME


@lru_cache(maxsize=1024)
def _weights(places: tuple[int, ...], place: int) -> tuple[int, ...]:
    """Lagrange's; the same holders serve every secret of a round."""
    weights = []
    for x in places:
        above = below = 1
        for other in places:
            if other != x:
                above, below = above * (place - other) % PRIME, below * (x - other) % PRIME
        weights.append(above * pow(below, -1, PRIME) % PRIME)
    return tuple(weights)
