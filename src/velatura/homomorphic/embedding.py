"""Slots and coefficients of a CKKS plaintext: the canonical embedding, real slots only where no imaginary part is given.

Slot j is the polynomial's value at zeta^(3^j), zeta = exp(i pi / n); 3 is SEAL's generator, so that the Galois element 3^k rotates by k to the left.
Both ways are one Fourier transform over the odd powers of zeta. Source: Cheon, Kim, Kim, Song, ASIACRYPT 2017, section 2.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["coefficients", "filled", "roots", "slots"]

Floats: TypeAlias = NDArray[np.float64]


def coefficients(values: NDArray[Any]) -> Floats:
    """(..., n / 2) real or complex slots -> (..., n) real coefficients, not rounded."""
    n = 2 * values.shape[-1]
    place, twist = _roots(n)
    spectrum = np.empty((*values.shape[:-1], n), np.complex128)
    spectrum[..., place] = values
    spectrum[..., n - 1 - place] = np.conj(values)
    return np.ascontiguousarray((np.fft.fft(spectrum, axis=-1) * np.conj(twist) / n).real)


def slots(polynomial: Floats) -> NDArray[np.complex128]:
    """(..., n) coefficients -> (..., n / 2) slots."""
    n = polynomial.shape[-1]
    place, twist = _roots(n)
    values: NDArray[np.complex128] = (np.fft.ifft(polynomial * twist, axis=-1) * n)[..., place]
    return values


def filled(values: Floats) -> float:
    """The share of coefficients that a plain vector has: those that are exactly zero are not rounded (a vector with a period has few)."""
    made = np.abs(coefficients(values))
    return float(np.mean(made > 1e-12 * max(float(made.max()), 1e-300)))


def roots(n: int) -> NDArray[np.complex128]:
    """(n / 2,): the root of each slot, zeta^(3^j)."""
    place, _ = _roots(n)
    made: NDArray[np.complex128] = np.exp(1j * np.pi * (2 * place + 1) / n)
    return made


@lru_cache(maxsize=8)
def _roots(n: int) -> tuple[NDArray[np.int64], NDArray[np.complex128]]:
    """Where in the transform each slot's root lies (3^j = 2 t + 1 modulo 2 n), and zeta^k for each coefficient."""
    powers = np.empty(n // 2, np.int64)
    power = 1
    for j in range(n // 2):
        powers[j] = power
        power = 3 * power % (2 * n)
    return (powers - 1) // 2, np.exp(1j * np.pi * np.arange(n) / n)
