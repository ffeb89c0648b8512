"""Attacks on a training as a whole: who was in it, how much it tells at least, and what somebody inside can make of it."""

from __future__ import annotations

__all__: list[str] = []
