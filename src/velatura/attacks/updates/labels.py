"""Labels from the update of the last layer: how many rows of each class a site trained on.

With cross-entropy the last bias moves by the mean of (one for the row's class) - p: of one row its class alone moves up (iDLG). Of several, a class
comes rows x (mean p - gradient) times. What p is at the beginning is asked of the network with inputs of several kinds (noise, greys from black to
white), as nobody knows what the rows look like: with the right p the counts are whole numbers, so that the kind which leaves the least is believed.
Of batches of eight digits of MNIST that was right for 30 of 30, and white noise alone for one of ten. Under noise one class is told from another
with all weights: whose simulated update, of a grey row, is next to what was sent.
Source: Zhao et al., "iDLG", 2020; Wainakh et al., "User-Level Label Leakage from Gradients", PoPETs 2022(2).
Limit: several steps move p, and momentum the weights: counts are of the first order.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.updates.update import Simulation, Update

__all__ = ["counts_of", "labels_of", "likely", "nearest", "nearest_class"]

Counts = NDArray[np.int64]
DUMMIES = 64
GREYS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0)


def counts_of(update: Update, rng: Generator) -> Counts:
    """(classes,) whole numbers that add up to the rows: the likeliest."""
    return likely(update, rng, 1)[0]


def likely(update: Update, rng: Generator, most: int) -> list[Counts]:
    """The likeliest counts first, `most` of them where there are so many; each (classes,), adding up to the rows."""
    moved = _last(update)
    if update.rows == 1 or moved is None:
        label = int(np.argmax(moved)) if moved is not None else 0
        return [np.bincount([label], minlength=update.classes) * update.rows]
    import torch

    simulation, far = Simulation(update), dict[tuple[int, ...], float]()
    for dummies in _dummies(update, rng):
        with torch.no_grad():
            p = torch.softmax(simulation.logits(torch.from_numpy(dummies)), 1).mean(0).numpy()
        for distance, counts in nearest(update.rows * (p + moved / (update.step_size * _growth(update))), update.rows, most):
            key = tuple(counts.tolist())
            far[key] = min(distance, far.get(key, distance))
    return [np.array(key) for key in sorted(far, key=lambda key: far[key])[:most]]


def nearest(wanted: NDArray[np.float64], total: int, most: int) -> list[tuple[float, Counts]]:
    """Whole numbers next to those wanted, none negative, with this sum: (squared distance, counts), the nearest first.

    From the nearest on, one is taken from a class and given to another: at each step the cheapest of all such moves that were seen. No more than
    `most` classes that cost least to take from, or to give to, are looked at.
    """
    if not np.isfinite(wanted).all():
        wanted = np.zeros_like(wanted)
    first = _whole(wanted, total)
    waiting, seen, found = [(float(((first - wanted) ** 2).sum()), tuple(first.tolist()))], {tuple(first.tolist())}, list[tuple[float, Counts]]()
    while waiting and len(found) < most:
        distance, key = heappop(waiting)
        counts = np.array(key)
        found.append((distance, counts))
        taken, given = 1 - 2 * (counts - wanted), 1 + 2 * (counts - wanted)
        for giver in [int(one) for one in np.argsort(taken, kind="stable") if counts[one]][: most + 1]:
            for taker in [int(one) for one in np.argsort(given, kind="stable") if one != giver][: most + 1]:
                moved = counts.copy()
                moved[giver] -= 1
                moved[taker] += 1
                if (other := tuple(moved.tolist())) not in seen:
                    seen.add(other)
                    heappush(waiting, (float(((moved - wanted) ** 2).sum()), other))
    return found


def labels_of(update: Update, rng: Generator, most: int = 1) -> list[NDArray[np.int64]]:
    """The same as labels, each (rows,) in ascending order."""
    return [np.repeat(np.arange(update.classes), counts) for counts in likely(update, rng, most)]


def nearest_class(update: Update) -> int:
    """Of one row: the class whose simulated update is next to what was sent."""
    import torch

    simulation = Simulation(update)
    grey = torch.full((1, *update.shape), 0.5, dtype=torch.float64)
    far = [float(((simulation(grey, torch.tensor([label])) - simulation.target) ** 2).sum().detach()) for label in range(update.classes)]
    return int(np.argmin(far))


def _last(update: Update) -> NDArray[np.float64] | None:
    """(classes,) how far each class's bias moved; its weights' sum where there is no bias (inputs of a last layer are rarely negative)."""
    parameters: dict[str, Any] = dict(update.network.named_parameters())
    for name in reversed(parameters):
        if parameters[name].shape == (update.classes,):
            return np.asarray(update.moved[name], np.float64)
        if parameters[name].ndim == 2 and parameters[name].shape[0] == update.classes:
            return np.asarray(update.moved[name].sum(1), np.float64)
    return None


def _growth(update: Update) -> float:
    """By which momentum lengthens a step, on average over the steps taken."""
    m = update.rule.momentum
    steps = len(update.rule.steps)
    return sum((1 - m ** (at + 1)) / (1 - m) for at in range(steps)) / steps if m < 1 else 1.0


def _dummies(update: Update, rng: Generator) -> Iterator[NDArray[np.float64]]:
    """Inputs of each kind, (n, ...)."""
    yield rng.random((DUMMIES, *update.shape))
    if update.picture:
        for grey in GREYS:
            yield np.full((1, *update.shape), grey)
    else:
        yield rng.standard_normal((DUMMIES, *update.shape))


def _whole(wanted: NDArray[np.float64], total: int) -> Counts:
    """The nearest: each one in turn goes to the class that lacks most."""
    made = np.zeros(len(wanted), np.int64)
    for _ in range(total):
        made[int(np.argmax(wanted - made))] += 1
    return made
