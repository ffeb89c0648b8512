"""`velatura fl`: train without pooling data."""

from __future__ import annotations

from velatura.cli.fl import preview, run
from velatura.cli.fl.app import app

__all__ = ["app", "preview", "run"]
