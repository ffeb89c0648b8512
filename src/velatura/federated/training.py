"""What a site does with a model: train it on its rows, and judge it. Plain torch; the same numbers wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from velatura.errors import BadInput
from velatura.federated.descent import Descent
from velatura.federated.table import Table

if TYPE_CHECKING:
    from torch import Tensor, nn

    from velatura.federated.job import Training
    from velatura.federated.site_privacy import SitePrivacy

__all__ = ["judged", "put", "state_of", "trained", "trained_privately"]

JUDGED_AT_ONCE = 512


def trained(network: nn.Module, table: Table, how: Training, *, seed: int) -> float:
    """Train in place, with SGD on cross-entropy; FedProx's pull towards where it began, if asked for.

    Args:
        seed: order of the rows, and whatever the network draws.

    Returns:
        mean loss of the last epoch.
    """
    import torch

    x, y = torch.from_numpy(table.x), torch.from_numpy(table.y)
    order = torch.Generator().manual_seed(seed)
    torch.default_generator.manual_seed(seed)  # `torch.manual_seed` writes down a call stack for each device that is not there: 5 ms
    descent = Descent(network.parameters(), how)
    begun = [parameter.detach().clone() for parameter in network.parameters()] if how.proximal else []
    network.train()
    total = 0.0
    for _ in range(how.epochs):
        total = 0.0
        for rows in torch.split(torch.randperm(len(y), generator=order), how.batch):
            descent.forget()
            loss = torch.nn.functional.cross_entropy(network(x[rows]), y[rows])
            if begun:
                loss = loss + how.proximal / 2 * _squared(network, begun)
            loss.backward()  # type: ignore[no-untyped-call]
            descent.step()
            total += float(loss.detach()) * len(rows)
    return total / max(len(y), 1)


def trained_privately(network: nn.Module, table: Table, how: Training, own: SitePrivacy, name: str, *, seed: int) -> None:
    """The same with a private gradient in each step, of rows that a secret draws: sample-level privacy.

    Args:
        own: ledger, secret and plan of the site.
        name: of the round.
        seed: of what the network draws by itself.

    Raises:
        Withheld: `dp.budget`: the budget does not pay for the next step; what was released until then stays at the site.
        BadSpec: `dp.network`: the network writes into what it holds.
    """
    import torch

    from velatura.dp.sgd import PrivateStep, drawn

    plan = own.plan
    x, y = torch.from_numpy(table.x), torch.from_numpy(table.y)
    torch.default_generator.manual_seed(seed)
    descent = Descent(network.parameters(), how)
    begun = [parameter.detach().clone() for parameter in network.parameters()] if how.proximal else []
    network.train()
    secret = own.key("noise")
    with PrivateStep(network, clip=own.job.privacy.clip, noise=plan.noise, expected=plan.sampling * len(y), secret=secret) as step:
        for number in range(plan.steps):
            of = f"{name} step {number}"
            rows = torch.from_numpy(drawn(len(y), plan.sampling, own.key(f"rows {of}")))
            total = step.sums(x[rows], y[rows])
            step.release(of, total, own.charge)
            for parameter, before in zip(network.parameters(), begun, strict=False):
                if parameter.grad is not None:
                    parameter.grad += how.proximal * (parameter.detach() - before)
            descent.step()


def judged(network: nn.Module, table: Table) -> tuple[float, float]:
    """(mean cross-entropy, accuracy) on a table; NaN and 0 of an empty one."""
    import torch

    if not len(table):
        return float("nan"), 0.0
    loss, right = 0.0, 0
    network.eval()
    with torch.no_grad():
        for first in range(0, len(table), JUDGED_AT_ONCE):
            x = torch.from_numpy(table.x[first : first + JUDGED_AT_ONCE])
            y = torch.from_numpy(table.y[first : first + JUDGED_AT_ONCE])
            told = network(x)
            loss += float(torch.nn.functional.cross_entropy(told, y, reduction="sum"))
            right += int((told.argmax(1) == y).sum())
    return loss / len(table), right / len(table)


def state_of(network: nn.Module) -> dict[str, np.ndarray]:
    """A copy of all parameters and buffers."""
    return {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}


def put(network: nn.Module, state: Mapping[str, np.ndarray]) -> None:
    """The reverse.

    Raises:
        BadInput: `federated.state`: the network has other names or shapes; it may have grown some in use.
    """
    import torch

    try:
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    except RuntimeError as error:
        why = " ".join(str(error).split("\n", 1)[-1].split())[:200]
        raise BadInput("federated.state", f"weights do not fit the network: {why}", hint="a network registers all its state in __init__") from error


def _squared(network: nn.Module, begun: list[Tensor]) -> Tensor:
    import torch

    return torch.stack([((parameter - before) ** 2).sum() for parameter, before in zip(network.parameters(), begun, strict=True)]).sum()
