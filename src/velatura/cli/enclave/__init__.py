"""`velatura enclave`: verify who computes before anything is sent, run where the operator cannot look."""

from __future__ import annotations

from velatura.cli.enclave import collateral, explain, policy, verify
from velatura.cli.enclave.app import app

__all__ = ["app", "collateral", "explain", "policy", "verify"]
