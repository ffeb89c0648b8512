"""Three identifiers that need no training loop, all from one matrix of scalar products.

- nearest: the person of the gallery picture at the smallest distance.
- ridge: kernel ridge regression on one-hot names; Gaussian kernel, its width from the median distance.
- lda: eigenfaces (at most 100), then the distance to each person's mean where the scatter within people is white (shrunk by a tenth).

A picture has 10,000 pixels and a gallery 200 pictures, so that everything is done on the 200 x 200 products: distances follow from them, and
principal components are eigenvectors of the centred products (dual form). Products of 8-bit pictures are exact: 256 of them sum to less than 2^24,
which float32 holds; the sums of 256 are added in float64. So equal releases have a distance of exactly 0, and ties are ours to break.
Source: Turk, Pentland, J. Cognitive Neuroscience 1991 (dual eigenfaces); Belhumeur, Hespanha, Kriegman, PAMI 1997 (LDA on them);
Saunders, Gammerman, Vovk, ICML 1998 (kernel ridge).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["CLOSED_FORMS", "Products", "gram", "identify", "lda", "nearest", "products", "ridge", "tie_noise"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EXACT_COLUMNS = 256
MOST_COMPONENTS = 100
RIDGE = 1e-2
SHRINKAGE = 0.1
TIE_GREY_LEVELS = 1e-3
_TIE_COLUMNS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """Scalar products of n gallery pictures and m probes.

    Attributes:
        gallery: (n, n), among the gallery, ordered by person.
        probes: (m, n), of probes with the gallery.
        squares: (m,), of each probe with itself.
        people: (n,), whose picture: 0, 1 ... P-1, ascending, each at least once.
    """

    gallery: Floats
    probes: Floats
    squares: Floats
    people: Integers

    @property
    def firsts(self) -> Integers:
        """(P,): where each person's pictures begin."""
        return np.searchsorted(self.people, np.arange(self.people[-1] + 1))

    def names(self) -> Floats:
        """(n, P), one-hot."""
        return np.eye(int(self.people[-1]) + 1)[self.people]

    def to_gallery(self) -> Floats:
        """(m, n), squared distances of the probes from the gallery."""
        return np.maximum(self.squares[:, None] - 2 * self.probes + np.diagonal(self.gallery), 0.0)


def gram(rows: NDArray[Any]) -> Floats:
    """(n, n), scalar products of (n, d) rows; exact for 8-bit rows."""
    total = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], EXACT_COLUMNS):
        part = rows[:, start : start + EXACT_COLUMNS].astype(np.float32)
        total += part @ part.T
    return total


def tie_noise(count: int, width: int, rng: Generator) -> Floats:
    """(count, count), what noise of .001 grey level on each of `width` pixels adds to the products of equal pictures.

    The noise has dimensions of its own, far fewer than pixels, with the same sum of squares: it decides among equals and nothing else.
    """
    noise = rng.normal(0, TIE_GREY_LEVELS * np.sqrt(width / _TIE_COLUMNS), (count, _TIE_COLUMNS))
    return np.asarray(noise @ noise.T)


def products(gram: Floats, people: Integers, gallery: Integers, probes: Integers) -> Products:
    """The parts of `gram` (n, n) that an attacker uses who has the pictures `gallery` with their names and sees the pictures `probes`.

    Args:
        people: (n,), 0 ... P-1; each has a picture in the gallery.
        gallery, probes: indices.
    """
    gallery = gallery[np.argsort(people[gallery], kind="stable")]
    return Products(gram[np.ix_(gallery, gallery)], gram[np.ix_(probes, gallery)], gram[probes, probes], people[gallery])


def nearest(p: Products) -> Floats:
    """(m, P) scores: minus the squared distance to a person's nearest gallery picture."""
    return -np.minimum.reduceat(p.to_gallery(), p.firsts, axis=1)


def ridge(p: Products) -> Floats:
    """(m, P) scores: kernel ridge regression of the names."""
    square = np.diagonal(p.gallery)
    among = np.maximum(square[:, None] - 2 * p.gallery + square, 0.0)
    apart = among[among > 0]
    width = float(np.median(apart)) if apart.size else 1.0
    weights = np.linalg.solve(np.exp(-among / width) + RIDGE * np.eye(len(among)), p.names())
    return np.asarray(np.exp(-p.to_gallery() / width) @ weights)


def lda(p: Products) -> Floats:
    """(m, P) scores: minus the squared distance to a person's mean among eigenfaces, the scatter within people made white."""
    seen, asked = _eigenfaces(p)
    means = np.add.reduceat(seen, p.firsts, axis=0) / np.bincount(p.people)[:, None]
    within = seen - means[p.people]
    scatter, count = within.T @ within / len(within), seen.shape[1]
    shrunk = (1 - SHRINKAGE) * scatter + (SHRINKAGE * np.trace(scatter) / count + 1e-9) * np.eye(count)
    white = np.linalg.inv(np.linalg.cholesky(shrunk)).T
    return -_squared_distances(asked @ white, means @ white)


def _eigenfaces(p: Products) -> tuple[Floats, Floats]:
    """(n, c) and (m, c): coordinates of gallery and probes on the gallery's principal components, the largest first."""
    column = p.gallery.mean(0)
    centred = p.gallery - column - column[:, None] + column.mean()
    asked = p.probes - p.probes.mean(1, keepdims=True) - column + column.mean()
    values, vectors = np.linalg.eigh(centred)
    sizes = np.sqrt(np.maximum(values[::-1][:MOST_COMPONENTS], 0.0))
    count = max(int((sizes > 1e-6 * sizes[0]).sum()), 1)
    sizes, vectors = sizes[:count], vectors[:, ::-1][:, :count]
    return vectors * sizes, asked @ vectors / np.maximum(sizes, 1e-30)


def _squared_distances(a: Floats, b: Floats) -> Floats:
    return np.asarray((a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1))


CLOSED_FORMS: Mapping[str, Callable[[Products], Floats]] = MappingProxyType({"nearest": nearest, "ridge": ridge, "lda": lda})
"""name -> scores of the probes, (m, P); the largest is the person that a probe is taken for."""


def identify(gallery: NDArray[Any], people: NDArray[Any], probes: NDArray[Any], *, rng: Generator | None = None) -> Floats:
    """(attackers, m, P) scores of all closed forms, in the order of `CLOSED_FORMS`; columns in the order of `np.unique(people)`.

    Args:
        gallery: (n, d), grey levels 0..255, of any number type.
        people: (n,), whose they are.
        probes: (m, d).
        rng: breaks ties at random; None: they fall on the first person.
    """
    joined = np.concatenate([gallery, probes])
    table = gram(joined)
    if rng is not None:
        table += tie_noise(len(joined), joined.shape[1], rng)
    numbers = np.unique(people, return_inverse=True)[1]
    own, asked = np.arange(len(gallery)), np.arange(len(gallery), len(joined))
    found = products(table, numbers, own, asked)
    return np.stack([scores(found) for scores in CLOSED_FORMS.values()])
