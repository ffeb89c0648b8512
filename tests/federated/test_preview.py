"""What a site is told would leave it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec.structs import replace
from PIL import Image

from velatura.cli.fl.preview import _told
from velatura.federated.job import Data, FederatedJob, Model, Privacy, Rounds, SecAgg, Training
from velatura.federated.preview import preview


def job(**more: object) -> FederatedJob:
    return FederatedJob(Model("linear"), Data("digits", sites=3), **more)  # type: ignore[arg-type]


def test_a_plain_job_shows_the_server_each_update_and_the_number_of_rows() -> None:
    found = preview(job(), base=Path())
    assert found.sees == "the server"
    assert "number of rows" in found.once and "number of rows" in found.each_round


def test_under_secure_aggregation_nobody_sees_an_update_and_no_exact_figure_leaves() -> None:
    found = preview(job(aggregation="secagg"), base=Path())
    assert found.sees.startswith("nobody")
    assert "number of rows" not in [*found.once, *found.each_round]
    assert not any("accuracy" in one for one in found.each_round)
    assert "a power of two that is not below the number of rows" in found.each_round


def test_a_published_bound_of_rows_leaves_nothing_to_tell() -> None:
    found = preview(job(aggregation="secagg", secagg=SecAgg(examples=2048)), base=Path())
    assert not any("power of two" in one for one in found.each_round)


def test_what_a_site_noises_itself_is_told_as_such_and_no_accuracy_leaves() -> None:
    of = replace(job(), training=Training(batch=256), rounds=Rounds(count=2))
    sample = preview(replace(of, privacy=Privacy("sample", 8.0, 1e-5, 0.5)), base=Path())
    local = preview(replace(of, privacy=Privacy("local", 8.0, 1e-5, 0.5)), base=Path())
    assert (sample.unit, local.unit) == ("row", "site")
    for found in (sample, local):
        assert found.sees == "the server, with noise of this site in it" and found.clip == 0.5
        assert found.epsilon is not None and 7.5 < found.epsilon <= 8.0
        assert not any("accuracy" in one for one in found.each_round)
    assert "number of rows" in sample.each_round and "number of rows" not in local.each_round


def test_which_column_is_the_label_and_which_class_has_which_number_is_told(tmp_path: Path) -> None:
    """Two sites with other columns, or folders of other names, have rows of the same shape: only a person can see it."""
    (tmp_path / "own.csv").write_text("age,outcome,dose\n50,1,.5\n60,0,1\n")
    found = preview(replace(job(), data=Data("own.csv", label="outcome")), base=tmp_path)
    assert (found.label, found.features) == ("outcome", ["age", "dose"])
    assert "label: column 'outcome'\n    features: age, dose\n" in _told(found)
    for name, count in (("cats", 2), ("dogs", 1)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "pictures" / name / f"{number}.png")
    found = preview(job(), base=tmp_path, data="pictures")
    assert found.names == ["cats", "dogs"] and "classes: 0 cats (2 rows), 1 dogs (1 rows)" in _told(found)
