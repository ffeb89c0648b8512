"""What a strategy makes of a round's updates, in the model's own names, shapes and types; what is no such model is not released.

The guards look at single updates. Between them and the model stand Flower's strategies, whose arithmetic is believed by nobody here: a step that is
too long gives weights that are not finite from updates that were, and the next round would train on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.app import Message, MetricRecord, RecordDict
from numpy.typing import NDArray

from velatura.errors import Withheld
from velatura.federated.aggregation import Update
from velatura.federated.ranges import shown
from velatura.federated.records import State, packed, read_quickly, unpacked
from velatura.federated.strategies import SINGLE

if TYPE_CHECKING:
    from velatura.federated.job import StrategyOf

__all__ = ["aggregated"]

HINT = "smaller steps of the strategy, a smaller training.lr, or guards.norm; --resume goes on from the last model that was whole"


def aggregated(
    told: StrategyOf, strategy: Any, number: int, model: State, updates: Sequence[Update], replies: Sequence[Message], messages: Sequence[Message]
) -> State | None:
    """The model after a round; None: the strategy made none.

    Args:
        told: the strategy as the job says it; strategy: Flower's object.
        number: of the round.
        model: before it.
        updates: what the aggregator hands on; replies: the messages that they came in, where each came in one.
        messages: that went out.

    Raises:
        Withheld: `federated.aggregate`: what it made is no such model; the one before stays.
    """
    single = told.name in SINGLE  # they compare: near-equal sites are told apart by differences in float64
    if single or len(updates) != len(replies) or any(update.partition < 0 for update in updates):
        replies = [_reply(update, model, messages, difference=single) for update in updates]
    read_quickly(replies)
    try:
        with np.errstate(all="ignore"):  # what comes of it is looked at
            arrays, _ = strategy.aggregate_train(number, replies)
            if arrays is None:
                return None
            made = unpacked(arrays)
            _refuse_another_form(made, model)
            new = {name: _as(before, made[name], single, [update.arrays[name] for update in updates]) for name, before in model.items()}
    except Exception as error:  # Flower's code, or ours above
        raise _withheld(told, number, f"gave no model: {error if isinstance(error, _Form) else f'{type(error).__name__}: {error}'}") from error
    if wild := [name for name, value in new.items() if value.dtype.kind == "f" and not np.isfinite(value).all()]:
        raise _withheld(told, number, f"made weights that are not finite: {', '.join(wild[:3])}")
    return new


class _Form(ValueError):
    """Another form than the model's."""


def _refuse_another_form(made: Mapping[str, NDArray[Any]], model: State) -> None:
    if made.keys() != model.keys():
        raise _Form(f"other arrays: {', '.join(sorted(made.keys() ^ model.keys())[:3])}")
    for name, value in made.items():
        if value.dtype.kind not in "fiub" or value.shape != model[name].shape:
            raise _Form(f"{name} is {value.dtype} of shape {value.shape}, not {model[name].dtype} of {model[name].shape}")


def _withheld(told: StrategyOf, number: int, why: str) -> Withheld:
    options = ", ".join(f"{name} = {shown(value)}" for name, value in sorted(told.options.items())) or "Flower's defaults"
    return Withheld("federated.aggregate", f"round {number}: {told.name} ({options}) {why}; the model before it stays", hint=HINT)


def _reply(update: Update, sent: State, messages: Sequence[Message], *, difference: bool) -> Message:
    arrays = update.arrays
    if difference:
        arrays = {name: value.astype(np.float64) - sent[name].astype(np.float64) for name, value in arrays.items()}
    content = RecordDict({"arrays": packed(arrays), "metrics": MetricRecord({"num-examples": update.examples})})
    return Message(content, reply_to=messages[0]) if messages else Message(content, 1, "train")


def _as(before: NDArray[Any], told: NDArray[Any], difference: bool, each: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if before.dtype.kind != "f":  # counters: no mean of them is one
        told = np.max(np.stack(each), axis=0)
    elif difference:
        told = before.astype(np.float64) + told
    cast: NDArray[Any] = told.astype(before.dtype)
    return cast
