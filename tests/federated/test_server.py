"""Rounds over the engine in this process: equal to a bare loop bit by bit, and unharmed by whoever misbehaves."""

from __future__ import annotations

import re
from functools import reduce
from operator import add
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from tests.federated.jobs import FAULTS, grid, job

from velatura.errors import BadSpec, Missing, VelaturaError
from velatura.federated.checkpoint import read
from velatura.federated.job import Model
from velatura.federated.networks import made
from velatura.federated.quiet import switch_off
from velatura.federated.seeds import derived
from velatura.federated.server import serve
from velatura.federated.site import pooled, split
from velatura.federated.strategies import STRATEGIES
from velatura.federated.training import judged, put, state_of, trained


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path) -> None:
    switch_off(tmp_path)


def bare(of, rounds: int) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
    """FedAvg in a plain loop: McMahan et al. 2017, algorithm 1, in the arithmetic of float32."""
    table, _ = pooled(of, Path())
    parts = [table.rows(rows) for rows in split(of, table)]
    network = made(of.model.network, table.schema, seed=derived(of.seed, "model"))
    model = state_of(network)
    for number in range(1, rounds + 1):
        states, rows = [], []
        for site, part in enumerate(parts):
            order = np.random.default_rng(derived(of.seed, "check", site)).permutation(len(part))
            own = part.rows(np.sort(order[int(of.data.check * len(part)) :]))
            put(network, model)
            trained(network, own, of.training, seed=derived(of.seed, "train", number, site))
            states.append(state_of(network))
            rows.append(len(own))
        shares = [one / sum(rows) for one in rows]
        model = {name: reduce(add, [state[name] * share for state, share in zip(states, shares, strict=True)]) for name in model}
    return model


@pytest.mark.parametrize("partition", ["iid", "dirichlet:0.5"])
def test_it_is_a_bare_loop_bit_by_bit(partition: str) -> None:
    of = job(partition=partition)
    found = serve(of, grid(of))
    expected = bare(of, 3)
    assert all(np.array_equal(found.model[name], expected[name]) for name in expected)
    assert found.model.keys() == expected.keys() and not found.refused


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_strategy_learns_and_keeps_the_models_types(name: str) -> None:
    one = {"num_malicious_nodes": 1}
    options = {"krum": one, "multikrum": {**one, "num_nodes_to_select": 3}, "bulyan": one, "fedadam": {"eta": 0.03}, "fedyogi": {"eta": 0.03}}
    rounds, epochs = (2, 4) if name == "bulyan" else (6, 1)  # Flower's takes 1.5 seconds of arithmetic a round
    of = job(rounds=rounds, sites=7, strategy=name, **options.get(name, {}))
    of = msgspec.structs.replace(of, training=msgspec.structs.replace(of.training, epochs=epochs))
    _, test = pooled(of, Path())
    found = serve(of, grid(of), test=test)
    assert {value.dtype for value in found.model.values()} == {np.dtype(np.float32)}
    first, last = found.history[0].accuracy, found.history[-1].accuracy
    assert first is not None and last is not None and last > 0.75 and not found.refused


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_no_more_than_the_site_and_is_named(fault: str) -> None:
    make, why = FAULTS[fault]
    of = job(rounds=2, deadline_s=3.0 if fault == "sleeps" else 60.0)
    found = serve(of, grid(of, {2: make}))
    assert {one.partition for one in found.refused} == {2}
    assert [one.round for one in found.refused] == [1, 2]
    assert all(re.search(why, one.why) for one in found.refused), found.refused
    assert [told.believed for told in found.history] == [4, 4]
    honest = serve(of, grid(of, {2: FAULTS["raises"][0]}))
    assert all(np.array_equal(found.model[name], honest.model[name]) for name in honest.model)


def test_rubbish_from_the_one_site_that_may_be_faulty_does_not_end_every_round() -> None:
    """Krum wants 2 f + 3 replies; one that a guard has refused is one of the f. `fl audit` found that rubbish from one stopped five for good."""
    of = job(sites=5, strategy="multikrum", num_malicious_nodes=1)
    found = serve(of, grid(of, {2: FAULTS["100 times as long"][0]}))
    assert [told.unchanged for told in found.history] == ["", "", ""]
    with pytest.raises(VelaturaError, match="no round of 3"):
        serve(of, grid(of, {2: FAULTS["raises"][0]}))  # who does not answer is no proof of who lies


