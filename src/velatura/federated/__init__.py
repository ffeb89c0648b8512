"""Train without pooling data, on Flower; what leaves a site is guarded, bounded and accounted. See README.md.

Names load when they are asked for: neither Flower nor torch comes with `import velatura.federated`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from velatura.federated.flower_app import run_flower as run_flower
    from velatura.federated.flower_app import run_folder as run_folder
    from velatura.federated.job import FederatedJob as FederatedJob
    from velatura.federated.job import load_job as load_job
    from velatura.federated.run import Ran as Ran

_DOOR = {
    "FederatedJob": "job",
    "Ran": "run",
    "load_job": "job",
    "run_flower": "flower_app",
    "run_folder": "flower_app",
}
__all__ = ["FederatedJob", "Ran", "load_job", "run_flower", "run_folder"]


def __getattr__(name: str) -> Any:
    if name not in _DOOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DOOR[name]}"), name)
