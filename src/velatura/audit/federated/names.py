"""Names of the attacks on a federated job, in the order of the report: for specs, and for help texts, which load nothing else."""

from __future__ import annotations

__all__ = ["ATTACKS"]

ATTACKS = ("inversion", "labels", "membership", "one-run", "poisoning", "backdoor")
