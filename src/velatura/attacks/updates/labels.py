"""Labels from the update of the last layer: how many rows of each class a site trained on.

With cross-entropy the last bias moves by the mean of (one for the row's class) - p: of one row its class alone moves up (iDLG). Of several, a class
comes rows x (mean p - gradient) times. What p is at the beginning is asked of the network with noise for input. Under noise one class is told from
another with all weights: whose simulated update, of a grey row, is next to what was sent.
Source: Zhao et al., "iDLG", 2020; Wainakh et al., "User-Level Label Leakage from Gradients", PoPETs 2022(2).
Limit: several steps move p, and momentum the weights: counts are of the first order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.updates.update import Simulation, Update

__all__ = ["counts_of", "labels_of", "nearest_class"]

Counts = NDArray[np.int64]
DUMMIES = 64


def counts_of(update: Update, rng: Generator) -> Counts:
    """(classes,) whole numbers that add up to the rows."""
    moved = _last(update)
    if update.rows == 1 or moved is None:
        label = int(np.argmax(moved)) if moved is not None else 0
        return np.bincount([label], minlength=update.classes) * update.rows
    import torch

    dummies = torch.from_numpy(rng.random((DUMMIES, *update.shape)))
    with torch.no_grad():
        p = torch.softmax(Simulation(update).logits(dummies), 1).mean(0).numpy()
    return _whole(update.rows * (p + moved / (update.step_size * _growth(update))), update.rows)


def labels_of(update: Update, rng: Generator) -> NDArray[np.int64]:
    """(rows,) in ascending order."""
    return np.repeat(np.arange(update.classes), counts_of(update, rng))


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


def _whole(wanted: NDArray[np.float64], total: int) -> Counts:
    """Next whole numbers, none negative, with this sum: the largest remainders get what is left."""
    if not np.isfinite(wanted).all():
        wanted = np.zeros_like(wanted)
    wanted = np.clip(wanted, 0, total)
    wanted = wanted * total / wanted.sum() if wanted.sum() > total else wanted
    made = np.floor(wanted + 1e-9).astype(np.int64)
    left = wanted - made
    for _ in range(total - int(made.sum())):
        label = int(np.argmax(left))
        made[label] += 1
        left[label] -= 1
    return made
