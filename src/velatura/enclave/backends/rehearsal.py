"""What heavy libraries do the first time they are used, done before the lock: they import late, make code, open files and start threads.

torch's oneDNN makes code for each shape: it is switched off, which costs about a fifth of a step, and then any shape will do after the lock. A
library without an entry here is imported and no more; a job whose library wants something later fails with `enclave.job-import` or
`enclave.job-file`, closed.
"""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable, Collection, Mapping

import numpy as np

__all__ = ["REHEARSALS", "rehearse", "reseed"]


def rehearse(modules: Collection[str], threads: int) -> None:
    """For each of the named modules that has something to rehearse, and for those that they bring."""
    names = {"torch"} if {"opacus", "velatura.dp.sgd"} & set(modules) else set()
    for name, step in REHEARSALS.items():
        if name in names or name in modules or any(module.startswith(f"{name}.") for module in modules):
            step(threads)
    "localhost".encode("idna")  # looked up before a name is resolved: what is refused then is the network, and not the codec
    reseed(modules)  # it loads numpy's generators, which come late


def reseed(modules: Collection[str]) -> None:
    """Every generator that was seeded while warming gets a seed of the kernel's, so that no two jobs draw the same."""
    random.seed(os.urandom(32))
    np.random.seed(np.frombuffer(os.urandom(32), np.uint32))
    if any(name.partition(".")[0] in ("torch", "opacus") or name.startswith("velatura.dp") for name in modules):
        import torch

        torch.manual_seed(int.from_bytes(os.urandom(8), "little") >> 1)


def _torch(threads: int) -> None:
    """A step forward and back through the usual layers and optimisers, and a model out and in."""
    import torch
    import torch.utils.data

    torch.set_num_threads(threads)
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.GroupNorm(2, 4), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(36, 10)
    )
    x, y = torch.randn(64, 1, 8, 8), torch.zeros(64, dtype=torch.long)
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
        optimiser = kind(network.parameters(), lr=0.1)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    for batch in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=16, shuffle=True):
        network(batch[0]).detach().numpy()
    with torch.no_grad():
        torch.randn(512, 512) @ torch.randn(512, 512)  # large enough for every thread
    held = io.BytesIO()
    torch.save(network.state_dict(), held)
    torch.load(io.BytesIO(held.getvalue()), weights_only=True)


def _private_step(threads: int) -> None:
    """One step of DP-SGD, and an epsilon."""
    import torch

    from velatura.dp.accounting import Event, epsilon
    from velatura.dp.sgd import PrivateStep, drawn, made_private

    network, _ = made_private(torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 10)))
    with PrivateStep(network, clip=1.0, noise=1.0, expected=4.0, secret=bytes(32)) as step:
        rows = drawn(8, 0.9, bytes(32))
        total = step.sums(torch.randn(8, 1, 8, 8)[rows], torch.zeros(8, dtype=torch.long)[rows])
        step.release("rehearsal", total, lambda name: None)
    epsilon([(Event("gaussian", 1.0, 0.5), 2)], 1e-5)


REHEARSALS: Mapping[str, Callable[[int], None]] = {"torch": _torch, "velatura.dp.sgd": _private_step}
"""Module, as `imports` names it -> what it must have done once. In this order."""
