"""Picks what this system can do: a confined guest on Linux, a plain child elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from velatura.sandbox.confinement import Confinement
from velatura.sandbox.launch import Json

if TYPE_CHECKING:
    from velatura.sandbox.plain import PlainWarm
    from velatura.sandbox.warm import Warm

__all__ = ["start"]


def start(guest: str, settings: Json, may: Confinement, *, warm_deadline_s: float = 60.0, path: Sequence[Path] = ()) -> Warm | PlainWarm:
    """A warm guest. Raises as `Warm`; elsewhere than on Linux, Missing for every layer in `may.required`."""
    if sys.platform == "linux":
        from velatura.sandbox.warm import Warm

        return Warm(guest, settings, may, warm_deadline_s=warm_deadline_s, path=path)
    from velatura.sandbox.plain import PlainWarm

    return PlainWarm(guest, settings, may, warm_deadline_s=warm_deadline_s, path=path)
