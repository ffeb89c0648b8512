"""Names of the attacks on an enclave, in the order of the report: for specs and help texts, which load nothing else."""

from __future__ import annotations

__all__ = ["ATTACKS"]

ATTACKS = ("evidence-forgery", "session-tampering", "sealed-tampering", "data-canary", "escapes")
