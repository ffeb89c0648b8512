"""Honest evidence out of the shared data set, as submissions that are accepted: what forgeries are made of, and what verification is timed on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from velatura.attacks.enclave.submission import Submission
from velatura.attacks.enclave.tpm import key_digest
from velatura.audit.enclave.material import Material
from velatura.audit.enclave.options import EnclaveOptions

__all__ = ["FOLDER", "cases", "honest", "own", "submission"]

FOLDER = Path("data", "enclave-evidence")


def cases(shared: Path) -> list[dict[str, Any]]:
    """As cases.json tells them."""
    found: list[dict[str, Any]] = json.loads((shared / FOLDER / "cases.json").read_text("utf-8"))["cases"]
    return found


def honest(shared: Path) -> dict[str, Submission]:
    """Case -> what is shown, of those that are not refused; where a case ends in a warning, the policy accepts warnings."""
    return {case["id"]: submission(shared, case) for case in cases(shared) if case["verdict"] != "contraindicated"}


def own() -> Submission:
    """Evidence of a confined process of this machine, made now. Raises Missing: none can be confined here."""
    with ExitStack() as stack:
        return Material(EnclaveOptions(), Path(), stack).submission


def submission(shared: Path, case: Mapping[str, Any]) -> Submission:
    """One case, at its time. A TPM's key is named in the policy, since nobody else vouches for it."""
    folder = shared / FOLDER
    policy = f'version = 1\nformat = "{case["format"]}"\n[reference]\nany_measurement = true\n'
    beside = {name: (folder / path).read_bytes() for name, path in case.get("with", {}).items()}
    made = Submission(case["format"], (folder / case["evidence"]).read_bytes(), policy, datetime.fromtimestamp(case["time"], UTC), beside)
    require = dict(case.get("policy", {}).get("require", {}))
    if case["verdict"] == "warning":
        require["accept_warning"] = True
    made = made.asked("require", **require) if require else made
    return made.asked("reference", any_measurement=None, ak=[key_digest(made)]) if case["format"] == "tpm" else made
