"""Attackers who are handed a protection as a black box. See README.md for who tests what.

Names load when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from velatura.attacks.attack import Arm as Arm
    from velatura.attacks.attack import Attack as Attack
    from velatura.attacks.attack import Outcomes as Outcomes
    from velatura.attacks.attack import Photo as Photo
    from velatura.attacks.attack import Shown as Shown
    from velatura.attacks.intervals import estimate as estimate

_DOOR = {"Arm": "attack", "Attack": "attack", "Outcomes": "attack", "Photo": "attack", "Shown": "attack", "estimate": "intervals"}
__all__ = ["Arm", "Attack", "Outcomes", "Photo", "Shown", "estimate"]


def __getattr__(name: str) -> Any:
    if name not in _DOOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DOOR[name]}"), name)
