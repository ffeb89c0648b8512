"""`velatura edge`: infer where the camera is; only counted, signed facts leave."""

from __future__ import annotations

from velatura.cli.edge import audit, bench, export, receive, run, snapshot, status, verify
from velatura.cli.edge.app import app

__all__ = ["app", "audit", "bench", "export", "receive", "run", "snapshot", "status", "verify"]
