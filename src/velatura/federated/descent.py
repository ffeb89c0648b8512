"""Stochastic gradient descent: the numbers of `torch.optim.SGD`, whose first use loads a compiler into each process (1.7 s)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    from velatura.federated.job import Training

__all__ = ["Descent"]


class Descent:
    """Steps down the gradients that lie in the parameters' `grad`; one without a gradient stays."""

    def __init__(self, parameters: Iterable[nn.Parameter], how: Training) -> None:
        self._parameters, self._how = list(parameters), how
        self._moving: dict[int, Tensor] = {}

    def forget(self) -> None:
        for one in self._parameters:
            one.grad = None

    def step(self) -> None:
        import torch

        how = self._how
        with torch.no_grad():
            for number, one in enumerate(self._parameters):
                if one.grad is None:
                    continue
                way = one.grad.add(one, alpha=how.weight_decay) if how.weight_decay else one.grad
                if how.momentum:
                    before = self._moving.get(number)
                    way = self._moving[number] = way.clone() if before is None else before.mul_(how.momentum).add_(way)
                one.add_(way, alpha=-how.lr)
