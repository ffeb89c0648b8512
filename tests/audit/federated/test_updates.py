"""Arms of the attacks on updates: what a site of a real job sends, protected and not; and what each job promises."""

from __future__ import annotations

from math import e
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from velatura.attacks.updates.dense import rows_of
from velatura.attacks.updates.inversion import psnr_db
from velatura.attacks.updates.labels import labels_of, nearest_class
from velatura.attacks.updates.update import Batch, Simulation, Update
from velatura.audit.federated.update_cases import most_labels
from velatura.audit.federated.updates import UpdateArm
from velatura.federated.job import Data, FederatedJob, Model, Privacy, Rounds, SecAgg, Training
from velatura.federated.loading import load

TABLE = load("digits", base=Path())
OTHERS = TABLE.rows(np.arange(100, 104))
JOB = FederatedJob(Model("mlp:16"), Data("digits", sites=5, classes=10), Training(epochs=2, batch=16, lr=0.1), rounds=Rounds(2))


def secret(*which: int) -> Batch:
    return Batch(TABLE.x[list(which)], TABLE.y[list(which)])


def seen(job: FederatedJob, what: Batch, view: str = "site") -> Update:
    return UpdateArm(job, OTHERS, view)(what, np.random.default_rng(0))


def found_db(update: Update, what: Batch) -> float:
    found = rows_of(update)
    assert found is not None
    return psnr_db(what.x, np.clip(found, 0, 1))


@pytest.mark.parametrize("level", ["none", "client"])
def test_what_a_site_sends_in_the_clear_gives_its_row_away(level: str) -> None:
    job = replace(JOB, privacy=Privacy(level, delta=1e-3, clip=0.01))
    update = seen(job, secret(3))
    assert found_db(update, secret(3)) > 60 and labels_of(update, np.random.default_rng(0))[0].tolist() == [TABLE.y[3]]


def test_the_attacker_knows_what_a_site_does_down_to_the_order_of_rows() -> None:
    """Two epochs of batches of two of five rows: he simulates the room's own training, to the last float32."""
    import torch

    job = replace(JOB, training=Training(epochs=2, batch=2, lr=0.1, momentum=0.5, weight_decay=0.01))
    what = secret(1, 2, 3, 4, 5)
    simulation = Simulation(seen(job, what))
    told = simulation(torch.from_numpy(what.x).double(), torch.from_numpy(what.y))
    assert torch.allclose(told, simulation.target, atol=1e-6) and float(simulation.target.norm()) > 0.1


@pytest.mark.parametrize("job", [replace(JOB, privacy=Privacy("local")), replace(JOB, privacy=Privacy("sample")), replace(JOB, aggregation="secagg")])
def test_noise_of_the_site_and_masks_leave_nothing_of_its_row(job: FederatedJob) -> None:
    arm, right, noise = UpdateArm(job, OTHERS), [], []
    for at in range(12):
        update = arm(secret(at), np.random.default_rng(at))
        noise.append(found_db(update, secret(at)))
        right.append(nearest_class(update) == TABLE.y[at])
    assert max(noise) < 12 and np.mean(right) < 0.75


def test_a_masked_sum_without_noise_is_the_mean_of_its_rows_and_with_noise_is_not() -> None:
    import torch

    job = replace(JOB, aggregation="secagg", training=Training(epochs=1, batch=16, lr=0.1), secagg=SecAgg(norm=0.0))
    every = torch.from_numpy(np.concatenate([secret(3).x, OTHERS.x])).double(), torch.from_numpy(np.concatenate([secret(3).y, OTHERS.y]))
    for one, near in ((job, True), (replace(job, privacy=Privacy("client", delta=1e-3)), False)):
        update = seen(one, secret(3), "sum")
        simulation = Simulation(update)
        far = float(((simulation(*every) - simulation.target).norm() / simulation.target.norm()).detach())
        assert update.rows == 5 and (far < 1e-4) == near, far


def test_two_rounds_of_a_site_have_other_noise() -> None:
    arm = UpdateArm(replace(JOB, privacy=Privacy("local")), OTHERS)
    first, again, other = (arm(secret(3), np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert all(np.array_equal(first.moved[name], again.moved[name]) for name in first.moved)
    assert not any(np.array_equal(first.moved[name], other.moved[name]) for name in first.moved)


def test_an_epsilon_bounds_right_labels() -> None:
    local = most_labels(Privacy("local", epsilon=1.0, delta=0.0), 0.1)
    assert local == pytest.approx(e / (e + 9))
    assert most_labels(Privacy("local", epsilon=0.0, delta=0.0), 0.1) == pytest.approx(0.1)
    assert local < most_labels(Privacy("client", epsilon=1.0, delta=0.0), 0.1) == pytest.approx(e / 10)
    assert most_labels(Privacy("sample", epsilon=800.0), 0.1) == 1.0


@pytest.mark.parametrize("level", ["local", "client", "sample"])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0, 8.0])
def test_who_always_answers_the_most_frequent_label_refutes_no_epsilon(level: str, epsilon: float) -> None:
    assert all(most_labels(Privacy(level, epsilon=epsilon, delta=0.0), common) >= common - 1e-12 for common in (0.1, 0.3, 0.63, 0.99))
