"""Training jobs: what a table has to be, what comes out of it, and the example."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from velatura.errors import BadInput, VelaturaError
from velatura.homomorphic.samples import Samples
from velatura.homomorphic.training_job import TrainingJob, load_job, prepared, run_job

EXAMPLE = Path(__file__).parents[2] / "examples" / "homomorphic" / "breast_cancer"


def blobs(classes: int, samples: int = 60, features: int = 4, seed: int = 0) -> Samples:
    """Clouds far apart, in odd units, with odd names."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, samples)
    x = 6 * np.eye(classes, features)[labels] + rng.normal(size=(samples, features))
    return Samples(1000 + 50 * x, 10 + 5 * labels)


def test_the_example_s_job_trains_as_well_as_in_the_open(tmp_path: Path) -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    subprocess.run([sys.executable, str(EXAMPLE / "make_table.py"), str(tmp_path)], check=True, timeout=60)
    (tmp_path / "job.toml").write_text(
        (EXAMPLE / "job.toml").read_text("utf-8").replace("steps = 15", "steps = 4").replace("rate = 1.0", "rate = 2.0")
    )
    job, table, test = load_job(tmp_path / "job.toml")
    made, found = run_job(job, table, test)
    assert found.accuracy == found.accuracy_open > 0.93 and found.accuracy_test is not None and found.accuracy_test > 0.93
    assert found.deviation < 1e-3 and found.round_trips == 4
    assert made.coefficients.shape == (1, 30) and made.classes.tolist() == [0, 1]


def test_more_classes_take_a_row_of_weights_each() -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    table = blobs(3)
    made, found = run_job(TrainingJob(data="", steps=3, degree=3), table)
    assert made.coefficients.shape == (3, 4) and set(made.predict(table.x)) == {10, 15, 20}
    assert found.accuracy == found.accuracy_open > 0.95 and found.classes == 3
    assert found.accuracy_test is None


@pytest.mark.parametrize("classes", [2, 3])
def test_a_softmax_at_the_owner_takes_two_round_trips_a_step(classes: int) -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    table = blobs(classes)
    made, found = run_job(TrainingJob(data="", steps=3, refresh="client-softmax"), table)
    assert made.coefficients.shape == (classes, 4) and found.round_trips == 6
    assert found.accuracy == found.accuracy_open > 0.95 and found.deviation < 1e-2


def test_weights_come_back_in_the_table_s_own_units() -> None:
    table = blobs(2)
    ready = prepared(table, clip=100.0)
    weights = np.random.default_rng(1).normal(size=(5, 1))
    made = ready.linear(weights)
    assert table.x @ made.coefficients.T + made.intercepts == pytest.approx(ready.x @ weights)


def test_long_rows_are_shortened_and_keep_their_direction() -> None:
    table = blobs(2)
    ready, whole = prepared(table, clip=3.0, shorten=0.5), prepared(table, clip=3.0)
    lengths = np.linalg.norm(ready.x, axis=1)
    assert ready.norm == pytest.approx(np.median(np.linalg.norm(whole.x, axis=1)))
    assert ready.x / lengths[:, None] == pytest.approx(whole.x / np.linalg.norm(whole.x, axis=1)[:, None])


def test_a_constant_feature_tells_nothing_and_does_no_harm() -> None:
    table = blobs(2)
    x = table.x.copy()
    x[:, 1] = 7e9
    assert not prepared(Samples(x, table.labels), clip=3.0).x[:, 1].any()


@pytest.mark.parametrize(
    ("x", "labels", "code"),
    [
        (np.ones((4, 2)), None, "he.samples"),
        (np.ones((4, 2)), np.zeros(4, np.int64), "he.samples"),
        (np.ones((4, 2, 2)), np.arange(4), "he.shape"),
        (np.ones((4, 0)), np.arange(4), "he.shape"),
        (np.array([[1.0, np.nan], [0, 1]]), np.arange(2), "he.not-finite"),
        (np.array([[1e308, 1.0], [-1e308, 1]]), np.arange(2), "he.not-finite"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_table_that_cannot_be_trained_on_is_refused(x: np.ndarray, labels: np.ndarray | None, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        prepared(Samples(x, labels), clip=3.0)
    assert caught.value.code == code


def test_a_test_table_of_other_features_is_refused_before_anything_is_encrypted() -> None:
    with pytest.raises(BadInput) as caught:
        run_job(TrainingJob(data=""), blobs(2), blobs(2, features=5))
    assert caught.value.code == "he.shape"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("steps = 0", "he.job"),
        ("rate = -1.0", "he.job"),
        ("radius = nan", "he.job"),
        ("degree = 5", "spec.wrong"),
        ('refresh = "server"', "spec.wrong"),
        ("step = 3", "spec.unknown-key"),
        ('test = "none.npz"', "he.samples"),
    ],
)
def test_a_job_that_is_wrong_is_refused_in_a_line(tmp_path: Path, line: str, code: str) -> None:
    table = blobs(2)
    np.savez(tmp_path / "table.npz", x=table.x, y=table.labels)
    (tmp_path / "job.toml").write_text(f'data = "table.npz"\n{line}\n')
    with pytest.raises(VelaturaError) as caught:
        load_job(tmp_path / "job.toml")
    assert caught.value.code == code
