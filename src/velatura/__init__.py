"""velatura protects data for deep learning, then attacks its own protection and reports what still shows through.

This is the door: a lazy table of names (PEP 562). It imports nothing, so that `import velatura` costs what a bare interpreter costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from velatura.audit.run import audit as audit
    from velatura.compose.remove import remove as remove
    from velatura.detect.detection import detect as detect
    from velatura.media.scan import scan as scan
    from velatura.obfuscation.obfuscate import obfuscate as obfuscate
    from velatura.obfuscation.unseal import unseal as unseal

__version__ = "0.1.0"

_DOOR = {
    "audit": "velatura.audit.run",
    "detect": "velatura.detect.detection",
    "obfuscate": "velatura.obfuscation.obfuscate",
    "remove": "velatura.compose.remove",
    "scan": "velatura.media.scan",
    "unseal": "velatura.obfuscation.unseal",
}
__all__ = ["__version__", "audit", "detect", "obfuscate", "remove", "scan", "unseal"]


def __getattr__(name: str) -> Any:
    if name not in _DOOR:
        raise AttributeError(f"module 'velatura' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_DOOR[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
