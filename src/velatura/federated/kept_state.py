"""What a Flower strategy keeps between rounds (momentum, second moments), taken out and put back without knowing which strategy it is."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["put_back", "taken_out"]


def taken_out(strategy: object) -> tuple[dict[str, np.ndarray], dict[str, float | int]]:
    """(arrays, numbers) among its attributes; arrays of a mapping or a list by "attribute/key"."""
    arrays: dict[str, np.ndarray] = {}
    numbers: dict[str, float | int] = {}
    for name, value in vars(strategy).items():
        if isinstance(value, bool | int | float):
            numbers[name] = value
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        arrays |= {f"{name}/{key}": one for key, one in items if isinstance(one, np.ndarray)}
    return arrays, numbers


def put_back(strategy: object, arrays: dict[str, np.ndarray], numbers: dict[str, float | int]) -> None:
    """The reverse, into a strategy that was made from the same job."""
    for name, number in numbers.items():
        setattr(strategy, name, number)
    kept: dict[str, dict[str, Any]] = {}
    for path, value in arrays.items():
        name, _, key = path.partition("/")
        kept.setdefault(name, {})[key] = value
    for name, items in kept.items():
        is_list = isinstance(getattr(strategy, name, None), list) or all(key.isdigit() for key in items)
        setattr(strategy, name, [items[key] for key in sorted(items, key=int)] if is_list else items)
