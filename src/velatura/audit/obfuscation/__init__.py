"""The obfuscation room before its attackers: people and plates, the two arms, and the cases of an audit."""

from __future__ import annotations

from velatura.audit.obfuscation.arms import PictureArm, TrackArm, plain_arm, protected_arm

__all__ = ["PictureArm", "TrackArm", "plain_arm", "protected_arm"]
