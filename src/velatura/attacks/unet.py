"""A small U-Net that turns a release into a picture (torch, extra `train`).

Three levels of 24, 48, 48 channels, the first at half the size (2x2 pixels are four channels of one), which halves its cost. It is given the release
and the blind guess, and corrects the guess: before training its answer *is* the guess. The loss is the mean absolute error and 1 - SSIM in equal
parts; the answer comes from a running mean of the weights, so that a training which the clock ends needs no schedule. Nothing is mirrored or
shifted: a protection need not treat a mirrored picture in the same way.
Limit: pairs are few (hundreds); it learns this protection of this kind of picture, not pictures in general.
Source: Ronneberger, Fischer, Brox, MICCAI 2015 (the shape); Zhao, Gallo, Frosio, Kautz, IEEE Trans. Computational Imaging 3(1), 2017 (the loss).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Deadline
from velatura.attacks.cnn import one_thread

__all__ = ["SIDE_MULTIPLE_PX", "Trained", "learn_and_recover"]

SIDE_MULTIPLE_PX = 8
CHANNELS = (24, 48, 48)
FOLD = 2
MOST_EPOCHS, BATCH, RATE = 60, 16, 2e-3
KEEP = 0.95
"""Of the running mean of the weights, at each step."""
_GROUPS, _HALF = 4, 127.5


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What came of one training.

    Attributes:
        recovered: one stack for each stack of releases that was asked for; grey levels, not clipped.
        epochs: that were done; a part of one counts as none.
        cut: the time ended the training.
    """

    recovered: list[NDArray[np.float32]]
    epochs: int
    cut: bool


def learn_and_recover(
    pairs: tuple[NDArray[Any], NDArray[Any]],
    asked: list[NDArray[Any]],
    guess: NDArray[np.float32],
    rng: Generator,
    deadline: Deadline,
) -> Trained:
    """Train on pairs, answer for other releases.

    Args:
        pairs: secrets and releases, (n, height, width, channels) each, 0..255; sides are multiples of 8.
        asked: stacks of releases.
        guess: (height, width, channels).
        rng: gives the seed; with time enough, the same seed gives the same answer.

    Raises:
        Missing: `extra.train`.
    """
    with one_thread(int(rng.integers(2**31))) as torch:
        secrets, releases = (_tensor(torch, stack) for stack in pairs)
        blind = _tensor(torch, guess[None])
        network = _unet(torch, secrets.shape[1])
        steady, epochs, cut = _train(torch, network, secrets, releases, blind, deadline)
        network.load_state_dict(steady)
        with torch.no_grad():
            return Trained([guess + _correction(torch, network, _tensor(torch, stack), blind) for stack in asked], epochs, cut)


def _tensor(torch: Any, stack: NDArray[Any]) -> Any:
    """(n, channels, height, width), -1..1."""
    return torch.from_numpy(stack.astype(np.float32) / _HALF - 1).permute(0, 3, 1, 2).contiguous()


def _correction(torch: Any, network: Any, releases: Any, guess: Any) -> NDArray[np.float32]:
    """(n, height, width, channels), grey levels."""
    stack = torch.cat([network(part, guess.expand_as(part)) for part in releases.split(BATCH)])
    return np.asarray((stack * _HALF).permute(0, 2, 3, 1).numpy())


def _train(torch: Any, network: Any, secrets: Any, releases: Any, guess: Any, deadline: Deadline) -> tuple[dict[str, Any], int, bool]:
    """The running mean of the weights, epochs done, and whether the time ended it."""
    steps = torch.optim.Adam(network.parameters(), lr=RATE)
    steady = {name: value.clone() for name, value in network.state_dict().items()}
    window = _window(torch)
    for epoch in range(MOST_EPOCHS):
        for batch in torch.randperm(len(secrets)).split(BATCH):
            if deadline.passed():
                return steady, epoch, True
            part = releases[batch]
            loss = _loss(torch, guess + network(part, guess.expand_as(part)), secrets[batch], window)
            steps.zero_grad()
            loss.backward()
            steps.step()
            for name, value in network.state_dict().items():
                steady[name].lerp_(value, 1 - KEEP)
    return steady, MOST_EPOCHS, False


def _loss(torch: Any, answer: Any, secret: Any, window: Any) -> Any:
    return (answer - secret).abs().mean() + 1 - _ssim(torch, answer, secret, window)


def _window(torch: Any) -> Any:
    at = torch.arange(-5, 6, dtype=torch.float32)
    kernel = torch.exp(-(at**2) / (2 * 1.5**2))
    return kernel / kernel.sum()


def _ssim(torch: Any, a: Any, b: Any, window: Any) -> Any:
    """As in `likeness.py`, for a range of 2, and differentiable."""
    stack = torch.cat([a, b, a * a + b * b, a * b], dim=1).flatten(0, 1)[:, None]
    seen = torch.nn.functional.conv2d(torch.nn.functional.conv2d(stack, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    mean_a, mean_b, squares, products = seen.view(len(a), 4, -1, *seen.shape[2:]).unbind(1)
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    spread, together = squares - mean_a**2 - mean_b**2, products - mean_a * mean_b
    return ((2 * mean_a * mean_b + c1) * (2 * together + c2) / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))).mean()


def _unet(torch: Any, colours: int) -> Any:
    nn = torch.nn

    def block(given: int, made: int) -> Any:
        parts = [part for i in (given, made) for part in (nn.Conv2d(i, made, 3, padding=1), nn.GroupNorm(_GROUPS, made), nn.SiLU())]
        return nn.Sequential(*parts)

    class UNet(nn.Module):  # type: ignore[name-defined, misc]  # torch is imported when it is needed
        """(n, colours, height, width) releases and guesses -> what is to be added to the guesses."""

        def __init__(self) -> None:
            super().__init__()
            folded = colours * FOLD**2
            self.down = nn.ModuleList(block(given, made) for given, made in pairwise((2 * folded, *CHANNELS)))
            self.up = nn.ModuleList(block(made + below, made) for made, below in pairwise(CHANNELS))
            self.head = nn.Conv2d(CHANNELS[0] + 2 * folded, folded, 1)
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

        def forward(self, release: Any, guess: Any) -> Any:
            x = given = nn.functional.pixel_unshuffle(torch.cat([release, guess], dim=1), FOLD)
            kept = []
            for level, down in enumerate(self.down):
                x = down(nn.functional.max_pool2d(x, 2) if level else x)
                kept.append(x)
            for up, beside in zip(reversed(self.up), reversed(kept[:-1]), strict=True):
                x = up(torch.cat([beside, nn.functional.interpolate(x, scale_factor=2.0)], dim=1))
            return nn.functional.pixel_shuffle(self.head(torch.cat([x, given], dim=1)), FOLD)

    return UNet()
