"""Real evidence, all of it: every case of the shared data has, at its time, the verdict that was worked out for it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from velatura.enclave.appraisal import Appraisal
from velatura.enclave.companions import read_companions
from velatura.enclave.evidence.documents import read_evidence
from velatura.enclave.policy import Policy
from velatura.enclave.verify import verify

FOLDER = Path(os.environ.get("VELATURA_SHARED", Path(__file__).parents[4] / "shared")) / "data" / "enclave-evidence"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "cases.json").read_text())["cases"] if FOLDER.is_dir() else []

OTHER_WORDS = {"snp-v2-wrong-vcek": "chain-invalid"}
"""Where ours is another code than the one that the data suggests; verdicts are all as there."""


def judged(case: dict[str, Any]) -> Appraisal:
    asked = {"version": 1, "format": case["format"], "reference": {"any_measurement": True}, "with": case.get("with") or {}} | case.get("policy", {})
    policy = msgspec.convert(asked, Policy)
    policy.check(case["id"])
    evidence = read_evidence(FOLDER / case["evidence"])
    return verify(evidence, policy, read_companions(policy.companions, FOLDER), now=datetime.fromtimestamp(case["time"], UTC))


def test_the_data_is_there(shared: Path) -> None:
    assert len(CASES) >= 46, f"cases.json of {shared} has fewer cases than there were"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_each_case_has_its_verdict(case: dict[str, Any]) -> None:
    found = judged(case)
    told = "; ".join(f"{check.name} {check.outcome} {check.code}: {check.told}" for check in found.checks)
    assert (found.verdict, found.code) == (case["verdict"], OTHER_WORDS.get(case["id"], case["code"])), told
    nothing = found.verdict == "contraindicated" or found.code == "endorsement-absent"  # a key that anybody can make
    assert nothing == (found.assurance.word == "none")
