"""Pictures found again from what a site of a job sends: bare, clipped, noised, masked; and in the sum.

    VELATURA_DATA=FOLDER python -m benchmarks.federated inversion

MNIST's test pictures 2 to 11, LeNet with sigmoids and weights in -.5 .. .5 (as in DLG), float32, one row at a site unless it says otherwise. Each
update comes out of the job's own client app, privacy and secure aggregation; the attacker knows the rule, and clips his guess. L-BFGS, four starts.
Labels are asked of 100 pictures. Epsilon 8, delta 1e-5, over ten rounds. The sum is that of four sites, a row each, fitted as one batch of four.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.page import Row
from velatura.errors import Missing

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob
    from velatura.federated.table import Table

PICTURES, FIRST, LABELS = 10, 2, 100
LONG_S = 3600.0


def lenet(shape: tuple[int, ...], classes: int) -> Any:
    """DLG's network, for pictures of 28 x 28."""
    from torch import nn

    channels, height, width = shape
    network = nn.Sequential(
        nn.Conv2d(channels, 12, 5, 2, 2), nn.Sigmoid(), nn.Conv2d(12, 12, 5, 2, 2), nn.Sigmoid(), nn.Conv2d(12, 12, 5, 1, 2), nn.Sigmoid(),
        nn.Flatten(), nn.Linear(12 * (height // 4) * (width // 4), classes),
    )  # fmt: skip
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    return network


def measured() -> dict[str, Any]:
    """Case -> figures."""
    table = _table()
    return {name: _played(table, *case) for name, case in _cases()}


def _cases() -> Iterator[tuple[str, tuple[FederatedJob, str, int, int]]]:
    """(name, (job, what is looked at, rows of a site, pictures))."""
    from msgspec.structs import replace

    from velatura.federated.job import Data, FederatedJob, Model, Privacy, Rounds, Training

    bare = FederatedJob(
        Model("benchmarks.federated_inversion:lenet"), Data("mnist", sites=4, classes=10), Training(batch=8, lr=0.1), rounds=Rounds(10)
    )
    client = replace(bare, privacy=Privacy("client", delta=1e-5, clip=0.5))
    yield "bare", (bare, "site", 1, PICTURES)
    yield "clipped", (client, "site", 1, PICTURES)
    yield "E = 5", (replace(bare, training=replace(bare.training, epochs=5)), "site", 1, 4)
    yield "B = 8", (bare, "site", 8, 2)
    yield "sample", (replace(bare, privacy=Privacy("sample")), "site", 1, PICTURES)
    yield "local", (replace(bare, privacy=Privacy("local")), "site", 1, PICTURES)
    yield "masked", (replace(bare, aggregation="secagg"), "site", 1, PICTURES)
    yield "sum", (replace(bare, aggregation="secagg"), "sum", 1, 4)
    yield "noised sum", (client, "sum", 1, 4)
    yield "dense", (replace(bare, model=Model("mlp:64")), "site", 1, PICTURES)


PROTECTED = ("sample", "local", "masked", "noised sum")


def _played(table: Table, job: FederatedJob, view: str, rows: int, pictures: int) -> dict[str, Any]:
    from velatura.attacks.attack import Deadline
    from velatura.attacks.updates.inversion import Inversion, likeness_of, matched, psnr_db
    from velatura.attacks.updates.label_leak import LabelLeak
    from velatura.attacks.updates.search import Effort
    from velatura.attacks.updates.update import Batch
    from velatura.audit.federated.updates import UpdateArm

    begun = time.process_time()
    arm = UpdateArm(job, table.rows(np.arange(1000, 1003)), view)
    at = [np.arange(FIRST + rows * number, FIRST + rows * (number + 1)) for number in range(max(LABELS // rows, pictures))]
    secrets = [Batch(table.x[which], table.y[which]) for which in at]
    attack = Inversion(searches=("dlg",), effort=Effort())
    noise, like = list[float](), list[float]()
    for number, secret in enumerate(secrets[:pictures]):
        found, _ = attack.found(arm(secret, np.random.default_rng(number)), np.random.default_rng(number), Deadline(LONG_S))
        best = matched(secret, next(iter(found.values())) if "dlg" not in found else found["dlg"])
        noise, like = [*noise, psnr_db(secret.x, best)], [*like, likeness_of(secret.x, best)]
    labels = LabelLeak().play(arm, secrets, np.random.default_rng(1), budget_s=LONG_S)
    right = float(labels.success[1:].mean(1).max())  # the first only guesses
    cpu = time.process_time() - begun
    return {"db": noise, "ssim": like, "labels": right, "chance": labels.chance, "asked": len(secrets), "cpu_s": cpu}


def rows(found: Mapping[str, Any]) -> list[Row]:
    """Of the page's table."""
    bare = found["bare"]
    db = np.array(bare["db"])
    good = int((db >= 40).sum())
    told = f"{np.median(db):.1f} dB, {good} of {len(db)}; SSIM {np.median(bare['ssim']):.3f}; labels {bare['labels']:.2f}"
    made = [Row("DLG on an unprotected update of one row", "median >= 48 dB, 8 of 10 >= 40 dB", told, bool(np.median(db) >= 48 and good >= 8))]
    for name, what in WORDS.items():
        one = found[name]
        likeness = f"SSIM {np.median(one['ssim']):.3f} ({max(one['ssim']):.3f} at most)"
        text = f"{np.median(one['db']):.1f} dB; {likeness}; labels {one['labels']:.2f} of {one['asked']}, guessing {one['chance']:.2f}"
        if name in PROTECTED:
            # three standard errors of a guess, as the better of two attackers is told
            at_chance = one["labels"] <= one["chance"] + 3 * np.sqrt(one["chance"] * (1 - one["chance"]) / one["asked"])
            made.append(Row(f"the same, {what}", "SSIM <= .10, labels at chance", text, bool(max(one["ssim"]) <= 0.1 and at_chance)))
        else:
            made.append(Row(f"the same, {what}", "told apart", text, True))
    return made


WORDS = {
    "clipped": "the update clipped: no protection",
    "E = 5": "after five local steps: no protection",
    "B = 8": "eight rows in a batch",
    "dense": "a dense first layer, in closed form",
    "sum": "the unmasked sum of four sites",
    "masked": "the masked update of secure aggregation",
    "sample": "sample-level privacy, epsilon 8",
    "local": "local privacy, epsilon 8",
    "noised sum": "the sum of four sites with client-level noise, epsilon 8",
}


def _table() -> Table:
    from velatura.federated.loading import brought_test

    where = Path(os.environ.get("VELATURA_DATA", "")) / "mnist"
    table = brought_test("mnist", base=where.parent) if where.is_dir() else None
    if table is None:
        raise Missing("bench.data", "MNIST is not here", hint="VELATURA_DATA=FOLDER, with MNIST's four files in FOLDER/mnist")
    return table
