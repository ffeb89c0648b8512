"""Rows from updates: exact where nothing protects, nothing where noise is, and nothing that only looks like a defence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.attacks.updates.sent import arm_of, dense, pictures, rows, sent, smooth
from torch import nn

from velatura.attacks.attack import Deadline
from velatura.attacks.intervals import estimate
from velatura.attacks.updates.dense import rows_of
from velatura.attacks.updates.inversion import Inversion, matched, psnr_db
from velatura.attacks.updates.search import Effort, cosine, dlg
from velatura.attacks.updates.update import Batch, Rule, Simulation, Update
from velatura.errors import BadInput

LONG = 60.0


def found_by_dlg(update: Update, secret: Batch, *, starts: int = 3) -> np.ndarray:
    return dlg(update, [secret.y], np.random.default_rng(0), Effort(starts=starts), Deadline(LONG)).x


@pytest.mark.parametrize("rule", [Rule([[0]], 0.1), Rule([[0]] * 5, 0.1, momentum=0.9), Rule([[0]], 0.1, clip=0.01)])
def test_a_dense_first_layer_gives_its_row_back_exactly(rule: Rule) -> None:
    secret = rows(3)
    found = rows_of(sent(dense(), secret, rule))
    assert found is not None and psnr_db(secret.x, found) > 100
    assert rows_of(sent(smooth(), secret, rule)) is None


@pytest.mark.parametrize(
    "rule",
    [
        Rule([[0, 1]], 0.1, weight_decay=0.01),
        Rule([[0, 1], [1, 0], [0]], 0.1, momentum=0.9),
        Rule([[0], [1]], 0.2, clip=0.05),
    ],
)
def test_the_simulation_is_what_sgd_does(rule: Rule) -> None:
    import torch

    secret = rows(1, 2)
    simulation = Simulation(sent(smooth(), secret, rule))
    told = simulation(torch.from_numpy(secret.x).double(), torch.from_numpy(secret.y))
    assert torch.allclose(told, simulation.target, rtol=1e-9, atol=1e-12)


def test_rows_clipped_one_by_one_are_simulated_as_such() -> None:
    """Two rows, each no longer than the norm: the update is no longer than a mean of two such."""
    import torch

    secret, rule = rows(1, 2), Rule([[0, 1]], 0.1, clip_rows=0.5)
    simulation = Simulation(sent(smooth(), secret, Rule([[0, 1]], 0.1)))
    simulation._rule = rule
    both = simulation(torch.from_numpy(secret.x).double(), torch.from_numpy(secret.y))
    alone = [sent(smooth(), rows(at), Rule([[0]], 0.1, clip=0.05)) for at in (1, 2)]
    mean = np.concatenate([np.mean([one.moved[name] for one in alone], axis=0).ravel() for name in alone[0].moved])
    assert np.allclose(both.detach().numpy(), mean, atol=1e-9)


@pytest.mark.parametrize("rule", [Rule([[0]], 0.1), Rule([[0]], 0.1, clip=0.01), Rule([[0]] * 3, 0.1)])
def test_a_smooth_network_gives_its_row_back_clipped_or_after_several_steps(rule: Rule) -> None:
    secret = rows(4)
    assert psnr_db(secret.x, found_by_dlg(sent(smooth(), secret, rule), secret)) >= 40


def test_who_does_not_clip_his_guess_takes_clipping_for_a_defence() -> None:
    secret = rows(4)
    clipped = sent(smooth(), secret, Rule([[0]], 0.1, clip=0.01))
    naive = Update(clipped.network, clipped.moved, Rule([[0]], 0.1), 1, clipped.shape, clipped.classes)
    assert psnr_db(secret.x, found_by_dlg(naive, secret)) < 20


def test_noise_as_long_as_the_update_leaves_nothing() -> None:
    secret = rows(4)
    noised = sent(smooth(), secret, Rule([[0]], 0.1, clip=0.01), noise=0.01)
    assert psnr_db(secret.x, found_by_dlg(noised, secret, starts=1)) < 12


def test_two_rows_come_back_in_some_order_and_are_matched() -> None:
    secret = rows(3, 6)
    found = found_by_dlg(sent(smooth(), secret, Rule([[0, 1]], 0.1)), secret, starts=4)
    assert psnr_db(secret.x, matched(secret, found)) >= 30
    assert np.array_equal(matched(secret, secret.x[::-1].astype(float)), secret.x)
    assert np.array_equal(matched(rows(6), secret.x.astype(float)), rows(6).x)


def test_angles_alone_find_a_row_whatever_the_length() -> None:
    secret = rows(4)
    longer = sent(smooth(), secret, Rule([[0]], 0.1))
    longer = Update(longer.network, {name: 7 * one for name, one in longer.moved.items()}, longer.rule, 1, longer.shape, 10)
    found = cosine(longer, [secret.y], np.random.default_rng(0), Effort(starts=1, smooth=1e-6), Deadline(LONG))
    assert psnr_db(secret.x, found.x) >= 25


def test_the_attack_beats_the_mean_row_where_nothing_protects_and_never_where_noise_does() -> None:
    attack = Inversion(effort=Effort(starts=1, stretches=4, steps=40))
    plain, noised = (attack.play(arm_of(dense(), noise=noise), pictures(8), np.random.default_rng(1), budget_s=LONG) for noise in (0.0, 1.0))
    assert plain.attackers == ("guess", "closed-form") and plain.success[1].mean() > 0.99
    assert plain.notes["PSNR closed-form"].startswith("median") and "8 of 8 at 40 dB" in plain.notes["PSNR closed-form"]
    assert noised.success[1].mean() < noised.chance and np.allclose(noised.success[0], noised.chance)


def test_time_that_ends_a_search_is_told() -> None:
    attack = Inversion(effort=Effort(starts=2))
    assert attack.play(arm_of(smooth()), pictures(2), np.random.default_rng(1), budget_s=0.1).cut
    with pytest.raises(BadInput, match="too few"):
        attack.play(arm_of(smooth()), pictures(1), np.random.default_rng(1), budget_s=1.0)


def test_rows_that_are_no_pictures_are_judged_by_correlation() -> None:
    rng = np.random.default_rng(0)
    secrets = [Batch(rng.random((1, 64)).astype(np.float32), np.array([at % 10])) for at in range(4)]
    outcomes = Inversion().play(arm_of(dense()), secrets, rng, budget_s=LONG)
    assert outcomes.unit == "correlation" and outcomes.success[1].mean() > 0.99 and not outcomes.shown


def test_rows_of_a_table_are_any_numbers() -> None:
    """Standardised columns, as a job's tables have them: none is pressed into a picture's 0..1."""
    rng = np.random.default_rng(0)
    secrets = [Batch((4 * rng.standard_normal((1, 64))).astype(np.float32), np.array([at % 10])) for at in range(4)]
    outcomes = Inversion().play(arm_of(dense()), secrets, rng, budget_s=LONG)
    assert outcomes.success[1].mean() > 0.99 and "4 of 4 at 40 dB" in outcomes.notes["PSNR closed-form"]


def test_rows_of_a_table_are_searched_for_beyond_0_to_1() -> None:
    rng = np.random.default_rng(0)
    secret = Batch((4 * rng.standard_normal((1, 8))).astype(np.float32), np.array([2]))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 16, bias=False), nn.Tanh(), nn.Linear(16, 10))
    update = sent(network, secret, Rule([[0]], 0.1))
    assert rows_of(update) is None
    assert psnr_db(secret.x, found_by_dlg(update, secret, starts=2)) > 40


def test_noise_is_not_above_a_mean_that_points_away_from_each_row() -> None:
    """The mean of standardised rows without one of them is anti-correlated with it: found noise, at 0, must not look like a leak beside it."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 64)).astype(np.float32)
    secrets = [Batch(x[at : at + 1] - x.mean(0), np.array([at % 10])) for at in range(60)]
    found = estimate(Inversion().play(arm_of(dense(), noise=1.0), secrets, rng, budget_s=LONG))
    assert found.chance == 0 and found.low <= 0


def test_a_start_with_the_wrong_labels_is_not_the_one_that_is_believed() -> None:
    secret = rows(1, 2)
    update = sent(smooth(), secret, Rule([[0, 1]], 0.1))
    wrong = np.sort((secret.y + np.array([0, 1])) % 10)
    right = np.sort(secret.y)
    alone = dlg(update, [wrong], np.random.default_rng(0), Effort(starts=1), Deadline(LONG))
    both = dlg(update, [wrong, right], np.random.default_rng(0), Effort(starts=4), Deadline(LONG))
    assert both.distance < 1e-3 * alone.distance
    assert psnr_db(secret.x, matched(secret, both.x)) > psnr_db(secret.x, matched(secret, alone.x)) + 10
