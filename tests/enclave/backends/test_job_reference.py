"""The jobs of docs/reference/enclave-job.md, as they stand there, run."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from textwrap import dedent

import msgspec
import numpy as np
import pytest
from tests.enclave.backends.cells import all_hold, encrypted, linux, ran
from tests.enclave.backends.test_inference import ROWS, WEIGHT, model

from velatura.crypto.keys import Identity
from velatura.crypto.keytext import encode
from velatura.enclave.job import load_job
from velatura.errors import BadInput

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "enclave-job.md"


def shown() -> list[str]:
    """Indented blocks of the page."""
    return [dedent(block).strip() + "\n" for block in re.findall(r"(?:^ {4}.*\n|^\n)+", PAGE.read_text("utf-8"), re.MULTILINE) if block.strip()]


def test_the_network_of_the_page_is_a_job(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(shown()[0])
    for name in ("net.onnx", "rows.sealed"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "me.key.pub").write_text(encode(Identity.new(os.urandom).recipient))
    assert load_job(tmp_path / "job.toml").outputs["scores"].leave == "sealed"


@linux
def test_the_code_of_the_page_counts(tmp_path: Path) -> None:
    all_hold()
    job, code = shown()[1].split("# count.py\n")
    (tmp_path / "job.toml").write_text(job)
    (tmp_path / "count.py").write_text(code)
    with (tmp_path / "rows.sealed").open("wb") as stream:
        np.savez(stream, age=np.arange(40), ward=np.arange(40) % 2)
    found = ran(load_job(tmp_path / "job.toml"))
    assert list(io.StringIO(found["by_ward"].decode())) == ["ward,mean\n", "0,19.0\n", "1,20.0\n"]
    assert msgspec.json.decode(found["metrics"])["mean"]["value"] == pytest.approx(19.5)


@linux
def test_the_sealed_network_of_the_page_scores(tmp_path: Path) -> None:
    all_hold()
    job, code = shown()[2].split("# score.py\n")
    (tmp_path / "job.toml").write_text(job)
    (tmp_path / "score.py").write_text(code)
    (tmp_path / "net.sealed").write_bytes(model())
    with (tmp_path / "rows.sealed").open("wb") as stream:
        np.save(stream, ROWS)
    scores = np.load(io.BytesIO(ran(load_job(tmp_path / "job.toml"))["scores"]))
    np.testing.assert_allclose(scores, ROWS @ WEIGHT, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("key", ["model", "code"])
def test_a_sealed_file_in_the_place_of_a_jobs_own_is_told_from_a_broken_one(tmp_path: Path, key: str) -> None:
    (tmp_path / "job.toml").write_text(shown()[0 if key == "model" else 1].split("# count.py\n")[0])
    (tmp_path / {"model": "net.onnx", "code": "count.py"}[key]).write_bytes(encrypted(b"weights", bytes(32)))
    with pytest.raises(BadInput, match=f"{key} is sealed"):
        load_job(tmp_path / "job.toml")
