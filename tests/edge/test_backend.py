"""Back ends plug in by an entry point, and one that does not say that it can be locked up is refused before a network is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from tests.edge.watching import network_bytes

from velatura.detect.region import Scores
from velatura.edge.backend import backend_of
from velatura.edge.network import BACKENDS, Network
from velatura.edge.spotting import Spotter
from velatura.errors import BadSpec, Unsupported
from velatura.media.input_form import InputForm

PLUGIN = """
from velatura.models.runtime import OnnxBackend

class Theirs:
    name, version, sandboxable = "theirs", "1", True
    def load(self, model, *, outputs=(), free_sizes=False):
        return OnnxBackend(model, outputs=outputs, free_sizes=free_sizes)

class Threads(Theirs):
    name, sandboxable = "threads", False
    def load(self, model, *, outputs=(), free_sizes=False):
        raise AssertionError("it must not be asked")

class Silent:
    name, version = "silent", "1"

class Truthy(Threads):
    name, sandboxable = "truthy", "yes"
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of somebody else's, as pip leaves it."""
    (tmp_path / "their_backends.py").write_text(PLUGIN)
    about = tmp_path / "their_backends-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-backends\nVersion: 1\n")
    names = "\n".join(f"{name.lower()} = their_backends:{name}" for name in ("Theirs", "Threads", "Silent", "Truthy"))
    (about / "entry_points.txt").write_text(f"[velatura.edge_backends]\n{names}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "their_backends", raising=False)


def network(backend: str) -> Network:
    return Network("reds", "yunet-n", InputForm("BGR", max_side=320), Scores(0.3, 0.45, 0.8), backend=backend)


def test_the_built_in_says_what_it_is() -> None:
    found = backend_of("onnxruntime")
    assert found.sandboxable is True and found.name == "onnxruntime" and found.version


def test_another_package_brings_one(installed: None) -> None:
    assert {"onnxruntime", "theirs"} <= set(BACKENDS.names())
    spotter = Spotter(network_bytes(), network("theirs"))
    assert type(spotter.backend).__name__ == "OnnxBackend"
    assert spotter.backend.run(np.zeros((1, 3, 64, 64), np.float32))["cls_8"].shape == (1, 64, 1)


@pytest.mark.parametrize("name", ["threads", "silent", "truthy"])
def test_one_that_cannot_be_locked_up_is_refused_before_it_loads(name: str, installed: None) -> None:
    with pytest.raises(Unsupported, match=r"edge\.backend"):
        Spotter(network_bytes(), network(name))


def test_an_unknown_one_is_named() -> None:
    with pytest.raises(BadSpec, match=r"plugins\.unknown"):
        backend_of("onnx-runtime")
