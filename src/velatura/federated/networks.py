"""The model of a job: one of ours by name, or any `torch.nn.Module` by "module:callable".

Ours are small and known from the literature, so that figures can be compared. A callable of yours is called with `shape` and `classes`, if it
takes them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from velatura.errors import BadSpec, Missing, nearest
from velatura.federated.own_network import own
from velatura.federated.seeds import derived
from velatura.federated.table import Schema

if TYPE_CHECKING:
    from torch import nn

    from velatura.federated.job import FederatedJob

__all__ = ["OURS", "in_form", "made", "network_of"]

MOST_UNITS, MOST_LAYERS = 1 << 16, 64
MOST_PARAMETERS = 1 << 27  # 512 MiB; a site, the server and each message have some of them


def network_of(job: FederatedJob, schema: Schema) -> nn.Module:
    """A job's network at its beginning, the same at the server and at each site: with sample-level privacy in its private form.

    Raises:
        BadSpec: `federated.network`, `dp.network`. Missing: `extra.train`.
    """
    network, _ = in_form(job, made(job.model.network, schema, seed=derived(job.seed, "model")))
    return network


def in_form(job: FederatedJob, network: nn.Module) -> tuple[nn.Module, list[str]]:
    """(the network as the job trains it, sentences on what was changed in it)."""
    if job.privacy.level != "sample":
        return network, []
    from velatura.dp.sgd import made_private

    torch = _torch()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derived(job.seed, "form"))
        return made_private(network)


def made(word: str, schema: Schema, *, seed: int) -> nn.Module:
    """A fresh module, its weights drawn from the seed.

    Raises:
        BadSpec: `federated.network`. Missing: `extra.train`.
    """
    torch = _torch()
    name, _, option = word.partition(":")
    if name in OURS:
        _refuse_large(word, OURS[name], schema, option)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if name in OURS:
            return OURS[name](schema, option)
        if option:
            return own(name, option, schema, names=nearest(name, OURS))
    raise BadSpec("federated.network", f"there is no network {word[:60]!r}", hint=f"{nearest(name, OURS)}, or module:callable")


def _refuse_large(word: str, made_of: Callable[[Schema, str], nn.Module], schema: Schema, option: str) -> None:
    """Counted on torch's device without memory, before any is taken."""
    with _torch().device("meta"):
        count = sum(one.numel() for one in made_of(schema, option).parameters())
    if count > MOST_PARAMETERS:
        sentence = (
            f"{word} has {count} parameters for rows of {schema.shape} and {schema.classes} classes; at most {MOST_PARAMETERS} are trained here"
        )
        raise BadSpec("federated.network", sentence, hint="fewer hidden units, smaller rows, or fewer classes")


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise Missing("extra.train", "torch is not installed", hint="pip install 'velatura[train]'") from error
    torch.set_num_threads(1)  # the same sums on every machine, and many small models want no more
    return torch


def _flat(schema: Schema) -> int:
    size = 1
    for side in schema.shape:
        size *= side
    return size


def _linear(schema: Schema, option: str) -> nn.Module:
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(_flat(schema), schema.classes))


def _mlp(schema: Schema, option: str) -> nn.Module:
    """option: sizes of hidden layers, "64" or "512,512"."""
    from torch import nn

    words = (option or "64").split(",")
    if len(words) > MOST_LAYERS or not all(_is_size(word.strip()) for word in words):
        sentence = f"mlp:{option[:24]}: sizes of at most {MOST_LAYERS} hidden layers are whole numbers from 1 to {MOST_UNITS}"
        raise BadSpec("federated.network", sentence, hint="mlp:64 or mlp:512,512")
    sizes = [_flat(schema), *map(int, words)]
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], schema.classes))


def _is_size(word: str) -> bool:
    return word.isdecimal() and len(word) <= len(str(MOST_UNITS)) and 0 < int(word) <= MOST_UNITS


def _planes(schema: Schema, name: str, least: int) -> tuple[int, int, int]:
    if len(schema.shape) != 3 or min(schema.shape[1:]) < least:
        raise BadSpec("federated.network", f"{name} wants pictures of at least {least} x {least}, and rows are {schema.shape}", hint="mlp:64")
    channels, height, width = schema.shape
    return channels, height, width


def _digits_cnn(schema: Schema, option: str) -> nn.Module:
    """4,890 parameters on 8 x 8, tanh: little for noise to drown."""
    from torch import nn

    channels, height, width = _planes(schema, "digits-cnn", 8)
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * (height // 4) * (width // 4), 32), nn.Tanh(), nn.Linear(32, schema.classes),
    )  # fmt: skip


def _cnn(schema: Schema, option: str) -> nn.Module:
    """164,000 parameters on 8 x 8."""
    from torch import nn

    channels, height, width = _planes(schema, "cnn", 4)
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * (height // 2) * (width // 2), 128), nn.ReLU(), nn.Linear(128, schema.classes),
    )  # fmt: skip


def _fedavg_cnn(schema: Schema, option: str) -> nn.Module:
    """McMahan et al. 2017: 1,663,370 parameters on 28 x 28."""
    from torch import nn

    channels, height, width = _planes(schema, "fedavg-cnn", 8)
    return nn.Sequential(
        nn.Conv2d(channels, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * (height // 4) * (width // 4), 512), nn.ReLU(), nn.Linear(512, schema.classes),
    )  # fmt: skip


def _niid_cnn(schema: Schema, option: str) -> nn.Module:
    """Flower's niid_bench (Li et al. 2022): 44,426 parameters on 28 x 28."""
    from torch import nn

    channels, height, width = _planes(schema, "niid-cnn", 16)
    flat = 16 * ((height - 4) // 2 - 4) // 2 * (((width - 4) // 2 - 4) // 2)
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(flat, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, schema.classes),
    )  # fmt: skip


OURS: dict[str, Callable[[Schema, str], nn.Module]] = {
    "linear": _linear,
    "mlp": _mlp,
    "digits-cnn": _digits_cnn,
    "cnn": _cnn,
    "fedavg-cnn": _fedavg_cnn,
    "niid-cnn": _niid_cnn,
}
