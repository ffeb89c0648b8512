"""The one-run audit of our own mechanisms, through real sites, server and ledger: honest ones are not accused, broken ones are."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("opacus", reason="opacus is not installed")
pytest.importorskip("dp_accounting", reason="dp-accounting is not installed")

from msgspec.structs import replace
from numpy.typing import NDArray
from tests.federated.jobs import job

import velatura.dp.sgd as sgd
import velatura.federated.aggregation as aggregation
from velatura.attacks.training.one_run import OneRun
from velatura.audit.federated.material import unprotected
from velatura.audit.federated.one_run import CANARIES, CanaryArm
from velatura.audit.trial import trial
from velatura.dp.vectors import noised
from velatura.federated.job import FederatedJob, Privacy, Rounds, Training
from velatura.findings import Claim, Finding, Verdict


def of(level: str, epsilon: float = 1.0) -> FederatedJob:
    how = Training(epochs=1, batch=64)
    return replace(job(sites=5), privacy=Privacy(level, epsilon, 1e-5, 0.5), training=how, rounds=Rounds(count=2))


def audited(job: FederatedJob) -> Finding:
    privacy = job.privacy
    plain, protected = (CanaryArm(one, privacy.level, 0.25, privacy.clip) for one in (unprotected(job), job))
    attack, claim = OneRun(delta=privacy.delta, claim=privacy.epsilon), Claim(privacy.epsilon)
    return trial(attack, "x", plain=plain, protected=protected, claim=claim, secrets=list(range(CANARIES)), seed=1, budget_s=60.0, findings=1).finding


@pytest.mark.parametrize("level", ["client", "sample"])
def test_a_claim_of_1_that_is_kept_is_not_accused(level: str) -> None:
    found = audited(of(level))
    assert found.estimate is not None and found.estimate.low <= 1.0 and found.verdict in (Verdict.HELD, Verdict.INCONCLUSIVE)
    assert found.baseline is not None and found.baseline.low > 2.0, "without noise all coins are found"


@pytest.mark.parametrize("level", ["client", "sample"])
def test_a_tenth_of_the_noise_is_refuted(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def weak(values: NDArray[np.int64], sigma: float, key: bytes) -> NDArray[np.float64]:
        return noised(values, sigma / 10, key)

    monkeypatch.setattr(aggregation, "noised", weak)
    monkeypatch.setattr(sgd, "noised", weak)
    found = audited(of(level))
    assert found.verdict is Verdict.BROKEN and found.estimate is not None and found.estimate.low > 1.0


def test_a_claim_above_the_ceiling_is_not_called_held() -> None:
    found = audited(of("client", epsilon=8.0))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "to refute 8 takes" in found.evidence["ceiling"]
