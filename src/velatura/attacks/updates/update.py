"""What an attacker on updates has: weights after a site's training minus weights before, and how a site trains; and what other rows would have sent.

The rule is no secret: learning rate, steps, clipping and the order of rows come from the job file. So an attacker simulates a site on rows of his
own, clipping included, as a differentiable function of them. An attacker who does not clip his guess takes mere clipping for a defence.
Limit: dropout draws other units for him than for the site.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Batch", "Rule", "Simulation", "Update"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows that a site trains on: the secret. x (n, ...) float32; y (n,) labels from 0."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a site trains in a round.

    Attributes:
        steps: rows of each step, by their place in the site's table.
        lr, momentum, weight_decay, proximal: of SGD; FedProx's mu.
        clip: L2 norm of the whole update at most; 0: any.
        clip_rows: L2 norm of each row's gradient at most; 0: any.
    """

    steps: Sequence[Sequence[int]]
    lr: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    proximal: float = 0.0
    clip: float = 0.0
    clip_rows: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """A release: what the attacker sees of one round.

    Attributes:
        network: a torch module, with the weights that the site was sent.
        moved: name of a parameter -> weights after minus before, as they were sent: with noise, or masked, where they were.
        rule: of one site, or of all sites of a sum as if they were one.
        rows: how many it is of.
        shape: of a row.
        classes: number of labels.
    """

    network: Any
    moved: Mapping[str, Floats]
    rule: Rule
    rows: int
    shape: tuple[int, ...]
    classes: int

    @property
    def picture(self) -> bool:
        """(channels, height, width), in 0..1. Other rows hold any numbers."""
        return len(self.shape) == 3

    @property
    def step_size(self) -> float:
        """By which a mean gradient moves the weights in all."""
        return self.rule.lr * len(self.rule.steps)


class Simulation:
    """Rows -> the update that a site with them would have sent, in float64."""

    def __init__(self, update: Update) -> None:
        import torch

        self._torch: Any = torch
        self._network = copy.deepcopy(update.network).double().train()
        self._begun = {name: value.detach() for name, value in self._network.named_parameters() if value.requires_grad}
        self._rule = update.rule
        self.target: Tensor = torch.cat([torch.from_numpy(np.asarray(update.moved[name], np.float64)).flatten() for name in self._begun])

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """(parameters,); x (n, ...) float64, y (n,)."""
        rule = self._rule
        at = {name: value.clone().requires_grad_() for name, value in self._begun.items()}
        speed: dict[str, Any] = {}
        for rows in rule.steps:
            gradient = self._gradient(at, x[list(rows)], y[list(rows)])
            for name in at:
                pull = gradient[name] + rule.weight_decay * at[name] + rule.proximal * (at[name] - self._begun[name])
                speed[name] = pull + rule.momentum * speed[name] if name in speed else pull
            at = {name: value - rule.lr * speed[name] for name, value in at.items()}
        return self._clipped(self._torch.cat([(at[name] - before).flatten() for name, before in self._begun.items()]), rule.clip)

    def logits(self, x: Tensor) -> Tensor:
        """(n, classes), of the network as it was sent."""
        told: Tensor = self._network(x)
        return told

    def rounding(self) -> float:
        """Expected squared error of `target` for having been float32 weights: a step of rounding, evenly distributed, in each of them."""
        weights = np.concatenate([value.numpy().ravel() for value in self._begun.values()]).astype(np.float32)
        return float((np.spacing(np.abs(weights)).astype(np.float64) ** 2).sum() / 12)

    def _gradient(self, at: Mapping[str, Tensor], x: Tensor, y: Tensor) -> dict[str, Tensor]:
        if not self._rule.clip_rows:
            return self._of(at, x, y)
        each = [self._of(at, x[row : row + 1], y[row : row + 1]) for row in range(len(y))]
        shares = [self._share(list(one.values()), self._rule.clip_rows) for one in each]
        kept = {name: [share * one[name] for share, one in zip(shares, each, strict=True)] for name in at}
        return {name: self._torch.stack(parts).sum(0) / len(y) for name, parts in kept.items()}

    def _of(self, at: Mapping[str, Tensor], x: Tensor, y: Tensor) -> dict[str, Tensor]:
        torch = self._torch
        loss = torch.nn.functional.cross_entropy(torch.func.functional_call(self._network, dict(at), (x,)), y)
        found = torch.autograd.grad(loss, list(at.values()), create_graph=True, allow_unused=True)
        return {name: torch.zeros_like(value) if one is None else one for (name, value), one in zip(at.items(), found, strict=True)}

    def _share(self, parts: Sequence[Tensor], most: float) -> Tensor:
        length = self._torch.sqrt(sum((part**2).sum() for part in parts))
        share: Tensor = self._torch.clamp(most / (length + 1e-30), max=1.0)
        return share

    def _clipped(self, moved: Tensor, most: float) -> Tensor:
        return moved * self._share([moved], most) if most else moved
