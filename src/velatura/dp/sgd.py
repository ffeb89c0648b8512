"""One step of DP-SGD: each row's gradient clipped, summed, noised, averaged over the expected batch. Loops stay in the rooms.

Clipping is Opacus's ghost clipping: two backward passes that give the clipped sum without one gradient for each row. Sampling and noise are ours,
from a key instead of torch's generator, whose state one can compute back from what it gave out. Sums are rounded to a grid of 2^-20 of the clipping
norm, and noise is whole numbers on it: low bits say what noise is to hide (Mironov, CCS 2012).
Rows are drawn one by one (Poisson): it is what the accounting assumes. Fixed batches in a shuffled order are not (Chua et al., ICML 2024).
Source: Abadi et al., "Deep Learning with Differential Privacy", CCS 2016; Li et al., "Large Language Models Can Be Strong Differentially Private
Learners", ICLR 2022 (ghost clipping). Limits: gradients are clipped and added as float32, which may exceed the norm by a part in 10^6; what
dropout draws is not secret, and need not be.
"""

from __future__ import annotations

import hashlib
import hmac
import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from velatura.dp.vectors import noised, uniforms
from velatura.errors import BadSpec, Missing

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["PrivateStep", "drawn", "made_private"]

UNITS = 1 << 20  # in the clipping norm
AT_ONCE = 512  # rows in memory: a batch may be as large as the data; a usual one is not cut for its last few


def drawn(rows: int, sampling: float, key: bytes) -> NDArray[np.int64]:
    """Rows of a batch, each with probability `sampling` by itself. key: 32 bytes, of this one batch."""
    return np.flatnonzero(uniforms(rows, key) < sampling)


def made_private(network: nn.Module) -> tuple[nn.Module, list[str]]:
    """A form in which each row has a gradient of its own.

    BatchNorm mixes the rows of a batch, so that one row moves the others' gradients and none has a bounded share: it is swapped for GroupNorm, which
    looks at one row alone. Layers that write over their input lose what clipping needs: they get an output of their own.

    Returns:
        (the network, sentences on what was changed).

    Raises:
        BadSpec: `dp.network`: a layer has no such form.
        Missing: `extra.train`.
    """
    opacus = _opacus()
    before = {name: type(module).__name__ for name, module in network.named_modules()}
    try:
        network = opacus.validators.ModuleValidator.fix(network)
    except Exception as error:  # Opacus names the layers that it cannot replace
        raise BadSpec("dp.network", f"no private form of this network: {error}", hint="layers that treat each row by itself") from error
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    if errors := opacus.validators.ModuleValidator.validate(network, strict=False) + opacus.GradSampleModule.validate(network, strict=False):
        raise BadSpec("dp.network", f"no private form of this network: {errors[0]}", hint="layers that treat each row by itself")
    if len(dict(network.named_parameters(remove_duplicate=False))) != len(dict(network.named_parameters())):
        raise BadSpec("dp.network", "two layers share their weights, and ghost clipping would count one of them", hint="weights of their own")
    after = {name: type(module).__name__ for name, module in network.named_modules()}
    return network, [f"{name}: {kind} is {after[name]} here" for name, kind in before.items() if name in after and after[name] != kind]


