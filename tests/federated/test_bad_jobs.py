"""What cannot run is refused before anything runs, with the reason; what fails on the way leaves a run that can go on."""

from __future__ import annotations

import json
import re
import resource
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from flwr.app import Array, ArrayRecord
from tests.federated.jobs import job

from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.federated.aggregation import Update
from velatura.federated.checkpoint import read
from velatura.federated.export import export
from velatura.federated.job import Data, FederatedJob, Guards, Model, Rounds, StrategyOf, Training, check, load_job, written
from velatura.federated.loading import load
from velatura.federated.networks import made
from velatura.federated.new_model import aggregated
from velatura.federated.records import State
from velatura.federated.run import run
from velatura.federated.serving import finished
from velatura.federated.table import Schema

NETWORKS = {
    "GrowsAtOnce": "its state changes as it is used: seen",
    "lazy": "lazy layers",
    "narrow": r"gives \(2, 7\) for 2 rows",
    "wants_pictures": r"cannot train on rows of shape \(1, 8, 8\)",
    "raises": "cannot be made: RuntimeError: no",
    "text": "gives str, not a torch.nn.Module",
    "missing": "cannot be imported",
}


def of_network(name: str, **fields: object) -> FederatedJob:
    return msgspec.structs.replace(job(rounds=2, sites=3), model=Model(f"tests.federated.own_networks:{name}"), **fields)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that_sites_cannot_share_is_refused_before_round_1(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match=NETWORKS[name]) as caught:
        run(of_network(name), tmp_path / "run")
    assert caught.value.code == "federated.network"
    assert not (tmp_path / "run").exists(), "nothing stands in the way of the next attempt"


def test_one_that_grows_later_changes_nothing_and_is_named(tmp_path: Path) -> None:
    """Each site has its own module in its own process; here one thread's module grows for all, after the first site's epoch."""
    ran = None
    try:
        ran = run(of_network("GrowsLate"), tmp_path / "run")
    except VelaturaError as error:
        assert error.code in ("federated.no-round", "federated.state")
    assert ran is None or any("seen" in why or "weights do not fit" in why for why in ran.refused)


def test_one_of_the_users_own_is_found_beside_the_job_and_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(__file__).with_name("own_networks.py").read_text()
    (tmp_path / "beside_the_job.py").write_text(source)
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    of = msgspec.structs.replace(job(rounds=4, sites=3), model=Model("beside_the_job:normed"))
    ran = run(of, tmp_path / "run", base=tmp_path)
    assert ran.accuracy is not None and ran.accuracy > 0.6 and not ran.refused and set(ran.by_site) == {"0", "1", "2"}
    assert finished(tmp_path / "run").model["2.num_batches_tracked"].dtype == np.int64


@pytest.mark.parametrize("word", ["mlp:abc", "mlp:0", "mlp:-3", "mlp:9999999", "mpl:64", "lenet"])
def test_a_misspelt_network_is_refused(word: str, tmp_path: Path) -> None:
    with pytest.raises(BadSpec) as caught:
        run(msgspec.structs.replace(job(), model=Model(word)), tmp_path / "run")
    assert caught.value.code == "federated.network" and "mlp" in caught.value.hint


def test_too_few_sites_for_the_strategy_are_refused_at_once() -> None:
    four = Data("digits", sites=4)
    for strategy, rounds in [
        (StrategyOf("krum", {"num_malicious_nodes": 1}), Rounds()),
        (StrategyOf("krum", {"num_malicious_nodes": 4}), Rounds()),
        (StrategyOf(), Rounds(least=5)),
        (StrategyOf(), Rounds(least=3, share=0.5)),
    ]:
        with pytest.raises(BadSpec, match="too few"):
            check(FederatedJob(Model("linear"), four, strategy=strategy, rounds=rounds), where="it")
    check(FederatedJob(Model("linear"), Data("digits", sites=5), strategy=StrategyOf("krum", {"num_malicious_nodes": 1})), where="it")


