"""Updates made by plain torch in float64: the attacks' own exactness, without a room, rounding or a protection."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from sklearn.datasets import load_digits
from torch import nn

from velatura.attacks.updates.update import Batch, Rule, Update

__all__ = ["arm_of", "dense", "pictures", "rows", "sent", "smooth"]

torch.set_num_threads(1)


def smooth(seed: int = 0) -> nn.Module:
    """DLG's network at 8 x 8: convolutions and sigmoids, weights in -.5 .. .5."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(1, 12, 3, 2, 1), nn.Sigmoid(), nn.Conv2d(12, 12, 3, 1, 1), nn.Sigmoid(), nn.Flatten(), nn.Linear(192, 10))
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    return network


def dense(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def rows(*which: int) -> Batch:
    """Of scikit-learn's digits."""
    found = load_digits()
    return Batch((found.data[list(which)] / 16).reshape(-1, 1, 8, 8).astype(np.float32), found.target[list(which)].astype(np.int64))


def pictures(count: int, first: int = 0) -> list[Batch]:
    return [rows(at) for at in range(first, first + count)]


def sent(network: nn.Module, secret: Batch, rule: Rule, *, noise: float = 0.0, rng: Generator | None = None) -> Update:
    """What torch's own SGD makes of it. noise: standard deviation in each weight."""
    trained: Any = copy.deepcopy(network).double()
    x, y = torch.from_numpy(secret.x).double(), torch.from_numpy(secret.y)
    optimizer = torch.optim.SGD(trained.parameters(), rule.lr, momentum=rule.momentum, weight_decay=rule.weight_decay)
    for step in rule.steps:
        optimizer.zero_grad()
        nn.functional.cross_entropy(trained(x[list(step)]), y[list(step)]).backward()
        optimizer.step()
    before = dict(network.named_parameters())
    moved = {name: (after.detach() - before[name].detach().double()).numpy() for name, after in trained.named_parameters()}
    length = np.sqrt(sum(float((one**2).sum()) for one in moved.values()))
    share = min(1.0, rule.clip / length) if rule.clip else 1.0
    drawn = rng or np.random.default_rng(0)
    told = {name: share * one + noise * drawn.standard_normal(one.shape) for name, one in moved.items()}
    return Update(network, told, rule, len(secret.y), secret.x.shape[1:], 10)


def arm_of(network: nn.Module, *, noise: float = 0.0, **rule: Any) -> Callable[[Batch, Generator], Update]:
    """One step on all rows, as a black box."""

    def arm(secret: Batch, rng: Generator) -> Update:
        steps: Sequence[Sequence[int]] = [range(len(secret.y))]
        return sent(network, secret, Rule(**{"steps": steps, "lr": 0.1, **rule}), noise=noise, rng=rng)

    return arm
