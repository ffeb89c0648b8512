"""Where a protection meets its attacker: arms are built, the trial runs, the verdict stands. See README.md.

`velatura.audit` is this package and, in Python, the verb as well: `velatura.audit("AUDIT.toml", "out")`. A package becomes a module's attribute
when it is imported, so the module itself answers the call. Its names load when they are asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_NAMES = {"AuditSpec": "spec", "Audited": "run", "Case": "case", "Plan": "case", "read_spec": "spec"}
__all__ = ["AuditSpec", "Audited", "Case", "Plan", "read_spec"]


class _Verb(ModuleType):
    """A package that can be called; see `run.audit` for the parameters."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from velatura.audit.run import audit

        return audit(*args, **options)

    def __getattr__(self, name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{self.__name__}.{_NAMES[name]}"), name)


sys.modules[__name__].__class__ = _Verb
