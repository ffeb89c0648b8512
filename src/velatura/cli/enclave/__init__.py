"""`velatura enclave`: verify who computes before anything is sent, run where the operator cannot look."""

from __future__ import annotations

from velatura.cli.enclave import broker, collateral, doctor, evidence, explain, policy, run, seal, unseal, verify
from velatura.cli.enclave.app import app

__all__ = ["app", "broker", "collateral", "doctor", "evidence", "explain", "policy", "run", "seal", "unseal", "verify"]
