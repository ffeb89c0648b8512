"""Rows found by search: whose simulated update is the one that was sent?

"dlg": squared distance, L-BFGS (Zhu, Liu, Han, "Deep Leakage from Gradients", NeurIPS 2019), labels given (iDLG); exact on smooth networks.
"cosine": angle and total variation, Adam on signs (Geiping et al., "Inverting Gradients", NeurIPS 2020); for networks that are not smooth, and
updates whose length says nothing.
Both start again from other noise, and with the next likely labels, until the distance is what rounding leaves, or there is no start or time left. The
best start is that with the smallest distance, never the one that looks best: with a wrong label it stays a thousand times as large.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Deadline
from velatura.attacks.updates.update import Simulation, Update

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Effort", "Found", "cosine", "dlg"]

Labels = NDArray[np.int64]
WEIGHT = 1e3  # of the distance, so that L-BFGS does not end at its own tolerances
ENOUGH = 1e-12  # of the weighted distance, in units of a gradient; at 1e-9 pictures are at 30 dB
STALE = 0.01  # a stretch of L-BFGS that gains less ends the start: noise leaves a distance that nothing lessens


@dataclass(frozen=True, slots=True)
class Effort:
    """starts: at most; stretches: of 20 iterations of L-BFGS in each, times the rows; steps: of Adam in each; smooth: weight of total variation."""

    starts: int = 4
    stretches: int = 16
    steps: int = 400
    smooth: float = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """x: (rows, ...), pictures in 0..1; distance: what was left; cut: the time ended it before its starts."""

    x: NDArray[np.float64]
    distance: float
    cut: bool


def dlg(update: Update, labels: Sequence[Labels], rng: Generator, effort: Effort, deadline: Deadline) -> Found:
    """See the module. labels: (rows,) each, the likeliest first; starts take them in turn."""
    import torch

    simulation = Simulation(update)
    unit = WEIGHT / update.step_size**2
    enough = max(ENOUGH, unit * simulation.rounding())

    def started(x: Tensor, y: Tensor) -> float:
        optimizer = torch.optim.LBFGS([x], max_iter=20, history_size=50, tolerance_grad=1e-14, tolerance_change=1e-18, line_search_fn="strong_wolfe")

        def distance() -> Tensor:
            far: Tensor = unit * ((simulation(x, y) - simulation.target) ** 2).sum()
            (x.grad,) = torch.autograd.grad(far, x)
            return far.detach()

        last = inf
        for _ in range(effort.stretches * update.rows):
            now = float(optimizer.step(distance))  # type: ignore[no-untyped-call]
            if not now >= enough or deadline.passed() or now > last * (1 - STALE):
                break
            last = now
        return float(distance())

    return _best(update, labels, started, enough, rng, effort, deadline)


def cosine(update: Update, labels: Sequence[Labels], rng: Generator, effort: Effort, deadline: Deadline) -> Found:
    """See the module. labels: (rows,) each, the likeliest first; starts take them in turn."""
    import torch

    simulation = Simulation(update)

    def away(x: Tensor, y: Tensor) -> Tensor:
        told: Tensor = 1 - torch.nn.functional.cosine_similarity(simulation(x, y), simulation.target, dim=0)
        return told

    def started(x: Tensor, y: Tensor) -> float:
        optimizer = torch.optim.Adam([x], lr=0.1)
        slower = torch.optim.lr_scheduler.MultiStepLR(optimizer, [effort.steps * part // 8 for part in (3, 5, 7)], gamma=0.1)
        for _ in range(effort.steps):
            far = away(x, y) + effort.smooth * _variation(x)
            (x.grad,) = torch.autograd.grad(far, x)
            x.grad.sign_()
            optimizer.step()
            slower.step()
            with torch.no_grad():
                x.copy_(_within(update, x))
            if deadline.passed():
                break
        return float(away(x, y).detach())

    return _best(update, labels, started, 1e-9, rng, effort, deadline)


def _best(
    update: Update,
    labels: Sequence[Labels],
    started: Callable[[Any, Any], float],
    enough: float,
    rng: Generator,
    effort: Effort,
    deadline: Deadline,
) -> Found:
    """Of several starts the one with the smallest distance. A start that ran away to no number counts as none."""
    import torch

    best, least, cut = np.full((update.rows, *update.shape), 0.5), inf, False
    for start in range(effort.starts):
        x = torch.from_numpy((rng.random if update.picture else rng.standard_normal)((update.rows, *update.shape))).requires_grad_()
        left = started(x, torch.from_numpy(labels[start % len(labels)]))
        if left < least:
            best, least = _within(update, x.detach()).numpy(), left
        if least <= 4 * enough:
            break
        if deadline.passed():
            cut = True
            break
    return Found(best, least, cut)


def _within(update: Update, x: Tensor) -> Tensor:
    return x.clamp(0, 1) if update.picture else x


def _variation(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbours of a picture, (n, channels, height, width); of a row that is none, nothing."""
    if x.ndim != 4:
        return x.sum() * 0
    return (x[..., 1:, :] - x[..., :-1, :]).abs().mean() + (x[..., :, 1:] - x[..., :, :-1]).abs().mean()
