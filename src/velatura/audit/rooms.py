"""Rooms whose protection can be audited: name -> the function that turns a spec into a plan."""

from __future__ import annotations

from velatura.plugins import Registry

__all__ = ["ROOMS"]

ROOMS = Registry(
    "velatura.audits",
    "room",
    {
        "obfuscation": "velatura.audit.obfuscation.cases:plan",
        "removal": "velatura.audit.removal.cases:plan",
        "edge": "velatura.audit.edge.cases:plan",
        "federated": "velatura.audit.federated.cases:plan",
        "homomorphic": "velatura.audit.homomorphic.cases:plan",
        "enclave": "velatura.audit.enclave.cases:plan",
    },
)
"""`plan(spec, *, base, stack, store) -> Plan`; `stack` ends what the plan needs while it runs (folders, decoders)."""
