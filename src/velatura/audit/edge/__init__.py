"""The edge room before its attackers: a hostile post-processor in the real locked process, and the same one free. See `audit/README.md`."""

from __future__ import annotations

__all__: list[str] = []
