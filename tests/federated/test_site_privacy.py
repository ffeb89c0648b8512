"""Privacy that a site gives itself: its ledger, its noise, its batches; a round again is one release, another model another one."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("opacus", reason="opacus is not installed")
pytest.importorskip("dp_accounting", reason="dp-accounting is not installed")

import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from msgspec.structs import replace
from tests.federated.jobs import job

from velatura.dp.accounting import epsilon
from velatura.errors import BadInput, BadSpec, Withheld
from velatura.federated.combinations import refuse
from velatura.federated.flower_task import task
from velatura.federated.job import FederatedJob, Privacy, Rounds, Training
from velatura.federated.records import packed
from velatura.federated.run import run
from velatura.federated.site import client_app
from velatura.federated.site_plan import plan_of
from velatura.federated.site_privacy import SitePrivacy
from velatura.federated.table import Table
from velatura.federated.training import trained_privately
from velatura.progress import Progress


def private(level: str, *, rounds: int = 2, epsilon: float = 8.0, batch: int = 128, aggregation: str = "plain") -> FederatedJob:
    how = Training(epochs=1, batch=batch, lr=0.5)
    privacy = Privacy(level, epsilon, 1e-5, 0.5)
    return replace(job(rounds=rounds, sites=3), training=how, privacy=privacy, rounds=Rounds(count=rounds), aggregation=aggregation)


def rows(count: int = 40, *, of: int = 0) -> Table:
    made = np.random.default_rng(of)
    return Table(made.normal(0, 1, (count, 1, 8, 8)).astype(np.float32), made.integers(0, 10, count).astype(np.int64), 10)


SENT = {"w": np.zeros((30, 40), np.float32)}


@pytest.mark.parametrize("level", ["sample", "local"])
def test_a_run_stays_within_its_budget_and_tells_no_exact_figure(level: str, tmp_path: Path) -> None:
    of = private(level)
    ran = run(of, tmp_path / "run")
    assert ran.epsilon is not None and 0.9 * 8 < ran.epsilon <= 8.0 and ran.unit == ("row" if level == "sample" else "site")
    assert ran.sites_accuracy is None
    told = json.loads((tmp_path / "run" / "history.json").read_text())
    assert told["refused"] == [] and told["by_site"] == {} and all(one["sites_accuracy"] is None for one in told["rounds"])
    for site in range(3):
        lines = (tmp_path / "run" / "sites" / f"site-{site}" / "ledger").read_text().splitlines()
        assert len(lines) == 2 * (3 if level == "sample" else 1)
        assert (tmp_path / "run" / "sites" / f"site-{site}" / "secret").stat().st_mode & 0o77 == 0


def test_the_noise_is_for_the_rows_that_a_site_has() -> None:
    of = private("sample", rounds=3)
    for count in (100, 300):
        plan = plan_of(of, count)
        assert plan.sampling == min(1.0, 128 / count) and plan.steps == max(1, round(count / 128))
        assert epsilon([(plan.event, 3 * plan.steps)], 1e-5) <= 8.0
    assert plan_of(of, 100).noise > plan_of(of, 300).noise, "fewer rows, more noise"


@dataclass
class Breaking(Progress):
    """Ends the run after so many rounds."""

    after: int
    seen: int = 0

    def start(self, name: str, total: float | None, unit: str) -> None: ...

    def standing(self, words: str) -> None: ...

    def advance(self, amount: float = 1) -> None:
        self.seen += amount
        if self.seen >= self.after:
            raise KeyboardInterrupt

    def finish(self) -> None: ...


def test_a_run_that_was_cut_off_repeats_no_noise_and_pays_nothing_twice(tmp_path: Path) -> None:
    of = private("sample", rounds=3)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(of, whole)
    for site in range(3):
        place = cut / "sites" / f"site-{site}"
        place.mkdir(parents=True)
        shutil.copy(whole / "sites" / f"site-{site}" / "secret", place)
    shutil.copy(whole / "job.json", cut)
    (cut / "lost").mkdir()
    with pytest.raises(KeyboardInterrupt):
        run(of, cut, resume=True, progress=Breaking(2))
    (cut / "checkpoint").rename(cut / "lost" / "checkpoint")  # the last two rounds were released, and are forgotten
    run(of, cut, resume=True)
    with np.load(whole / "model.npz") as one, np.load(cut / "model.npz") as other:
        assert all(np.array_equal(one[name], other[name]) for name in one.files)
    assert (whole / "sites" / "site-0" / "ledger").read_bytes() == (cut / "sites" / "site-0" / "ledger").read_bytes()


def message(number: int, state: dict[str, np.ndarray]) -> Message:
    content = RecordDict({"arrays": packed(state), "config": ConfigRecord({"server-round": number})})
    made = Message(content, 1, "train")
    made.metadata.__dict__["_message_id"] = f"{number}"
    return made


def test_a_server_that_asks_once_more_with_another_model_pays_until_the_budget_ends(tmp_path: Path) -> None:
    of = private("sample", rounds=2)
    run_ = task()
    app = client_app(of, Path(), tmp_path)
    context = Context(run_.run_id, 1, {"partition-id": 0}, RecordDict(), {})
    reply = app(message(1, zeros := _zeros()), context)
    assert isinstance(reply.content["arrays"], ArrayRecord) and "accuracy" not in reply.content.metric_records["metrics"]
    again = app(message(1, zeros), context)
    assert reply.content["arrays"]["1.weight"].data == again.content["arrays"]["1.weight"].data  # type: ignore[index]
    app(message(1, {**zeros, "1.bias": np.ones(10, np.float32)}), context)
    with pytest.raises(Withheld, match=r"dp\.budget"):
        app(message(2, {**zeros, "1.bias": np.full(10, 2, np.float32)}), context)


def _zeros() -> dict[str, np.ndarray]:
    return {"1.weight": np.zeros((10, 64), np.float32), "1.bias": np.zeros(10, np.float32)}


def test_a_node_without_a_folder_counts_nothing_and_is_refused() -> None:
    app, run_ = client_app(private("sample"), Path()), task()
    with pytest.raises(BadSpec, match=r"federated\.site-state"):
        app(message(1, _zeros()), Context(run_.run_id, 1, {"partition-id": 0}, RecordDict(), {}))


def test_an_exact_figure_is_not_given_to_whoever_asks(tmp_path: Path) -> None:
    app, run_ = client_app(private("sample"), Path(), tmp_path), task()
    asked = Message(RecordDict({"arrays": packed(_zeros())}), 1, "evaluate")
    with pytest.raises(Withheld, match=r"federated\.exact"):
        app(asked, Context(run_.run_id, 1, {"partition-id": 0}, RecordDict(), {}))


def test_a_site_noises_its_own_update_for_twice_the_norm(tmp_path: Path) -> None:
    of = private("local", rounds=1, epsilon=4.0)
    far = {"w": np.full((30, 40), 9.0, np.float32)}
    with SitePrivacy(of, tmp_path, 40) as own:
        told = own.local(far, SENT, 1, rows())["w"].astype(float)
        assert np.array_equal(told, own.local(far, SENT, 1, rows())["w"]), "the same update, the same noise"
        noise = told - 0.5 / np.sqrt(1200)
        assert noise.std() == pytest.approx(own.plan.noise * 2 * 0.5, rel=0.07)
        assert own.ledger.spent() == pytest.approx(4.0, rel=1e-3) and len(own.ledger) == 1
        with pytest.raises(Withheld, match=r"dp\.budget"):
            own.local(far, SENT, 1, rows(of=1))


def test_sample_level_goes_with_secure_aggregation_and_local_noise_does_not(tmp_path: Path) -> None:
    ran = run(private("sample", rounds=1, aggregation="secagg"), tmp_path / "run")
    assert ran.unchanged == 0 and ran.epsilon == 8.0, "sites do not say what their rows have cost: the budget is what is known"
    with pytest.raises(BadSpec, match=r"federated\.combination"):
        refuse(private("local", aggregation="secagg"), where="here")


def test_rows_that_come_later_do_not_reopen_a_budget(tmp_path: Path) -> None:
    of = private("sample", rounds=3)
    for count in (100, 300):
        with SitePrivacy(of, tmp_path, count) as own:
            spent = 0
            for number in range(3):
                for step in range(own.plan.steps):
                    try:
                        own.charge(f"{count} {number} {step}")
                    except Withheld:
                        spent += 1
            assert own.ledger.spent() <= 8.0
            assert bool(spent) == (count == 300), "the first rows took the whole budget"


def test_what_was_spent_must_be_known(tmp_path: Path) -> None:
    of = private("sample", rounds=3)
    with SitePrivacy(of, tmp_path, 100) as own:
        own.charge("one")
    (tmp_path / "secret").write_bytes(b"")
    with pytest.raises(BadInput, match=r"dp\.secret"):
        SitePrivacy(of, tmp_path, 100)
    (tmp_path / "ledger").unlink()
    with pytest.raises(BadInput, match=r"dp\.ledger"):
        SitePrivacy(of, tmp_path, 100)


class Keeps(torch.nn.Module):
    """Keeps the last row that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.out = torch.nn.Flatten(), torch.nn.Linear(64, 10)
        self.register_buffer("last", torch.zeros(64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.last.copy_(self.flat(x)[0].detach())
        told: torch.Tensor = self.out(self.flat(x))
        return told


def test_a_network_that_keeps_what_it_sees_is_refused(tmp_path: Path) -> None:
    of = private("sample", rounds=1)
    with SitePrivacy(of, tmp_path, 40) as own, pytest.raises(BadSpec, match=r"dp\.network.*last|last.*dp\.network"):
        trained_privately(Keeps(), rows(), of.training, own, "x", seed=0)
    assert not own.ledger._keys


@pytest.mark.parametrize(
    "privacy",
    [
        Privacy("sample", 8.0, 0.5),
        Privacy("local", 8.0, 0.4),
        Privacy("sample", 8.0, 1e-5, float("inf")),
        Privacy("client", float("nan"), 1e-5),
        Privacy("sample", 1e6, 1e-5),
    ],
)
def test_figures_that_promise_nothing_are_refused(privacy: Privacy) -> None:
    with pytest.raises(BadSpec, match=r"federated\.combination"):
        refuse(replace(private("sample"), privacy=privacy), where="here")


def test_a_ledger_that_lost_its_end_is_refused_on_resume(tmp_path: Path) -> None:
    of = private("client", rounds=3)
    of = replace(of, privacy=replace(of.privacy, delta=1e-2))
    run(of, tmp_path / "run")
    ledger = tmp_path / "run" / "ledger"
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(lines[:2]))
    with pytest.raises(BadInput, match=r"dp\.ledger"):
        run(of, tmp_path / "run", resume=True)
    ledger.write_text("".join(lines))
    (tmp_path / "run" / "secret").unlink()
    with pytest.raises(BadInput, match=r"dp\.secret"):
        run(of, tmp_path / "run", resume=True)


def test_a_first_round_that_was_cut_off_leaves_what_was_spent(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(private("sample", rounds=3), tmp_path / "run", progress=Breaking(0))
    with pytest.raises(KeyboardInterrupt):
        run(private("sample", rounds=3), tmp_path / "run", resume=(tmp_path / "run").exists(), progress=Breaking(1))
    assert (tmp_path / "run" / "sites" / "site-0" / "ledger").stat().st_size


def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text("mine")
    with pytest.raises(BadSpec, match=r"federated\.no-run"):
        run(private("sample"), tmp_path, resume=True)
    assert (tmp_path / "history.json").read_text() == "mine"
