"""The engine in this process: no Ray, no network, one client after the other."""

from __future__ import annotations

from velatura.federated.grid_engine import GridEngine
from velatura.federated.local_grid import LocalGrid

__all__ = ["LOCAL"]

LOCAL = GridEngine("local", lambda client, nodes, config: LocalGrid(client(), nodes, config))
