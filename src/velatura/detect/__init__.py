"""Where faces, plates, people, vehicles and text are, which of them are the same over time, and what still shows on an output.

`velatura.detect` is this package and, in Python, the verb as well: `velatura.detect([Path("street.mp4")])`. A package becomes a module's
attribute when it is imported, so the module itself answers the call. Its names load when they are asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_NAMES = {
    "Detector": "region",
    "Look": "region",
    "Region": "region",
    "RegionsDocument": "document",
    "Residual": "residual",
    "Scores": "region",
    "Tracker": "tracker",
    "read_regions": "document",
}
__all__ = ["Detector", "Look", "Region", "RegionsDocument", "Residual", "Scores", "Tracker", "read_regions"]


class _Verb(ModuleType):
    """A package that can be called; see `detection.detect` for the parameters."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from velatura.detect.detection import detect

        return detect(*args, **options)

    def __getattr__(self, name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{self.__name__}.{_NAMES[name]}"), name)


sys.modules[__name__].__class__ = _Verb
