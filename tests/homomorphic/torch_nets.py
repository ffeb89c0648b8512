"""Random torch networks of everything that a trace knows, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["Residual", "Sum", "network", "outputs"]


class Quad(nn.Module):
    """w0 + w1 x + w2 x^2, each a trained number or one for each channel."""

    def __init__(self, rng: np.random.Generator, channels: int, rank: int) -> None:
        super().__init__()
        shape = (channels, *[1] * (rank - 1)) if rng.random() < 0.5 else (1,)
        self.w = nn.ParameterList(nn.Parameter(torch.tensor(rng.normal(0, 0.5, shape))) for _ in range(3))
        self.squared = bool(rng.random() < 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w[0] + self.w[1] * x + self.w[2] * (x**2 if self.squared else x * x)


class Residual(nn.Module):
    def __init__(self, inner: nn.Module, *, minus: bool) -> None:
        super().__init__()
        self.inner, self.minus = inner, minus

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.inner(x) if self.minus else self.inner(x) + x


class Sum(nn.Module):
    """Two branches, side by side or summed."""

    def __init__(self, one: nn.Module, other: nn.Module, *, joined: bool) -> None:
        super().__init__()
        self.one, self.other, self.joined = one, other, joined

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.one(x), self.other(x)
        return torch.cat([a, b], 1) if self.joined else a + b


class Pooled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(tuple(range(2, x.ndim)))


def network(seed: int) -> tuple[nn.Module, tuple[int, ...]]:
    """A module in evaluation mode and the shape of one sample."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    one = rng.random() < 0.25
    channels = int(rng.choice([1, 2, 4]))
    shape = (channels, int(rng.integers(9, 20))) if one else (channels, int(rng.integers(8, 13)), int(rng.integers(8, 13)))
    layers: list[nn.Module] = []
    now = torch.zeros(1, *shape, dtype=torch.float64)

    def put(layer: nn.Module) -> None:
        nonlocal now
        layers.append(layer.double().eval())
        with torch.no_grad():
            now = layers[-1](now)

    for _ in range(int(rng.integers(1, 4))):
        put(_spatial(rng, now, one=one))
        put(_pointwise(rng, now))
    put(Pooled() if rng.random() < 0.2 else nn.Flatten())
    for _ in range(int(rng.integers(1, 3))):
        put(nn.Linear(now.shape[1], int(rng.integers(3, 9)), bias=bool(rng.random() < 0.8)))
        put(_pointwise(rng, now))
    put(nn.Linear(now.shape[1], 3))
    net = nn.Sequential(*layers).double().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean = torch.randn_like(module.running_mean) * 0.3  # type: ignore[arg-type]
            module.running_var = torch.rand_like(module.running_var) + 0.3  # type: ignore[arg-type]
            if module.affine:
                nn.init.normal_(module.weight, 1, 0.3)
                nn.init.normal_(module.bias, 0, 0.3)
    return net, shape


def outputs(net: nn.Module, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with torch.no_grad():
        return np.asarray(net(torch.tensor(x)).numpy())


def _spatial(rng: np.random.Generator, now: torch.Tensor, *, one: bool) -> nn.Module:
    conv: Any = nn.Conv1d if one else nn.Conv2d
    pool: Any = nn.AvgPool1d if one else nn.AvgPool2d
    channels, least = now.shape[1], min(now.shape[2:])
    kernel = int(rng.integers(1, min(least, 4) + 1))
    match int(rng.integers(0, 6)):
        case 0 if kernel > 1:
            return pool(
                kernel, int(rng.integers(1, kernel + 1)), int(rng.integers(0, kernel // 2 + 1)), bool(rng.random() < 0.5), bool(rng.random() < 0.5)
            )
        case 1 if least >= 3:
            return Residual(conv(channels, channels, 3, padding=1), minus=bool(rng.random() < 0.5))
        case 2:
            kinds = [conv(channels, 4, k, padding="same", bias=bool(k == 1)) for k in (1, 3)]
            return Sum(*kinds, joined=bool(rng.random() < 0.5))
        case _:
            groups = channels if channels > 1 and rng.random() < 0.4 else 1
            dilation = int(rng.integers(1, 3)) if (kernel - 1) * 2 < least else 1
            return conv(  # type: ignore[no-any-return]
                channels,
                groups * int(rng.integers(1, 3)),
                kernel,
                stride=int(rng.integers(1, 4)),
                padding=int(rng.integers(0, 3)),
                dilation=dilation,
                groups=groups,
                bias=bool(rng.random() < 0.7),
            )


def _pointwise(rng: np.random.Generator, now: torch.Tensor) -> nn.Module:
    channels = now.shape[1]
    norm: Any = nn.BatchNorm2d if now.ndim == 4 else nn.BatchNorm1d
    act = [Quad(rng, channels, now.ndim - 1), nn.SiLU(), nn.GELU(), nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.Dropout(), nn.Identity()]
    chosen = act[int(rng.integers(0, len(act)))]
    return nn.Sequential(norm(channels, affine=bool(rng.random() < 0.7)), chosen) if rng.random() < 0.5 else chosen
