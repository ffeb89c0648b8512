"""Make people and things in pictures and clips unrecognisable, or seal them. See README.md for what that protects, and what not.

Names load when they are asked for. The verb itself is `velatura.obfuscate` (`velatura.obfuscation.obfuscate.obfuscate`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from velatura.obfuscation.method import METHODS as METHODS
    from velatura.obfuscation.method import Method as Method
    from velatura.obfuscation.method import Patch as Patch
    from velatura.obfuscation.method import Treatment as Treatment
    from velatura.obfuscation.policy import Covering as Covering
    from velatura.obfuscation.report import Protected as Protected
    from velatura.obfuscation.report import Report as Report
    from velatura.obfuscation.unseal import Unsealed as Unsealed

_DOOR = {
    "METHODS": "method",
    "Covering": "policy",
    "Method": "method",
    "Patch": "method",
    "Protected": "report",
    "Report": "report",
    "Treatment": "method",
    "Unsealed": "unseal",
}
__all__ = ["METHODS", "Covering", "Method", "Patch", "Protected", "Report", "Treatment", "Unsealed"]


def __getattr__(name: str) -> Any:
    if name not in _DOOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DOOR[name]}"), name)
