"""Arms of the federated room: real jobs, with hostile sites and on parts of their rows."""

from __future__ import annotations

from math import e
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from sklearn.datasets import load_digits

from velatura.attacks.training.backdoor import Backdoor
from velatura.attacks.training.membership import Membership
from velatura.attacks.training.poison import POISONS, Poison
from velatura.attacks.training.poisoning import Poisoning
from velatura.audit.federated.material import unprotected
from velatura.audit.federated.membership import ModelArm, most_named
from velatura.audit.federated.poisoned import PoisonedArm
from velatura.audit.federated.trained import trained
from velatura.audit.trial import trial
from velatura.federated.job import Data, FederatedJob, Model, Privacy, Rounds, StrategyOf, Training
from velatura.federated.run import run
from velatura.federated.site import pooled
from velatura.federated.table import Table
from velatura.findings import Claim, Verdict

HIS = (0, 1)


def robust(*, rounds: int = 3, sites: int = 10) -> FederatedJob:
    """A linear model on digits: a round takes some milliseconds a site."""
    return FederatedJob(
        Model("linear"),
        Data("digits", sites=sites, classes=10),
        Training(epochs=2, batch=16, lr=0.1),
        StrategyOf("multikrum", {"num_malicious_nodes": 2, "num_nodes_to_select": 6}),
        Rounds(rounds),
    )


def poisoned(job: FederatedJob) -> PoisonedArm:
    table, _ = pooled(job, Path())
    return PoisonedArm(job, Path(), table.schema, HIS, 1)


def rows(job: FederatedJob) -> list[tuple[np.ndarray, int]]:
    _, test = pooled(job, Path())
    assert test is not None
    return list(zip(test.x, test.y.tolist(), strict=True))


def test_poison_ruins_a_mean_and_is_outvoted_by_multikrum() -> None:
    job, attack = robust(), Poisoning(("sign-flip", "label-flip", "scaled"))
    arms = {"plain": poisoned(unprotected(job)), "protected": poisoned(job)}
    found = trial(attack, "x", claim=Claim(0.03), secrets=rows(job), seed=1, budget_s=60.0, findings=1, **arms).finding
    assert found.verdict is Verdict.HELD, found.why
    assert found.baseline is not None and found.baseline.low > 0.2


def test_a_backdoor_opens_the_unprotected_job() -> None:
    outcomes = Backdoor().play(poisoned(unprotected(robust())), rows(robust()), np.random.default_rng(1), budget_s=60.0)
    assert outcomes.success.mean(1).max() > 0.8


def test_only_his_sites_send_something_else_and_he_knows_what_they_would_have_sent() -> None:
    job, heard = unprotected(robust(rounds=1)), []
    model = poisoned(job)(Poison("listens", update=lambda sent, rng: heard.append(sent) or sent.honest), np.random.default_rng(0))
    honest = poisoned(job)(None, np.random.default_rng(0))
    for name, value in honest.network.state_dict().items():
        assert np.abs(value.numpy() - model.network.state_dict()[name].numpy()).max() < 1e-6
    assert len(heard) == 1 and heard[0].honest.shape == (2, 650) and heard[0].sites == 10
    assert np.array_equal(heard[0].honest, heard[0].trained) and np.linalg.norm(heard[0].honest) > 0.1


def test_an_honest_arm_is_what_fl_run_trains(tmp_path: Path) -> None:
    job = robust()
    run(job, tmp_path / "run")
    with np.load(tmp_path / "run" / "model.npz") as kept:
        network = poisoned(job)(None, np.random.default_rng(0)).network.state_dict()
        assert all(np.array_equal(network[name].numpy(), kept[name]) for name in kept.files)


def test_a_model_that_nobody_could_change_is_the_first_one() -> None:
    """All replies refused: whoever stops a training has had his way, and it is counted, not told as a fault of the attack."""
    job = replace(robust(rounds=1), strategy=StrategyOf("multikrum", {"num_malicious_nodes": 4}))
    table, _ = pooled(job, Path())
    model = trained(job, Path(), table.schema, np.random.default_rng(0))
    assert (model(table.x) == table.y).mean() < 0.5


def test_poison_in_the_rows_goes_through_secure_aggregation() -> None:
    job = replace(unprotected(robust(rounds=2, sites=4)), aggregation="secagg")
    arm, rng = poisoned(job), np.random.default_rng(0)
    _, test = pooled(job, Path())
    assert test is not None
    right = [(arm(poison, rng)(test.x) == test.y).mean() for poison in (None, POISONS["label-flip"])]
    assert right[0] > right[1] + 0.1


