"""The wheel: the same bytes twice, typed, with its licences and its catalogue, and nothing that it must not carry."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    found = []
    for name in ("one", "two"):
        folder = tmp_path_factory.mktemp(name)
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
            check=True,
            capture_output=True,
            env=env,
            timeout=280,
        )
        found.append(next(folder.glob("*.whl")))
    return found


@pytest.mark.xdist_group("packaging")
def test_two_builds_give_the_same_bytes(wheels: list[Path]) -> None:
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


@pytest.mark.xdist_group("packaging")
def test_the_wheel_holds_what_it_needs_and_no_model_or_picture(wheels: list[Path]) -> None:
    names = zipfile.ZipFile(wheels[0]).namelist()
    for wanted in ("velatura/py.typed", "velatura/models/catalogue.toml"):
        assert wanted in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert not [name for name in names if name.endswith((".onnx", ".png", ".jpg", ".mp4")) or "test" in name.split("/")[0]]


def test_only_lower_bounds_are_stated_and_the_base_is_light() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    upper = [need for need in project["dependencies"] if "<" in need or "==" in need]
    assert upper == ["onnxruntime>=1.24,<1.29", "typer>=0.20,<0.26"]  # telemetry came with 1.29; a click of its own with 0.26
    assert not [need for need in project["dependencies"] if need.startswith(("torch", "flwr", "tenseal", "ray"))]
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert groups["dev"] == project["optional-dependencies"]["dev"]  # pip of Debian 12 knows no groups
