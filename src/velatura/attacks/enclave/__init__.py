"""Attacks on attestation: evidence is forged, and shown to whoever must tell it from what is real."""

from __future__ import annotations

__all__: list[str] = []
