"""The federated room before its attackers: jobs trained through its own sites and server, protected and not. See `audit/README.md`."""

from __future__ import annotations

__all__: list[str] = []
