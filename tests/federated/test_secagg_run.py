"""Secure aggregation with real sites over the engine in this process: equal to plain averaging, with losses at every stage, with privacy, resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from flwr.app import Context, Message
from tests.federated.jobs import FAULTS
from tests.federated.jobs import grid as plain_grid
from tests.federated.jobs import job as plain_job

from velatura.dp.ledger import Budget, PrivacyLedger
from velatura.errors import BadSpec, VelaturaError
from velatura.federated.aggregation import ClientLevel, Update
from velatura.federated.guarded_grid import GuardedGrid, Rules
from velatura.federated.job import Data, FederatedJob, Model, Privacy, Rounds, SecAgg, Training, check
from velatura.federated.local_grid import LocalGrid
from velatura.federated.networks import made
from velatura.federated.quiet import switch_off
from velatura.federated.run import run
from velatura.federated.secagg import wire
from velatura.federated.secagg.bound import bound_of
from velatura.federated.secagg.graph import threshold
from velatura.federated.secagg.trust import made as keys_made
from velatura.federated.secure_aggregation import SecureAggregation
from velatura.federated.seeds import derived
from velatura.federated.server import Outcome, serve
from velatura.federated.site import client_app, pooled
from velatura.federated.site_plan import plan_of
from velatura.federated.training import state_of

STAGES = ("advertise", "share", "masked", "agree", "unmask")
Loss = Callable[[int, int, str], bool]
"""(site, round, stage): whether the site is lost there."""


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path) -> None:
    switch_off(tmp_path)


def job(**options: Any) -> FederatedJob:
    return msgspec.structs.replace(plain_job(**options), aggregation="secagg")


def grid(of: FederatedJob, lost: Loss = lambda *_: False, *, heard: list[tuple[Message, Message]] | None = None) -> GuardedGrid:
    honest = client_app(of, Path())

    def answer(message: Message, context: Context) -> Message:
        kind, site = message.metadata.message_type, int(context.node_config["partition-id"])
        if kind.startswith("train."):
            number = message.content.config_records["secagg"]["server-round"]
            if lost(site, number, kind.removeprefix("train.")):  # type: ignore[arg-type]
                raise ConnectionResetError(f"site {site} is gone")
        reply = honest(message, context)
        if heard is not None:
            heard.append((message, reply))
        return reply

    rules = Rules(of.guards.norm, of.guards.most_examples, of.data.sites, 5.0, of.rounds.deadline_s)
    return GuardedGrid(LocalGrid(answer, of.data.sites), rules)  # type: ignore[arg-type]


def secret(of: FederatedJob, lost: Loss = lambda *_: False, **more: Any) -> Outcome:
    return serve(of, grid(of, lost, heard=more.pop("heard", None)), aggregator=SecureAggregation(of), **more)


def apart(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """Relative distance of two models."""
    length = np.sqrt(sum(float((value.astype(np.float64) ** 2).sum()) for value in other.values()))
    return float(np.sqrt(sum(float(((one[name].astype(np.float64) - other[name]) ** 2).sum()) for name in other)) / length)


@pytest.mark.parametrize("strategy", ["fedavg", "fedadam", "fedavgm"])
@pytest.mark.parametrize("partition", ["iid", "quantity:0.5"])
def test_it_equals_plain_averaging(strategy: str, partition: str) -> None:
    of = job(strategy=strategy, partition=partition)
    plain = msgspec.structs.replace(of, aggregation="plain")
    found = secret(of)
    expected = serve(plain, plain_grid(plain)).model
    # Adam divides by the root of a small second moment, which magnifies the last bits
    assert apart(found.model, expected) < (1e-5 if strategy == "fedadam" else 1e-6)
    assert [told.believed for told in found.history] == [5, 5, 5] and not found.refused


@pytest.mark.parametrize("stage", STAGES)
def test_sites_lost_at_a_stage_cost_no_more_than_themselves(stage: str) -> None:
    sites = 7
    gone = {1, 5}
    of = job(sites=sites, rounds=2)
    found = secret(of, lambda site, number, at: site in gone and at == stage)
    out = {} if stage in ("agree", "unmask") else dict.fromkeys(gone, FAULTS["raises"][0])
    plain = msgspec.structs.replace(of, aggregation="plain")
    assert apart(found.model, serve(plain, plain_grid(plain, out)).model) < 1e-6
    assert [told.believed for told in found.history] == [sites - len(out)] * 2
    assert {(one.round, one.partition) for one in found.refused} == {(number, site) for number in (1, 2) for site in gone}
    assert all("is gone" in one.why for one in found.refused)


@pytest.mark.parametrize("stage", STAGES)
def test_one_more_lost_ends_the_round_and_nothing_is_released(stage: str) -> None:
    sites = 7
    of = job(sites=sites, rounds=2)
    heard: list[tuple[Message, Message]] = []
    found = secret(of, lambda site, number, at: number == 1 and site < sites - threshold(sites) + 1 and at == stage, heard=heard)
    first, second = found.history
    assert first.unchanged and "4 of 7 sites" in first.unchanged and not second.unchanged and second.believed == 7
    opened = [
        sent for sent, _ in heard if sent.metadata.message_type == "train.unmask" and sent.content.config_records["secagg"]["server-round"] == 1
    ]
    assert len(opened) == (4 if stage == "unmask" else 0)
    with pytest.raises(VelaturaError, match="no round of 1 changed the model") as caught:
        secret(job(sites=sites, rounds=1), lambda site, number, at: site < 3 and at == stage)
    assert caught.value.code == "federated.no-round"


def test_a_round_that_is_aborted_leaves_the_model_as_it_was() -> None:
    of = job(sites=4, rounds=2)
    found = secret(of, lambda site, number, at: number == 1 and site < 2 and at == "masked")
    only_second = secret(of, lambda site, number, at: number == 2 and site < 2 and at == "masked")
    table, _ = pooled(of, Path())
    first = state_of(made(of.model.network, table.schema, seed=derived(of.seed, "model")))
    assert found.history[0].unchanged and apart(found.model, first) > 1e-3 and apart(only_second.model, first) > 1e-3
    assert apart(found.model, only_second.model) > 0  # round 2 trains in another order than round 1


def test_a_site_that_sleeps_is_a_lost_one() -> None:
    import time

    of = job(sites=4, rounds=1, deadline_s=4.0)

    def sleeps(site: int, number: int, at: str) -> bool:
        if site == 2 and at == "masked":
            time.sleep(20)
        return False

    begun = time.monotonic()
    found = secret(of, sleeps)
    assert found.history[0].believed == 3 and time.monotonic() - begun < 10
    assert "no answer within 2 s" in found.refused[0].why


def test_client_level_privacy_takes_the_integer_sum(tmp_path: Path) -> None:
    """The sum of integers that single updates give, but for the rounding of a float32; charged alike."""
    of = msgspec.structs.replace(job(sites=8, rounds=1), privacy=Privacy("client", epsilon=100.0, delta=1e-3, clip=0.5))
    plain = msgspec.structs.replace(of, aggregation="plain")
    totals: list[np.ndarray] = []

    class Recording(ClientLevel):
        def release(self, number: int, sent: Any, total: Any) -> Update:
            totals.append(total)
            return super().release(number, sent, total)

    with PrivacyLedger(tmp_path / "ledger", Budget(1e9, 1e-3)) as ledger:
        level = Recording(0.5, 1.0, 1.0, 8.0, ledger, b"s" * 32)
        found = serve(of, grid(of), aggregator=SecureAggregation(of, level))
        serve(plain, plain_grid(plain), aggregator=level)
        assert len(ledger) == 2
    assert found.history[0].believed == 8 and np.abs(totals[0] - totals[1]).max() <= 8 and np.abs(totals[0]).max() > 10_000


def test_client_level_privacy_is_run_and_charged_as_without(tmp_path: Path) -> None:
    of = msgspec.structs.replace(job(sites=8, rounds=2), privacy=Privacy("client", epsilon=100.0, delta=1e-3, clip=0.5))
    told = run(of, tmp_path / "run")
    assert told.epsilon is not None and 0 < told.epsilon <= 100 and told.unchanged == 0 and not told.refused
    assert told.epsilon == run(msgspec.structs.replace(of, aggregation="plain"), tmp_path / "plain").epsilon


def test_a_run_that_was_cut_goes_on_with_fresh_keys(tmp_path: Path) -> None:
    of = job(sites=5, rounds=4)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    expected = secret(of, folder=whole)

    class Stop(Exception):
        pass

    class Stops:
        left = 2

        def start(self, what: str, total: float | None, unit: str) -> None: ...

        def advance(self, by: float = 1) -> None:
            Stops.left -= by == 1
            if Stops.left < 0:
                raise Stop

        def standing(self, words: str) -> None: ...

        def note(self, sentence: str) -> None: ...

        def finish(self) -> None: ...

    with pytest.raises(Stop):
        secret(of, folder=cut, progress=Stops())
    found = secret(of, folder=cut, resume=True)
    assert len(found.history) == 4 and all(np.array_equal(found.model[name], expected.model[name]) for name in expected.model)


def test_a_round_repeated_at_the_same_sites_has_fresh_keys_and_one_over_other_sites_is_refused() -> None:
    of = job(sites=5, rounds=1)
    heard: list[tuple[Message, Message]] = []
    lost: set[int] = set()
    over = grid(of, lambda site, number, at: site in lost and at == "masked", heard=heard)
    first = serve(of, over, aggregator=SecureAggregation(of)).model
    before = {bytes(reply.content.array_records["words"]["words"].data) for sent, reply in heard if "masked" in sent.metadata.message_type}
    assert np.allclose(serve(of, over, aggregator=SecureAggregation(of)).model["1.weight"], first["1.weight"])
    after = {bytes(reply.content.array_records["words"]["words"].data) for sent, reply in heard if "masked" in sent.metadata.message_type} - before
    assert len(before) == len(after) == 5
    lost.add(3)
    with pytest.raises(VelaturaError, match="no round"):
        serve(of, over, aggregator=SecureAggregation(of))
    assert any("a second time over other sites" in one.why for one in over.refused)


def test_sites_with_keys_in_files_and_a_list(tmp_path: Path) -> None:
    of = job(sites=4, rounds=1)
    listed = keys_made(tmp_path / "keys", 4)

    def nodes(change: Callable[[int, dict[str, Any]], None] = lambda site, config: None) -> GuardedGrid:
        honest = client_app(of, Path())
        inner = LocalGrid(honest, 4)
        for node, context in inner._contexts.items():
            context.node_config |= {"secagg-key": str(tmp_path / "keys" / f"site-{node - 1}.key"), "secagg-peers": str(listed)}
            change(node - 1, context.node_config)
        return GuardedGrid(inner, Rules(nodes=4, wait_s=5.0))

    found = serve(of, nodes(), aggregator=SecureAggregation(of))
    assert apart(found.model, secret(of).model) < 1e-6

    other = keys_made(tmp_path / "other", 4)
    foreign = nodes(lambda site, config: config.update({"secagg-key": str(tmp_path / "other" / "site-3.key")}) if site == 3 else None)
    with pytest.raises(VelaturaError, match="no round"):  # everybody is told of a site 3 whose key is not the listed one
        serve(of, foreign, aggregator=SecureAggregation(of))
    assert any("the key of site 3 is not the one that is known" in one.why for one in foreign.refused)

    without = nodes(lambda site, config: (config.pop("secagg-peers"), config.update({"data": "digits"})))  # type: ignore[func-returns-value]
    with pytest.raises(VelaturaError, match="needs secagg-key and secagg-peers"):
        serve(of, without, aggregator=SecureAggregation(of))
    assert other.exists()


@pytest.mark.parametrize("lie", ["boxes that do not open", "shares that do not fit"])
def test_a_site_whose_shares_end_a_round_is_not_asked_again(lie: str) -> None:
    of = job(sites=7, rounds=3)
    over = grid(of)
    honest = over.inner._app  # type: ignore[attr-defined]

    def answer(message: Message, context: Context) -> Message:
        if lie == "shares that do not fit" and context.node_config["partition-id"] == 2 and message.metadata.message_type == "train.share":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("velatura.federated.secagg.client.shared", lambda secret, at, **_: {x: os.urandom(33) for x in at})
                return honest(message, context)
        reply = honest(message, context)
        if lie == "boxes that do not open" and context.node_config["partition-id"] == 2 and message.metadata.message_type == "train.share":
            boxes = wire.read(reply.content.config_records["secagg"]["body"], wire.Boxes).boxes
            lies = wire.Boxes({to: os.urandom(82) for to in boxes})
            reply.content.config_records["secagg"]["body"] = wire.written(lies)
        return reply

    over.inner._app = answer  # type: ignore[attr-defined]
    found = serve(of, over, aggregator=SecureAggregation(of))
    first, *later = found.history
    assert "site 2 do not fit together" in first.unchanged and [told.believed for told in later] == [6, 6]
    assert {one.partition for one in found.refused} == {2} and [one.round for one in found.refused][-2:] == [2, 3]


def test_an_update_beyond_the_bound_is_named_and_left_out() -> None:
    of = msgspec.structs.replace(job(sites=5, rounds=1), secagg=SecAgg(bound=1e-4))
    with pytest.raises(VelaturaError, match=r"changes a weight by 0\.\d+, and secagg\.bound is 0\.0001; secagg.bound = 0\.\d+ holds twice that"):
        secret(of)
    short = msgspec.structs.replace(of, secagg=SecAgg(bound=1e-4, norm=1e-4))
    assert secret(short).history[0].believed == 5, "a norm is kept to by shortening; the bound never cuts"


def few_rows(folder: Path, *, lr: float = 16.0, bound: float = 0.0) -> FederatedJob:
    """Five sites of 12 rows each at epsilon 1: the noise of a round moves some weights by more than 8."""
    rng = np.random.default_rng(0)
    np.savez(folder / "few.npz", x=rng.normal(size=(60, 20)).astype(np.float32), y=np.arange(60) % 2)
    return FederatedJob(
        Model("linear"),
        Data("few.npz", sites=5, test=0, check=0),
        Training(batch=64, lr=lr, momentum=0.9),
        rounds=Rounds(count=3, least=5),
        privacy=Privacy("sample", 1.0, 1e-3, 1.0),
        aggregation="secagg",
        secagg=SecAgg(bound=bound),
    )


def test_the_noise_of_small_sites_fits_where_nobody_says_a_bound(tmp_path: Path) -> None:
    ran = run(few_rows(tmp_path), tmp_path / "run", base=tmp_path)
    assert (ran.rounds, ran.unchanged, ran.refused) == (3, 0, {})
    with pytest.raises(VelaturaError, match=r"changes a weight by \d+.*, and secagg\.bound is 8; secagg\.bound = (32|64) holds twice that"):
        run(few_rows(tmp_path, bound=8.0), tmp_path / "other", base=tmp_path)
    with pytest.raises(VelaturaError, match=r"and secagg\.bound is 65536; no bound holds that: a smaller training\.lr"):
        run(few_rows(tmp_path, lr=1e5), tmp_path / "third", base=tmp_path)


@pytest.mark.parametrize("told", [(1, 1), (16, 16), (16, 32)])
@pytest.mark.parametrize(("batch", "epochs", "momentum"), [(64, 1, 0.9), (8, 3, 0.0)])
def test_a_bound_that_nobody_says_is_nine_deviations_of_a_sites_own_plan(
    told: tuple[int, int], batch: int, epochs: int, momentum: float, tmp_path: Path
) -> None:
    fewest, most = told
    of = msgspec.structs.replace(few_rows(tmp_path), training=Training(epochs=epochs, batch=batch, lr=0.3, momentum=momentum))
    bound = bound_of(of, fewest, most)
    for rows in {fewest // 2 + 1, fewest, most}:
        plan = plan_of(of, rows)
        carried = sum(momentum**step for step in range(plan.steps))
        deviation = 0.3 * carried * plan.noise * of.privacy.clip / (plan.sampling * rows) * np.sqrt(plan.steps)
        assert bound >= 8 + 8.2 * deviation, rows
    assert np.log2(bound) == int(np.log2(bound))
    assert bound_of(msgspec.structs.replace(of, privacy=Privacy()), fewest, most) == 8
    assert bound_of(msgspec.structs.replace(of, secagg=SecAgg(bound=3.0)), fewest, most) == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"strategy": "krum"}, "compares single updates"),
        ({"sites": 2}, "the sum is somebody's update"),
    ],
)
def test_what_cannot_hold_together_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSpec, match=sentence):
        check(job(**change), where="job.toml")


def test_over_selection_and_drawn_cohorts_with_privacy_are_refused() -> None:
    of = job(sites=20)
    with pytest.raises(BadSpec, match="over-selection with secure aggregation"):
        check(msgspec.structs.replace(of, rounds=msgspec.structs.replace(of.rounds, share=0.5, more=2)), where="job.toml")
    drawn = msgspec.structs.replace(of, rounds=msgspec.structs.replace(of.rounds, share=0.5), privacy=Privacy("client", delta=1e-3))
    with pytest.raises(BadSpec, match="tells who was drawn"):
        check(drawn, where="job.toml")