def test_more_sites_than_rows_are_refused_with_the_reason(tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", x=np.zeros((20, 3), np.float32), y=np.arange(20) % 2)
    of = FederatedJob(Model("linear"), Data("few.npz", sites=40))
    with pytest.raises(BadSpec, match="rows are not enough for 40 sites") as caught:
        run(of, tmp_path / "run", base=tmp_path)
    assert caught.value.code == "federated.partition" and "sites" in caught.value.hint and not (tmp_path / "run").exists()


HUGE = {
    "1e308": ["training.lr", "training.weight_decay", "training.proximal", "rounds.deadline_s", "rounds.wait_s", "guards.norm", "secagg.bound"],
    "100_000_000": ["data.sites", "data.classes", "rounds.count", "rounds.more", "training.batch", "training.epochs"],
}
SHARES = ["data.test", "data.check", "rounds.share", "training.momentum", "privacy.delta"]
WHOLE = ["data.sites", "data.classes", "training.epochs", "training.batch", "rounds.count", "rounds.more", "rounds.least", "seed", "secagg.examples"]
REAL = [*SHARES, *HUGE["1e308"], "privacy.epsilon", "privacy.clip", "secagg.norm"]
POSITIVE = ["data.sites", "training.epochs", "training.batch", "training.lr", "rounds.count", "rounds.share", "rounds.least", "rounds.deadline_s"]
WORDS = [
    *((name, value) for name in REAL for value in ("nan", "inf", "-inf", "-1", "true", '"1"')),
    *((name, value) for name in WHOLE for value in ("nan", "inf", "-1", "1.5", "1e308", "true", '"1"')),
    *((name, value) for value, names in HUGE.items() for name in names),
    *((name, "2") for name in SHARES),
    *((name, "0") for name in POSITIVE),
    ("training.momentum", "-5"),
    ("guards.norm", "0.5"),
    ("seed", "9" * 5000),
    ("seed", "9" * 400),
    *(("data.partition", f'"{how}"') for how in ("dirichlet:nan", "quantity:-1", "classes:0", "classes:1e9", "iid:2", "dirichlet:1e-300", "")),
    *(("strategy", f'{{name = "fedadam", options = {{eta = {value}}}}}') for value in ("nan", "0", "-1", "1e308", "true")),
    *(("strategy", f'{{name = "fedavgm", options = {{server_momentum = {value}}}}}') for value in ("-5", "1", "inf")),
    *(("strategy", f'{{name = "krum", options = {{num_malicious_nodes = {value}}}}}') for value in ("-4", "10", "4", "1.5", "nan")),
    ("strategy", '{name = "multikrum", options = {num_nodes_to_select = 0}}'),
    ("strategy", '{name = "trimmed-mean", options = {beta = 0.5}}'),
    ("strategy", '{name = "fedavg", options = {train_metrics_aggr_fn = 1}}'),
]


@pytest.mark.parametrize(("name", "value"), WORDS)
def test_a_figure_that_no_run_can_hold_is_refused_when_the_job_is_read(name: str, value: str, tmp_path: Path) -> None:
    tables = {"model.network": '"linear"', "data.source": '"digits"', name: value}
    (tmp_path / "job.toml").write_text("".join(f"{field} = {told}\n" for field, told in tables.items()))
    with pytest.raises(BadSpec) as caught:
        load_job(tmp_path / "job.toml")
    assert caught.value.code in ("federated.job", "spec.wrong", "spec.syntax") and str(tmp_path) in caught.value.sentence
    assert caught.value.code != "federated.job" or name in caught.value.sentence or name == "strategy"
    assert len(caught.value.sentence) < 300


def test_more_classes_of_a_site_than_there_are_are_refused_when_they_are_known(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match="there are 5 classes"):
        check(FederatedJob(Model("linear"), Data("own.npz", partition="classes:6", classes=5)), where="it")
    with pytest.raises(BadSpec, match="there are 10 classes") as caught:
        run(FederatedJob(Model("linear"), Data("digits", partition="classes:99")), tmp_path / "run")
    assert caught.value.code == "federated.partition"


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("word", ["mlp:65536,65536,65536", f"mlp:{'9' * 5000}", "mlp:" + ",".join(["8"] * 5000), "linear"])
def test_a_huge_network_is_refused_before_memory_is_taken(word: str) -> None:
    before = memory()
    with pytest.raises(BadSpec) as caught:
        made(word, Schema((1, 64, 64), 60_000), seed=0)
    assert caught.value.code == "federated.network" and caught.value.hint and len(caught.value.sentence) < 250
    assert memory() - before < 100 << 10, "KiB"


@pytest.mark.parametrize("label", [65_536, 1_048_576, 1 << 62])
def test_labels_that_are_no_classes_are_refused_before_memory_is_taken(label: int, tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.zeros((2, 3), np.float32), y=np.array([0, label]))
    (tmp_path / "t.csv").write_text(f"a,label\n1,0\n2,{label}\n")
    for name, most, hint in (("t.npz", "at most 65536 classes", "is y what you mean"), ("t.csv", "from 0 to 65535", "")):
        with pytest.raises(BadInput, match=f"{label}.* {most}") as caught:
            load(name, base=tmp_path)
        assert caught.value.code == "federated.data" and hint in caught.value.hint


def test_what_a_runs_folder_says_is_read_as_strictly_as_a_job(tmp_path: Path) -> None:
    run(job(rounds=1, sites=3), tmp_path / "run")
    good = (tmp_path / "run" / "job.json").read_text()
    for old, new, code in [
        ('"lr": 0.1', '"lr": Infinity', "spec.syntax"),
        ('"lr": 0.1', '"lr": NaN', "spec.syntax"),
        ('"lr": 0.1', '"lr": 1e999', "spec.wrong"),
        ('"lr": 0.1', '"lr": -1', "federated.job"),
        ('"sites": 3', '"sites": 100000000', "federated.job"),
        ('"partition": "iid"', '"partition": "classes:nan"', "federated.job"),
    ]:
        assert old in good
        (tmp_path / "run" / "job.json").write_text(good.replace(old, new))
        for act in (lambda: written(tmp_path / "run"), lambda: run(job(rounds=1, sites=3), tmp_path / "run", resume=True)):
            with pytest.raises(BadSpec) as caught:
                act()
            assert caught.value.code == code and "job.json" in caught.value.sentence


def test_an_empty_site_is_left_out_and_named(tmp_path: Path) -> None:
    """Sites of a deployment, each with its own table: the second has none."""
    from flwr.app import Context, Message, RecordDict

    from velatura.federated.local_grid import LocalGrid
    from velatura.federated.serving import serve_job
    from velatura.federated.site import client_app

    rng = np.random.default_rng(0)
    for site, rows in enumerate((30, 0, 20)):
        np.savez(tmp_path / f"{site}.npz", x=rng.random((rows, 4), np.float32), y=rng.integers(0, 2, rows))
    of = FederatedJob(Model("linear"), Data("0.npz", sites=3, test=0, classes=2), rounds=Rounds(count=2))
    app = client_app(of, tmp_path)

    def here(message: Message, context: Context) -> Message:
        own = {**context.node_config, "data": f"{context.node_config['partition-id']}.npz"}
        return app(message, Context(context.run_id, context.node_id, own, RecordDict(), {}))

    grid = LocalGrid(here, 3)  # type: ignore[arg-type]
    (tmp_path / "run").mkdir()
    outcome = serve_job(of, grid, tmp_path / "run", tmp_path)
    grid.close()
    assert [(one.partition, one.why) for one in outcome.refused] == [(1, "no rows to train on")]
    assert [told.believed for told in outcome.history] == [2, 2] and set(outcome.by_site) == {"0", "2"}


def test_one_site_runs(tmp_path: Path) -> None:
    assert run(job(rounds=1, sites=1), tmp_path / "run").sites == 1


def test_where_no_round_changes_anything_the_history_says_why(tmp_path: Path) -> None:
    np.savez(tmp_path / "huge.npz", x=np.full((40, 3), 3e38, np.float32), y=np.arange(40) % 2)
    of = FederatedJob(Model("linear"), Data("huge.npz", sites=2), Training(lr=1e6), rounds=Rounds(count=2))
    with pytest.raises(VelaturaError, match=r"no round of 2 changed the model: .*not finite") as caught:
        run(of, tmp_path / "run", base=tmp_path)
    assert caught.value.code == "federated.no-round"
    assert "not finite" in (tmp_path / "run" / "history.json").read_text()
    with pytest.raises(VelaturaError):
        export(tmp_path / "run", safetensors=tmp_path / "m")


def diverging(rounds: int, **change: object) -> FederatedJob:
    """A site doubles the weights in each of its steps, and the server takes 1e6 times that: beyond float32 within a few rounds."""
    of = job(rounds=rounds, sites=3, strategy="fedavgm", server_learning_rate=1e6)
    return msgspec.structs.replace(of, training=Training(lr=1.0, weight_decay=3.0), guards=Guards(norm=0), **change)


def test_a_model_that_is_not_finite_is_not_released_and_the_one_before_stays(tmp_path: Path) -> None:
    ran = run(diverging(40), tmp_path / "run")
    assert 1 <= ran.rounds < 40
    assert re.search(rf"round {ran.rounds + 1}: fedavgm \(server_learning_rate = 1e\+06\) made weights that are not finite: 1\.", ran.stopped)
    kept = finished(tmp_path / "run")
    before = run(diverging(ran.rounds), tmp_path / "shorter")
    assert before.rounds == ran.rounds and not before.stopped
    assert all(np.isfinite(value).all() for value in kept.model.values())
    assert all(np.array_equal(value, finished(tmp_path / "shorter").model[name]) for name, value in kept.model.items())
    assert read(tmp_path / "run" / "checkpoint").number == ran.rounds
    json.loads((tmp_path / "run" / "history.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda state: {name: value * np.nan for name, value in state.items()}, "not finite: 1.weight"),
        (lambda state: {name: value.astype(np.float64) * 1e300 for name, value in state.items()}, "not finite: 1.weight"),
        (lambda state: {name: value[:1] for name, value in state.items()}, r"1.weight is float32 of shape \(1, 64\), not float32 of \(10, 64\)"),
        (lambda state: {name: value.astype(np.complex64) for name, value in state.items()}, "1.weight is complex64"),
        (lambda state: {"1.bias": state["1.bias"]}, "other arrays: 1.weight"),
        (lambda state: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_a_strategy_makes_is_looked_at_before_it_is_the_model(made: Callable[[State], State], words: str) -> None:
    class Strategy:
        def aggregate_train(self, number: int, replies: object) -> tuple[ArrayRecord, None]:
            return ArrayRecord({name: Array(value) for name, value in made(dict(model)).items()}), None

    model = {"1.weight": np.ones((10, 64), np.float32), "1.bias": np.ones(10, np.float32)}
    update = Update(0, {name: value * 2 for name, value in model.items()}, 5)
    with pytest.raises(Withheld, match=rf"round 7: fedadam \(eta = 3\) .*{words}.*the model before it stays") as caught:
        aggregated(StrategyOf("fedadam", {"eta": 3}), Strategy(), 7, model, [update], [], [])
    assert caught.value.code == "federated.aggregate" and "training.lr" in caught.value.hint


def test_where_the_first_round_gives_no_model_nothing_is_left(tmp_path: Path) -> None:
    np.savez(tmp_path / "huge.npz", x=np.full((40, 3), 1e30, np.float32), y=np.arange(40) % 2)
    of = FederatedJob(Model("linear"), Data("huge.npz", sites=2), Training(lr=1e6), StrategyOf("fedavgm", {"server_learning_rate": 1e6}))
    with pytest.raises(Withheld, match=r"round 1: fedavgm \(server_learning_rate = 1e\+06\)"):
        run(of, tmp_path / "run", base=tmp_path)
    assert not (tmp_path / "run").exists()


def test_a_changed_job_is_refused_and_the_field_named(tmp_path: Path) -> None:
    of = job(rounds=2, sites=3)
    run(of, tmp_path / "run")
    for changed, words in [
        (msgspec.structs.replace(of, training=msgspec.structs.replace(of.training, lr=0.05)), r"training\.lr: 0\.1 -> 0\.05"),
        (msgspec.structs.replace(of, model=Model("mlp:8")), r"model\.network: linear -> mlp:8"),
    ]:
        with pytest.raises(BadSpec, match=words) as caught:
            run(changed, tmp_path / "run", resume=True)
        assert caught.value.code == "federated.changed"


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    of, other = job(rounds=2, sites=3), msgspec.structs.replace(job(rounds=2, sites=3), model=Model("mlp:8"))
    run(of, tmp_path / "run")
    run(other, tmp_path / "other")
    (tmp_path / "other" / "checkpoint").replace(tmp_path / "run" / "checkpoint")
    with pytest.raises(BadSpec, match=r"model\.network: mlp:8 -> linear"):
        run(of, tmp_path / "run", resume=True)


def test_a_full_disk_ends_the_run_between_two_rounds_and_it_goes_on_from_there(tmp_path: Path) -> None:
    """The checkpoint grows with the history: a limit on a file's size stops it in some later round."""
    of = job(rounds=12, sites=3)
    whole = run(of, tmp_path / "whole")
    last = (tmp_path / "whole" / "checkpoint").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (last - 1500, before[1]))
    try:
        with pytest.raises(VelaturaError) as caught:
            run(of, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.code == "files.disk-full" and caught.value.exit_status == 1
    assert 1 <= read(tmp_path / "run" / "checkpoint").number < 12 and not (tmp_path / "run" / "model.npz").exists()
    assert not list((tmp_path / "run").glob(".*.part"))
    again = run(of, tmp_path / "run", resume=True)
    mine, theirs = finished(tmp_path / "run"), finished(tmp_path / "whole")
    assert again.accuracy == whole.accuracy and all(np.array_equal(mine.model[name], theirs.model[name]) for name in mine.model)
