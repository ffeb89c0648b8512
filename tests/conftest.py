"""Fixtures for every test: real data where it is there, and profiles for hypothesis."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.weights import Weights

    from velatura.models.store import ModelStore

# As the command line does, and before numpy loads: on two busy cores the pools' spinning costs up to twenty times the work.
for _pool in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_pool, "1")

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks/ and tests/ helpers are imported by name

settings.register_profile(
    "ci", max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
settings.register_profile("deep", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="run those that are marked slow too (make test-slow)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--run-slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: make test-slow"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures, clips, evidence and weights; tests that need it say so when it is not there."""
    folder = Path(os.environ.get("VELATURA_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"real data: {folder}/data is not there (set VELATURA_SHARED)")
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """`weights("centerface")`: a store with that model in it, or the test is skipped by name."""
    from tests.weights import Weights

    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "velatura-home"  # one for all workers
    return Weights(home, Path(os.environ.get("VELATURA_SHARED", ROOT.parent / "shared")))


@pytest.fixture(scope="session")
def store(weights: Weights) -> ModelStore:
    """A store with a face detector (YuNet-n where the shared data is there, and CenterFace)."""
    if weights.has_near("yunet-n"):
        weights("yunet-n")
    return weights("centerface")


@pytest.fixture(scope="session")
def model_home(weights: Weights, store: ModelStore) -> Path:
    """What VELATURA_HOME has to be for the command line to find that store."""
    return store.folder.parent


@pytest.fixture(scope="session")
def portrait(weights: Weights) -> Path:
    """A photograph with one face in it (512x512, public domain)."""
    return weights("portrait").path("portrait")


@pytest.fixture(scope="session")
def street(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's clip: three real faces on a drawn street, six seconds."""
    from velatura.cli.demo.verb import make_street

    clip = tmp_path_factory.mktemp("street") / "street.mp4"
    make_street(weights("portrait").path("portrait"), clip)
    return clip
