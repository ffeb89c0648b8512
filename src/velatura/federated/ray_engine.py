"""The engine of Ray: clients side by side in processes of this machine, their server in this one."""

from __future__ import annotations

from velatura.federated.grid_engine import GridEngine
from velatura.federated.ray_grid import RayGrid

__all__ = ["RAY"]

RAY = GridEngine("ray", RayGrid)
