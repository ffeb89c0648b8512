"""A network of the user's own: any `torch.nn.Module` by "module:callable", tried on two rows before anybody trains it.

Its module is looked for beside the job too, after everything that is installed. Importing it runs it, with all that this can do: read a
stranger's job before you run it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from velatura.errors import BadSpec
from velatura.federated.table import Schema

if TYPE_CHECKING:
    from torch import nn

__all__ = ["look_in", "own"]

TRIES = 2
"""Passes forward and back; what a network registers while it is used, it has by then."""


def look_in(base: Path) -> None:
    """Modules of a job's folder can be imported from now on."""
    if (folder := str(base.resolve())) not in sys.path:
        sys.path.append(folder)


def own(module: str, attribute: str, schema: Schema, *, names: str) -> nn.Module:
    """A fresh module, from what the caller seeded; its callable gets `shape` and `classes`, if it takes them.

    Args:
        names: hint where there is no such module.

    Raises:
        BadSpec: `federated.network`: it is none, does not fit the rows, or its state changes as it is used.
    """
    import torch

    word = f"{module}:{attribute}"
    try:
        factory = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise BadSpec("federated.network", f"{word} cannot be imported: {error}", hint=names) from error
    except Exception as error:  # the user's code
        raise BadSpec("federated.network", f"{word} cannot be imported: {type(error).__name__}: {error}") from error
    network = _called(word, factory, schema)
    if not isinstance(network, torch.nn.Module):
        raise BadSpec("federated.network", f"{word} gives {type(network).__name__}, not a torch.nn.Module")
    if any(isinstance(parameter, torch.nn.parameter.UninitializedParameter) for parameter in network.parameters()):
        raise BadSpec("federated.network", f"{word} has lazy layers, whose shapes are not known before round 1", hint="give all sizes")
    _try(word, _called(word, factory, schema), schema)
    return network


def _called(word: str, factory: Callable[..., Any], schema: Schema) -> Any:
    known = {"shape": schema.shape, "classes": schema.classes}
    try:
        wanted = inspect.signature(factory).parameters
        return factory(**{name: value for name, value in known.items() if name in wanted})
    except Exception as error:
        raise BadSpec("federated.network", f"{word} cannot be made: {type(error).__name__}: {error}") from error


def _try(word: str, network: nn.Module, schema: Schema) -> None:
    """Two rows forward and back, in a copy that is thrown away: keys, shapes and types must stay as all sites have them."""
    import torch

    before = _form(network)
    for _ in range(TRIES):
        try:
            told = network.train()(torch.zeros(2, *schema.shape))
            if tuple(told.shape) == (2, schema.classes):
                told.sum().backward()
        except Exception as error:
            why = str(error).splitlines()[0] if str(error) else ""
            raise BadSpec("federated.network", f"{word} cannot train on rows of shape {schema.shape}: {type(error).__name__}: {why}") from error
        if tuple(told.shape) != (2, schema.classes):
            raise BadSpec(
                "federated.network", f"{word} gives {tuple(told.shape)} for 2 rows, and (2, {schema.classes}) is needed: a logit for each class"
            )
    if (after := _form(network)) != before:
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        hint = "register all buffers in __init__"
        raise BadSpec("federated.network", f"{word}: its state changes as it is used: {', '.join(changed[:3])}", hint=hint)


def _form(network: nn.Module) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (tuple(value.shape), str(value.dtype)) for name, value in network.state_dict().items()}
