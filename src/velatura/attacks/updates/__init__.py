"""Attacks on what a site sends in one round: the rows it trained on, and their labels."""

from __future__ import annotations

__all__: list[str] = []
