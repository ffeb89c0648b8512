"""Networks that a job may name by "tests.federated.own_networks:NAME"; most of them cannot be trained by several sites."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["GrowsAtOnce", "GrowsLate", "lazy", "narrow", "normed", "raises", "text", "wants_pictures"]


class GrowsAtOnce(nn.Module):
    """Its state gets another buffer when it is first used."""

    late = 0

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.used = nn.Linear(64, 10), 0

    def forward(self, x: Tensor) -> Tensor:
        self.used += 1
        if self.used > self.late and not hasattr(self, "seen"):
            self.register_buffer("seen", torch.zeros(1))
        told: Tensor = self.layer(x.flatten(1))
        return told


class GrowsLate(GrowsAtOnce):
    """Later than any trial looks."""

    late = 30


def normed(shape: tuple[int, ...], classes: int) -> nn.Module:
    """With statistics and a counter, as many real ones have."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, classes))


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))


def narrow() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 7))


def wants_pictures() -> nn.Module:
    return nn.Conv2d(3, 10, 3)


def raises() -> nn.Module:
    raise RuntimeError("no")


def text() -> str:
    return "a network"
