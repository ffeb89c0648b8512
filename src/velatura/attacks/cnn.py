"""A small convolutional network that learns people from the attacker's gallery of releases (torch, extra `train`).

Three blocks (3x3 convolutions of 32, 64, 128 channels, leaky ReLU, 2x2 pooling), a dense layer of 256 with dropout. Pictures are reduced to 48
pixels on the longer side (two splits of ORL: 97.5 % and 11 s of CPU; with 64 pixels 98.3 % and 15 s). Each batch is shifted by up to two pixels;
nothing is mirrored, for light falls from one side.
It stops when it knows its gallery by heart or learns no more, at the latest after `MOST_EPOCHS`, or when its time is over.
Limit: the closed forms do as well on faces of one photographer (docs/benchmarks/reidentification.md); it is here for what they cannot undo.
Source: the blocks follow McPherson, Shokri, Shmatikov, "Defeating Image Obfuscation with Deep Learning", arXiv 1609.00408, section 4, from memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Deadline, Picture
from velatura.attacks.pictures import Form, fitted
from velatura.errors import Missing

__all__ = ["Learnt", "has_torch", "learn", "one_thread"]

Floats = NDArray[np.float64]

LONGEST_PX, LEAST_PX = 48, 8
MOST_EPOCHS, BATCH, SHIFT_PX = 60, 20, 2
KNOWN_BY_HEART = 0.05
"""Mean cross-entropy of an epoch, in nats, below which the gallery is known."""
_PATIENCE, _STEP = 6, 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """What came of one training.

    Attributes:
        scores: (m, P), the probes' logits; None: the time was over before one epoch was done.
        epochs: that were done.
        cut: the time ended the training.
    """

    scores: Floats | None
    epochs: int
    cut: bool


def has_torch() -> bool:
    """Whether the extra `train` is here; nothing is imported."""
    return find_spec("torch") is not None


def learn(gallery: list[Picture], people: NDArray[np.int64], probes: list[Picture], rng: Generator, deadline: Deadline, *, form: Form) -> Learnt:
    """Train on the gallery, answer for the probes.

    Args:
        people: (n,), 0 ... P-1.
        rng: gives the seed; with time enough, the same seed gives the same answer.
        form: the pictures' common form.

    Raises:
        Missing: `extra.train`.
    """
    seed = int(rng.integers(2**31))
    with one_thread(seed) as torch:
        seen, asked = _tensors(torch, gallery, probes, form.within(LONGEST_PX, least_px=LEAST_PX))
        network = _network(torch, tuple(seen.shape[1:]), int(people.max()) + 1)
        epochs, cut = _train(torch, network, seen, torch.from_numpy(people), deadline)
        if not epochs:
            return Learnt(None, 0, cut)
        network.eval()
        with torch.no_grad():
            scores = torch.cat([network(part) for part in asked.split(BATCH)])
        return Learnt(scores.numpy().astype(np.float64), epochs, cut)


@contextmanager
def one_thread(seed: int) -> Iterator[Any]:
    """torch, seeded, on one thread; its threads and its random state are as before afterwards. Raises Missing `extra.train`."""
    if not has_torch():
        raise Missing("extra.train", "a learning attacker needs torch", hint="pip install 'velatura[train]'")
    torch = import_module("torch")
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield torch
        finally:
            torch.set_num_threads(threads)


def _tensors(torch: Any, gallery: list[Picture], probes: list[Picture], form: Form) -> tuple[Any, Any]:
    """(n, channels, height, width) each, mean 0 and spread 1 over the gallery."""
    stacks = [np.stack([fitted(picture, form) for picture in pictures]).astype(np.float32) for pictures in (gallery, probes)]
    mean, spread = stacks[0].mean(), max(float(stacks[0].std()), 1.0)  # 1: below a grey level there is only rounding
    scaled = [(stack - mean) / spread for stack in stacks]
    seen, asked = (torch.from_numpy(stack if form.colour else stack[..., None]).permute(0, 3, 1, 2).contiguous() for stack in scaled)
    return seen, asked


def _network(torch: Any, shape: tuple[int, ...], people: int) -> Any:
    nn = torch.nn
    layers: list[Any] = []
    channels = shape[0]
    for wide in (32, 64, 128):
        layers += [nn.Conv2d(channels, wide, 3, padding=1), nn.LeakyReLU(0.1), nn.MaxPool2d(2)]
        channels = wide
    flat = channels * (shape[1] // 8) * (shape[2] // 8)
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.5), nn.Linear(flat, 256), nn.LeakyReLU(0.1), nn.Dropout(0.5), nn.Linear(256, people))


def _train(torch: Any, network: Any, pictures: Any, people: Any, deadline: Deadline) -> tuple[int, bool]:
    """Epochs done, and whether the time ended it."""
    steps = torch.optim.Adam(network.parameters(), lr=1e-3)
    best, idle = float("inf"), 0
    for epoch in range(MOST_EPOCHS):
        losses = []
        for batch in torch.randperm(len(pictures)).split(BATCH):
            if deadline.passed():
                return epoch, True
            loss = torch.nn.functional.cross_entropy(network(_shifted(torch, pictures[batch])), people[batch])
            steps.zero_grad()
            loss.backward()
            steps.step()
            losses.append(loss.item())
        mean = float(np.mean(losses))
        best, idle = (mean, 0) if mean < _STEP * best else (best, idle + 1)
        if mean < KNOWN_BY_HEART or idle >= _PATIENCE:
            return epoch + 1, False
    return MOST_EPOCHS, False


def _shifted(torch: Any, pictures: Any) -> Any:
    """All moved by the same few pixels; what comes in repeats the border."""
    down, across = (int(at) for at in torch.randint(0, 2 * SHIFT_PX + 1, (2,)))
    height, width = pictures.shape[2:]
    padded = torch.nn.functional.pad(pictures, (SHIFT_PX,) * 4, mode="replicate")
    return padded[:, :, down : down + height, across : across + width]
