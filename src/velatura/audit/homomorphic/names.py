"""Names of the attacks on a program under encryption, in the order of the report: for specs and help texts, which load nothing else."""

from __future__ import annotations

__all__ = ["ATTACKS"]

ATTACKS = ("key-recovery", "parameters", "extraction", "malleability")