def test_where_all_fail_nothing_changes_and_it_says_so() -> None:
    of = job(rounds=2)
    with pytest.raises(VelaturaError, match="no round of 2 changed the model") as caught:
        serve(of, grid(of, dict.fromkeys(range(5), FAULTS["NaN"][0])))
    assert caught.value.code == "federated.no-round" and caught.value.exit_status == 1


def test_too_few_nodes_are_waited_for_no_longer_than_was_said() -> None:
    of = job()
    waiting = grid(of)
    waiting.rules = type(waiting.rules)(nodes=9, wait_s=0.3)
    with pytest.raises(Missing, match=r"5 of 9 nodes after 0\.3 s"):
        serve(of, waiting)


@pytest.mark.parametrize("strategy", ["fedavg", "fedadam", "fedavgm"])
def test_a_run_that_was_cut_ends_as_if_it_had_not_been(tmp_path: Path, strategy: str) -> None:
    of = job(rounds=4, strategy=strategy)
    whole = serve(of, grid(of), folder=_made(tmp_path / "whole"))
    cut = job(rounds=2, strategy=strategy)
    serve(cut, grid(cut), folder=_made(tmp_path / "cut"))
    with pytest.raises(BadSpec, match=r"rounds\.count: 2 -> 4"):
        serve(of, grid(of), folder=tmp_path / "cut", resume=True)
    interrupted = _made(tmp_path / "interrupted")
    stop = {"after": 2}

    class Stop(Exception):
        pass

    def progress_stops() -> None:
        stop["after"] -= 1
        if stop["after"] < 0:
            raise Stop

    with pytest.raises(Stop):
        serve(of, grid(of), folder=interrupted, progress=_Progress(progress_stops))
    assert read(interrupted / "checkpoint").number < 4
    found = serve(of, grid(of), folder=interrupted, resume=True)
    assert all(np.array_equal(found.model[name], whole.model[name]) for name in whole.model)
    assert found.history == whole.history


def test_counters_stay_numbers_so_that_their_run_can_go_on(tmp_path: Path) -> None:
    of = msgspec.structs.replace(job(rounds=1), model=Model("tests.federated.own_networks:normed"))
    whole = serve(of, grid(of), folder=_made(tmp_path / "run"))
    assert whole.model["2.num_batches_tracked"].shape == ()
    again = serve(of, grid(of), folder=tmp_path / "run", resume=True)
    assert all(np.array_equal(again.model[name], value) for name, value in whole.model.items())


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


class _Progress:
    def __init__(self, advanced) -> None:  # type: ignore[no-untyped-def]
        self._advanced = advanced

    def start(self, what: str, total: float | None, unit: str) -> None: ...

    def advance(self, by: float = 1) -> None:
        if by == 1:
            self._advanced()

    def standing(self, words: str) -> None: ...

    def note(self, sentence: str) -> None: ...

    def finish(self) -> None: ...


def test_two_of_ten_poisoned_are_outvoted() -> None:
    of = job(rounds=8, sites=10, strategy="multikrum", num_malicious_nodes=2, num_nodes_to_select=6)
    table, test = pooled(of, Path())
    assert test is not None
    network = made("linear", table.schema, seed=0)

    def accuracy(model: dict[str, np.ndarray]) -> float:
        put(network, model)
        return judged(network, test)[1]

    honest = serve(of, grid(of)).model

    def flipped(message, reply):  # type: ignore[no-untyped-def]
        from flwr.app import Array, ArrayRecord

        sent, record = message.content.array_records["arrays"], reply.content.array_records["arrays"]
        changed = {name: (2 * sent[name].numpy() - array.numpy()) for name, array in record.items()}
        reply.content["arrays"] = ArrayRecord({name: Array(value) for name, value in changed.items()})
        return reply

    poisoned = serve(of, grid(of, {1: flipped, 8: flipped})).model
    assert accuracy(honest) - accuracy(poisoned) <= 0.03
