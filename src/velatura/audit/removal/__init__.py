"""The removal room before its attackers: clips in which somebody walks, with him and with him taken out, and the cases of an audit."""

from __future__ import annotations

from velatura.audit.removal.arms import ClipArm

__all__ = ["ClipArm"]
