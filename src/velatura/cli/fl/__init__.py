"""`velatura fl`: train without pooling data."""

from __future__ import annotations

from velatura.cli.fl import audit, down, export, preview, run, status, up
from velatura.cli.fl.app import app

__all__ = ["app", "audit", "down", "export", "preview", "run", "status", "up"]
