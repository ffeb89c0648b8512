"""What cannot run is refused before anything runs, with the reason; what fails on the way leaves a run that can go on."""

from __future__ import annotations

import resource
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from tests.federated.jobs import job

from velatura.errors import BadSpec, Missing, VelaturaError
from velatura.federated.checkpoint import read
from velatura.federated.export import export
from velatura.federated.job import Data, FederatedJob, Model, Rounds, StrategyOf, Training, check
from velatura.federated.run import run
from velatura.federated.serving import finished

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
        (StrategyOf("median", {"num_malicious_nodes": 2}), Rounds()),
        (StrategyOf(), Rounds(least=5)),
        (StrategyOf(), Rounds(least=3, share=0.5)),
    ]:
        with pytest.raises(BadSpec, match="too few"):
            check(FederatedJob(Model("linear"), four, strategy=strategy, rounds=rounds), where="it")
    check(FederatedJob(Model("linear"), Data("digits", sites=5), strategy=StrategyOf("krum", {"num_malicious_nodes": 1})), where="it")


def test_more_sites_than_rows_are_refused_with_the_reason(tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", x=np.zeros((20, 3), np.float32), y=np.arange(20) % 2)
    of = FederatedJob(Model("linear"), Data("few.npz", sites=40))
    with pytest.raises(Missing, match="rows are not enough for 40 sites"):
        run(of, tmp_path / "run", base=tmp_path)


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
    of = FederatedJob(Model("linear"), Data("huge.npz", sites=2), Training(lr=1e38), rounds=Rounds(count=2))
    with pytest.raises(VelaturaError, match=r"no round of 2 changed the model: .*not finite") as caught:
        run(of, tmp_path / "run", base=tmp_path)
    assert caught.value.code == "federated.no-round"
    assert "not finite" in (tmp_path / "run" / "history.json").read_text()
    with pytest.raises(VelaturaError):
        export(tmp_path / "run", safetensors=tmp_path / "m")


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