class PrivateStep:
    """A network's private gradients. `with` it: it hooks into the network, and lets go.

    Args:
        network: as `made_private` made it.
        clip: L2 norm of a row's gradient at most.
        noise: standard deviation in sensitivities.
        expected: rows in a batch on average; the denominator, whoever comes.
        secret: 32 bytes; the noise of a step is from it, the step's name and the sum itself, so that the same sum has the same noise and another one
            has other noise (two sums under one noise would cancel it).
    """

    def __init__(self, network: nn.Module, *, clip: float, noise: float, expected: float, secret: bytes) -> None:
        from opacus.grad_sample import GradSampleModuleFastGradientClipping

        _opacus()
        warnings.filterwarnings("ignore", message="Full backward hook is firing")  # no input of ours wants a gradient
        self._network, self._noise, self._unit, self._expected, self._secret = network, noise, clip / UNITS, expected, secret
        self._parameters = [one for one in network.parameters() if one.requires_grad]
        self._enough = _enough(network)
        self._held = _Held(network)
        self._wrapped: Any = GradSampleModuleFastGradientClipping(network, loss_reduction="sum", max_grad_norm=clip, use_ghost_clipping=True)

    def sums(self, x: Tensor, y: Tensor) -> NDArray[np.int64]:
        """Clipped gradients of some rows, added up, in units. x (n, ...), y (n,).

        Raises:
            BadSpec: `dp.network`: the network writes into what it holds as it is used, or a gradient is no number.
        """
        total = np.zeros(sum(one.numel() for one in self._parameters))
        self._held.note()
        for first in range(0, len(y), AT_ONCE):
            self._clip(x[first : first + AT_ONCE], y[first : first + AT_ONCE])
            for part, one in zip(self._parts(total), self._parameters, strict=True):
                if one.grad is not None:  # None: of a layer that this loss does not reach
                    part += one.grad.detach().numpy().ravel()
        if not np.isfinite(total.sum()):
            raise BadSpec(
                "dp.network", "a row's gradient is not finite, and has no length to be cut to", hint="a smaller training.lr; rows of about 1"
            )
        self._held.compare()
        total /= self._unit
        return np.rint(total, out=total).astype(np.int64)

    def release(self, name: str, total: NDArray[np.int64], charge: Callable[[str], object]) -> None:
        """Put the noised mean into the parameters' `grad`.

        Args:
            name: of the step.
            charge: the ledger's; it is told the step and its sum before noise is drawn, and nothing is released if it raises.
        """
        import torch

        digest = hashlib.sha256(np.ascontiguousarray(total).data).hexdigest()
        charge(f"{name} {digest}")
        key = hmac.digest(self._secret, f"velatura sgd noise v1|{name}|{digest}".encode(), "sha256")
        sensitivity = UNITS + np.sqrt(total.size)  # rounding moves two neighbours' sums apart by one unit a coordinate
        mean = noised(total, self._noise * sensitivity, key)
        mean *= self._unit / self._expected
        for part, one in zip(self._parts(mean.astype(np.float32)), self._parameters, strict=True):
            one.grad = torch.from_numpy(part).view_as(one)

    def close(self) -> None:
        self._wrapped.to_standard_module()

    def __enter__(self) -> PrivateStep:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _clip(self, x: Tensor, y: Tensor) -> None:
        """Leave the clipped sum in the parameters' `grad`."""
        import torch

        losses = torch.nn.functional.cross_entropy(self._wrapped(x), y, reduction="none")
        self._forget()
        losses.sum().backward(retain_graph=True, inputs=self._enough)  # type: ignore[no-untyped-call]  # leaves each row's norm
        shares = self._wrapped.get_clipping_coef()
        self._forget()
        self._wrapped.disable_hooks()
        (shares * losses).sum().backward()
        self._wrapped.enable_hooks()

    def _forget(self) -> None:
        """`network.zero_grad()`, which looks for the parameters each time."""
        for one in self._parameters:
            one.grad = None

    def _parts(self, flat: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Of each parameter, as views."""
        at = 0
        for one in self._parameters:
            yield flat[at : at + one.numel()]
            at += one.numel()


class _Held:
    """What a network holds before and after it is used, by value: torch counts writes, but not those through `.data` or NumPy.

    Buffers that are not in its state are looked at too: what carries one row into another's gradient need not leave by itself.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._before: dict[str, Tensor] = {}

    def note(self) -> None:
        """Into the copies of the step before: making them anew was a third of the cost."""
        now = self._now()
        if now.keys() == self._before.keys() and all(value.shape == self._before[name].shape for name, value in now.items()):
            for name, value in now.items():
                self._before[name].copy_(value)
        else:
            self._before = {name: value.clone() for name, value in now.items()}

    def compare(self) -> None:
        import torch

        now = self._now()
        changed = [
            *(now.keys() ^ self._before.keys()),
            *(name for name, value in self._before.items() if name in now and not torch.equal(now[name], value)),
        ]
        if changed:
            sentence = f"{min(changed)} changes as the network is used: that would leave without noise, or carry one row into another's gradient"
            raise BadSpec("dp.network", sentence, hint="layers that keep nothing of the rows they see")

    def _now(self) -> dict[str, Tensor]:
        named = chain(self._network.named_parameters(remove_duplicate=False), self._network.named_buffers(remove_duplicate=False))
        return {name: value.detach() for name, value in named}


def _enough(network: nn.Module) -> list[nn.Parameter]:
    """Parameters whose gradients bring the backward pass to every layer: rows' norms need what reaches a layer's output, and not the large sums over
    the batch that make the gradient of its weight."""
    from torch import nn

    simple = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    found: list[nn.Parameter] = []
    for module in network.modules():
        own = [one for one in module.parameters(recurse=False) if one.requires_grad]
        found += [module.bias] if type(module) in simple and any(one is module.bias for one in own) else own  # type: ignore[list-item]
    return found


def _opacus() -> Any:
    try:
        import opacus
        import opacus.validators
    except ImportError as error:
        raise Missing("extra.train", "opacus is not installed", hint="pip install 'velatura[train]'") from error
    return opacus