def test_a_model_is_trained_on_who_is_inside_and_asked_twice_trained_once() -> None:
    job = replace(unprotected(robust(rounds=2, sites=2)), training=Training(epochs=2, batch=8, lr=0.1))
    table, _ = pooled(job, Path())
    x, y = table.x[:80], table.y[:80]
    arm, inside = ModelArm(job, Table(x, y, 10)), np.arange(80) < 40
    first = arm(inside, np.random.default_rng(5))
    assert arm(inside, np.random.default_rng(5)) is first and not np.array_equal(arm(~inside, np.random.default_rng(5)), first)
    changed = ModelArm(job, Table(np.where(inside[:, None, None, None], x, 0).astype(np.float32), y, 10))(inside, np.random.default_rng(5))
    assert np.array_equal(changed[:40], first[:40]), "rows outside do not matter"


def test_what_an_epsilon_promises_of_one_record() -> None:
    sample = replace(robust(), privacy=Privacy("sample", epsilon=1.0, delta=1e-5))
    assert most_named(sample, 0.01) == pytest.approx(e * 0.01 + 1e-5)
    client = replace(sample, privacy=Privacy("client", epsilon=1.0, delta=1e-5))
    assert most_named(client, 0.01) == pytest.approx(e**2 * 0.01 + (1 + e) * 1e-5), "one record is one site that goes and one that comes"
    assert most_named(replace(sample, privacy=Privacy("sample", epsilon=8.0)), 0.01) == pytest.approx(1 - e**-8 * (0.99 - 1e-5))
    assert most_named(robust(), 0.01) is None


@pytest.mark.slow
def test_membership_is_found_in_an_overfitted_job_and_held_by_client_level_privacy() -> None:
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(1500) < 0.3, rng.integers(10, size=1500), y[:1500])
    records = Table((x[:1500] / 16).reshape(-1, 1, 8, 8).astype(np.float32), labels.astype(np.int64), 10)
    job = FederatedJob(
        Model("mlp:512"), Data("digits", sites=2, classes=10), Training(epochs=20, batch=16, lr=0.1, momentum=0.9), rounds=Rounds(2),
    )  # fmt: skip
    private = replace(job, data=replace(job.data, sites=20), privacy=Privacy("client", epsilon=0.5, delta=1e-5, clip=0.1))
    bound = most_named(private, 0.01)
    assert bound is not None and bound < 0.03
    arms = {"plain": ModelArm(job, records), "protected": ModelArm(private, records)}
    found = trial(
        Membership(targets=4), "x", claim=Claim(bound), secrets=labels.tolist(), seed=1, budget_s=200.0, findings=1, **arms
    ).finding  # fmt: skip
    assert found.baseline is not None and found.baseline.low > bound and found.baseline.value > 0.05, found.why
    assert found.verdict is Verdict.HELD, found.why


def test_a_site_of_the_attackers_does_not_stop_at_its_own_budget() -> None:
    """He asks it twice a round, on its rows and on those that he made; its ledger is his."""
    job = replace(unprotected(robust(rounds=2, sites=4)), privacy=Privacy("local", epsilon=4.0, delta=1e-5, clip=1.0))
    heard: list[int] = []
    poison = Poison("listens", rows=POISONS["label-flip"].rows, update=lambda sent, rng: heard.append(len(sent.honest)) or sent.honest)
    poisoned(job)(poison, np.random.default_rng(0))
    assert heard == [2, 2]


def test_under_secure_aggregation_sites_on_files_of_an_auditor_take_part() -> None:
    """They need keys, as any site with rows of its own does; without them nothing was trained, and every attack found nothing."""
    table, _ = pooled(robust(), Path())
    records, inside = table.rows(np.arange(60)), np.ones(60, bool)
    plain = replace(robust(rounds=1, sites=3), strategy=StrategyOf())
    masked = replace(plain, aggregation="secagg", rounds=replace(plain.rounds, least=3))
    told = [ModelArm(job, records)(inside, np.random.default_rng(0)) for job in (plain, masked)]
    assert np.allclose(told[0], told[1], atol=1e-3)
    models = [poisoned(masked)(poison, np.random.default_rng(0)).network.state_dict() for poison in (None, POISONS["label-flip"])]
    assert not any(np.allclose(models[0][name], models[1][name], atol=1e-3) for name in models[0])
