"""A row from the update of a dense first layer, without any search: x = dW[i] / db[i] for any unit i that moved.

Exact for one row, whatever the layers behind it and however many steps: the gradient of each unit's weights is the row times that of its bias.
Of several rows a unit's quotient is their mean, weighted by how much each moved it: a row that moves a unit alone is found.
Source: Geiping et al., "Inverting Gradients", NeurIPS 2020, proposition 3.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.attacks.updates.update import Update

__all__ = ["first_dense", "rows_of"]

Floats = NDArray[np.float64]


def first_dense(update: Update) -> tuple[str, str] | None:
    """Names of weight and bias of a dense layer that sees the row itself; None: there is none."""
    from torch import nn

    layers = [(name, module) for name, module in update.network.named_modules() if next(module.parameters(recurse=False), None) is not None]
    if not layers:
        return None
    name, layer = layers[0]
    if not isinstance(layer, nn.Linear) or layer.bias is None or layer.in_features != int(np.prod(update.shape)):
        return None
    prefix = f"{name}." if name else ""
    return f"{prefix}weight", f"{prefix}bias"


def rows_of(update: Update) -> Floats | None:
    """(rows, ...) as they are found; None: the first layer is not dense.

    One row: least squares over all units, so that rounding in one does not count. Several: the quotients of the units that moved most.
    """
    names = first_dense(update)
    if names is None:
        return None
    weight, bias = (_without_decay(update, name) for name in names)
    if update.rows == 1:
        found = (bias @ weight)[None] / max(float(bias @ bias), 1e-300)
    else:
        most = np.argsort(-np.abs(bias))[: update.rows]
        most = np.resize(most, update.rows)  # fewer units than rows
        found = weight[most] / np.where(bias[most] == 0, 1e-300, bias[most])[:, None]
    return np.nan_to_num(found).reshape(update.rows, *update.shape)


def _without_decay(update: Update, name: str) -> Floats:
    """Weight decay moves weights by themselves: that share is known (of its first order)."""
    parameters: dict[str, Any] = dict(update.network.named_parameters())
    weights = parameters[name].detach().numpy().astype(np.float64)
    return np.asarray(update.moved[name] + update.step_size * update.rule.weight_decay * weights, np.float64)
